package tokenendpoint

import (
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/sessiongate/sessiongate/caddymodule/token/tokentest"
	"github.com/sessiongate/sessiongate/store"
)

// wantMalformed fails the test unless the gate refuses a request with these parameters as
// ambiguous, and does not forward it.
func (g *grantTest) wantMalformed(t *testing.T, parameters ...string) {
	t.Helper()
	a := g.Grant(t, nil, parameters...)
	a.Want(t, http.StatusBadRequest, `{"error":"invalid_request","error_description":`)
	g.WantTaken(t, 0)
}

// respelt returns other spellings of a JWT that lenient decoders read as that JWT.
func respelt(raw string) []string {
	at := strings.LastIndexByte(raw, '.') + 1
	header, _, _ := strings.Cut(raw, ".")
	parts := strings.Split(raw, ".")
	return []string{
		`{"protected":"` + parts[0] + `","payload":"` + parts[1] + `","signature":"` + parts[2] + `"}`, "+" + raw,
		raw + "=", raw + "==", raw[:len(raw)-1] + string(raw[len(raw)-1]+1), raw + ".", raw + ".x",
		raw[:at] + "!" + raw[at:], raw[:at] + "\\" + raw[at:], header + "=" + raw[len(header):], `"` + raw + `"`, "%65" + raw[1:],
	}
}

// Attack: after all tokens of a subject were revoked, send its JWT refresh token in another
// spelling. No gate saw that token in an answer. By its text it is an unknown opaque token,
// and the endpoint decodes it as before.
func TestARespeltJWTIsRefusedThoughNoGateSawIt(t *testing.T) {
	now := time.Now()
	g := newGrantTest(t, Options{})
	refresh := g.Mint(t, map[string]any{"sid": nil, "typ": "Refresh", "exp": now.Add(time.Hour).Unix(), "iat": now.Unix() - 60})
	g.WantRefreshed(t, refresh, map[string]any{"access_token": "opaque"})
	g.Revoke(t, store.KindSubject, "alice", now.Unix())
	g.WantRefused(t, refresh)
	for _, spelling := range respelt(refresh) {
		g.wantMalformed(t, "grant_type", "refresh_token", "refresh_token", spelling)
		g.wantMalformed(t, "grant_type", tokenExchange, "subject_token", spelling)
		g.wantMalformed(t, "grant_type", tokenExchange, "subject_token", "x", "actor_token", spelling)
	}
}

// Attack: the same with a JWT under the endpoint's own key, and with an encrypted one. A
// gate has seen both in answers, but another spelling has another name.
func TestARespeltTokenThatAGateSawIsRefused(t *testing.T) {
	g := newGrantTest(t, Options{})
	hidden := tokentest.Mint(t, tokentest.NewKey(t, "HS256", ""), tokentest.Claims(time.Now(), nil))
	const sealed = "eyJhbGciOiJkaXIiLCJlbmMiOiJBMTI4R0NNIn0..aXY.Y2lwaGVyZw.dGFnZw"
	for _, refresh := range []string{hidden, sealed} {
		access := g.access(t, "for "+refresh[len(refresh)-6:], nil)
		g.Login(t, hand(access, refresh))
		g.end(t, access).Want(t, http.StatusOK, invalidated)
		g.WantRefused(t, refresh)
		for _, spelling := range append(respelt(refresh), strings.Replace(refresh, ".aXY.", ".aXZ.", 1)+"=") {
			g.wantMalformed(t, "grant_type", "refresh_token", "refresh_token", spelling)
		}
	}
}

// Attack: refresh with an opaque refresh token of a revoked session, in capitals. Laravel
// Passport, among others, decodes its hexadecimal digits in either case.
func TestAnOpaqueTokenInAnotherLetterCaseIsRefused(t *testing.T) {
	g := newGrantTest(t, Options{})
	const refresh = "def502009f86d081884c7d659a2feaa0c55ad015a3bf4f1b2b0b822cd15d6c15b0f00a08"
	access := g.access(t, "t1", nil)
	g.Login(t, hand(access, refresh))
	g.end(t, access).Want(t, http.StatusOK, invalidated)
	g.WantRefused(t, strings.ToUpper(refresh))
	g.WantRefused(t, "D"+refresh[1:])
	g.WantRefreshed(t, refresh+"00", map[string]any{"access_token": "opaque"})
}

// A token that the endpoint issues in another spelling is withheld: its client could not
// present it, and the gate could not find its owner.
func TestARespeltTokenIsWithheld(t *testing.T) {
	g := newGrantTest(t, Options{})
	for _, member := range []string{"access_token", "refresh_token", "id_token"} {
		for _, spelling := range respelt(g.Mint(t, nil)) {
			a := g.Grant(t, map[string]any{member: spelling}, "grant_type", "password")
			a.Want(t, http.StatusBadGateway, "server_error")
			if strings.Contains(a.Text, spelling[1:]) {
				t.Errorf("handed out %s", a.Text)
			}
		}
	}
}
