package tokenendpoint

import (
	"bytes"
	"log/slog"
	"net/http"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/sessiongate/sessiongate/caddymodule/caller/callertest"
	"github.com/sessiongate/sessiongate/caddymodule/oauth"
)

const jsonMedia = "application/json"

// Attack: an endpoint has names of its own for its tokens. The gate learns nothing of a login,
// and the refresh token of an ended session goes on.
func TestTokensUnderOtherNamesAreLearnedAndChecked(t *testing.T) {
	named, err := oauth.NewNames([]string{"jwt"}, []string{"renewal"})
	if err != nil {
		t.Fatal(err)
	}
	for name, tt := range map[string]struct {
		names                    oauth.Names
		access, refresh, present string
		// beside is what the request holds besides the refresh token. It is no credential.
		beside string
	}{
		"Simple JWT":       {oauth.Names{}, "access", "refresh", "refresh", ""},
		"its access token": {oauth.Names{}, "access", "refresh", "refresh", `,"access":"eyJhbGciOiJIUzI1NiJ9.e30.AAAA"`},
		"FusionAuth":       {oauth.Names{}, "token", "refreshToken", "refreshToken", `,"token":"eyJhbGciOiJIUzI1NiJ9.e30.AAAA"`},
		"the operator":     {named, "jwt", "renewal", "renewal", ""},
	} {
		t.Run(name, func(t *testing.T) {
			g := newGrantTest(t, Options{Names: map[string]oauth.Names{tokenPath: tt.names}})
			present := func(refresh string, tokens map[string]any) string {
				g.Hands(tokens)
				a := g.Send(t, http.MethodPost, tokenPath, jsonMedia, `{"`+tt.present+`":"`+refresh+`"`+tt.beside+`}`)
				return a.Text
			}
			first := g.access(t, "first", nil)
			g.Hands(map[string]any{tt.access: first, tt.refresh: "the-first-refresh-token", "user": map[string]any{"id": 1}})
			g.Send(t, http.MethodPost, tokenPath, jsonMedia, `{"username":"a","password":"b"}`).Want(t, http.StatusOK, "{")
			second := g.access(t, "second", nil)
			if got := present("the-first-refresh-token", map[string]any{tt.access: second, tt.refresh: "the-second-refresh-token"}); !strings.Contains(got, second) {
				t.Fatalf("refreshed: %s", got)
			}
			g.Take()
			g.end(t, second).Want(t, http.StatusOK, invalidated)
			g.Get(t, "/", first).Want(t, http.StatusUnauthorized, "unauthorized")
			for _, refresh := range []string{"the-first-refresh-token", "the-second-refresh-token"} {
				if got := present(refresh, map[string]any{tt.access: g.access(t, "third", nil)}); !strings.Contains(got, "invalid_grant") {
					t.Errorf("%s is answered %s", refresh, got)
				}
			}
			g.WantTaken(t, 0)
		})
	}
}

// Tokens in cookies, or under names that nobody knows, are not checked. The log says so, once
// a minute at most.
func TestAnAnswerWithoutATokenIsAWarning(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var log bytes.Buffer
		e := New(Options{Logger: slog.New(slog.NewTextHandler(&log, nil))})
		r := callertest.Request(http.MethodPost, tokenPath, "", "")
		answered := func(method, body string) (lines int) {
			log.Reset()
			r.Method = method
			response := &bufferedResponse{header: http.Header{"Set-Cookie": {"refresh=x"}, "Content-Type": {jsonMedia}}, status: http.StatusOK}
			response.body.WriteString(body)
			x := &exchange{Endpoint: e, asked: time.Now()}
			if deny := x.checkResponse(r, response); deny != nil {
				t.Errorf("%q: %v", body, deny)
			}
			if strings.Contains(log.String(), "x=") || !strings.Contains(log.String(), "level=WARN") && log.Len() > 0 {
				t.Errorf("the log says %s", log.String())
			}
			return strings.Count(log.String(), "found no token in the body") * strings.Count(log.String(), "path="+tokenPath)
		}
		for _, tt := range []struct {
			method, body string
			wait         time.Duration
			want         int
		}{
			{http.MethodHead, "", 0, 0},
			{http.MethodPost, `{"sessionJwt":"a"}`, 0, 1},
			{http.MethodPost, `{"sessionJwt":"a"}`, 59 * time.Second, 0},
			{http.MethodPost, "", time.Second, 1},
			{http.MethodPost, `{"access":"private"}`, time.Minute, 1},
			{http.MethodPost, `{"detail":"ok"}`, 0, 0},
		} {
			time.Sleep(tt.wait)
			if got := answered(tt.method, tt.body); got != tt.want {
				t.Errorf("%s %q after %v: %d warnings, want %d", tt.method, tt.body, tt.wait, got, tt.want)
			}
		}
	})
}

func TestAnAnswerWithATokenIsNoWarning(t *testing.T) {
	var log bytes.Buffer
	g := newGrantTest(t, Options{Logger: slog.New(slog.NewTextHandler(&log, nil))})
	for _, answer := range []map[string]any{
		hand("opaque", ""), {"refresh_token": "r"}, {"id_token": "i"}, {"access": "an-opaque-access-token"}, {"token": g.access(t, "a", nil)},
	} {
		g.Login(t, answer)
	}
	if log.Len() > 0 {
		t.Errorf("the log says %s", log.String())
	}
}
