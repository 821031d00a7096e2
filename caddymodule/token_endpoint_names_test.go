package caddymodule

import (
	"encoding/json"
	"net/http"
	"net/http/httptest"
	"reflect"
	"strings"
	"testing"
)

// In JSON a token endpoint is a path, or an object. Both mean the same.
func TestATokenEndpointInJSON(t *testing.T) {
	for text, want := range map[string]TokenEndpoint{
		` "/a"`:         {Path: "/a"},
		`{"path":"/a"}`: {Path: "/a"},
		`{"path":"/a","access_token":["x"],"refresh_token":["y","z"]}`: {Path: "/a", AccessToken: []string{"x"}, RefreshToken: []string{"y", "z"}},
	} {
		var got, again TokenEndpoint
		if err := json.Unmarshal([]byte(text), &got); err != nil || !reflect.DeepEqual(got, want) {
			t.Errorf("%s is %+v, %v; want %+v", text, got, err, want)
		}
		written, err := json.Marshal(got)
		if err == nil {
			err = json.Unmarshal(written, &again)
		}
		if err != nil || !reflect.DeepEqual(again, want) {
			t.Errorf("%s is written as %s, %v", text, written, err)
		}
	}
	for _, text := range []string{`{"paths":"/a"}`, `["/a"]`, `{"path":["/a"]}`, `1`} {
		if err := json.Unmarshal([]byte(text), new(TokenEndpoint)); err == nil {
			t.Errorf("%s was accepted", text)
		}
	}
}

// Django serves /api/token/ and not /api/token. Attack: a spelling of the path that the
// upstream serves all the same, with a revoked refresh token.
func TestATokenEndpointMayEndWithASlash(t *testing.T) {
	const login, refresh = "/api/token/", "/api/token/refresh/"
	g := newGrantTest(t, Gate{TokenEndpoint: tokenEndpoints(login, refresh)})
	tokens := map[string]any{"access": g.mint(t, map[string]any{"sid": "s"}), "refresh": "the-refresh-token"}
	g.Hands(tokens)
	g.Send(t, http.MethodPost, login, "application/json", `{"username":"a","password":"b"}`).Want(t, http.StatusOK, "refresh")
	g.end(t, g.mint(t, map[string]any{"sid": "s"}), "").want(t, http.StatusOK, invalidated)
	g.Take()
	const form = "refresh=the-refresh-token"
	for target, want := range map[string]string{
		refresh: "invalid_grant", login: "invalid_grant",
		"/api/token": "another spelling", "/api/token/refresh": "another spelling", "/api/token/refresh//": "another spelling",
		"/api/token/refresh/.": "another spelling", "/api/token/refresh.json": "another spelling",
	} {
		g.Send(t, http.MethodPost, target, formMedia, form).Want(t, http.StatusBadRequest, want)
	}
	g.WantTaken(t, 0)
	// A request that grants nothing is an ordinary one.
	g.serve(t, httptest.NewRequest(http.MethodGet, "/api/token", nil)).want(t, http.StatusUnauthorized, "unauthorized")
}

func TestAMemberThatTheOperatorNames(t *testing.T) {
	const path = "/login"
	g := newGrantTest(t, Gate{TokenEndpoint: []TokenEndpoint{{Path: path, RefreshToken: []string{"renewal"}}, {Path: "/other"}}})
	g.Hands(map[string]any{"access_token": g.mint(t, map[string]any{"sid": "s"}), "renewal": "r"})
	for _, target := range []string{path, "/other"} {
		g.Send(t, http.MethodPost, target, formMedia, "username=a").Want(t, http.StatusOK, "renewal")
	}
	g.end(t, g.mint(t, map[string]any{"sid": "s"}), "").want(t, http.StatusOK, invalidated)
	g.Hands(map[string]any{"token_type": "none"})
	g.Send(t, http.MethodPost, path, formMedia, "renewal=r").Want(t, http.StatusBadRequest, "invalid_grant")
	// At another endpoint the name has no meaning.
	if a := g.Send(t, http.MethodPost, "/other", formMedia, "renewal=r"); a.StatusCode != http.StatusOK || strings.Contains(a.Text, "invalid_grant") {
		t.Errorf("answered %d %s", a.StatusCode, a.Text)
	}
}

// Django Simple JWT signs refresh tokens with the key of its access tokens. `require` tells them
// apart at guarded paths. At the token endpoint a refresh token is what belongs there.
//
// Attack: a refresh token, which lives for weeks, as an access token.
func TestARequirementOfAccessTokensIsNoneOfRefreshTokens(t *testing.T) {
	const login, refresh, media = "/api/token/", "/api/token/refresh/", "application/json"
	g := newGrantTest(t, Gate{TokenEndpoint: tokenEndpoints(login, refresh)}, func(i *Issuer) {
		i.AcceptMissingIss, i.Audience, i.AnyAudience, i.SubjectClaim = true, nil, true, []string{"user_id"}
		i.Require = []*Requirement{{Claim: "token_type", Values: []string{"access"}}}
	})
	mint := func(kind, id string) string {
		return g.mint(t, map[string]any{"iss": nil, "aud": nil, "sub": nil, "sid": nil, "user_id": 42, "token_type": kind, "jti": id})
	}
	first, second, renewal := mint("access", "1"), mint("access", "2"), mint("refresh", "3")
	g.Hands(map[string]any{"access": first, "refresh": renewal})
	g.Send(t, http.MethodPost, login, media, `{"username":"a","password":"b"}`).Want(t, http.StatusOK, renewal)
	g.get(t, "/", first).want(t, http.StatusOK, "")
	g.get(t, "/", renewal).want(t, http.StatusUnauthorized, "unauthorized")
	g.Take()
	g.Hands(map[string]any{"access": second})
	g.Send(t, http.MethodPost, refresh, media, `{"refresh":"`+renewal+`"}`).Want(t, http.StatusOK, second)
	g.WantTaken(t, 1)
	ended := g.end(t, second, "")
	ended.want(t, http.StatusOK, invalidated)
	if kind := ended.Header().Get("Session-Gate-Ended"); kind != "login" {
		t.Errorf("the DELETE ended the %s, want the login", kind)
	}
	for _, access := range []string{first, second} {
		g.get(t, "/", access).want(t, http.StatusUnauthorized, "unauthorized")
	}
	g.Send(t, http.MethodPost, refresh, media, `{"refresh":"`+renewal+`"}`).Want(t, http.StatusBadRequest, "invalid_grant")
	g.WantTaken(t, 0)
}
