package tokenendpoint

import (
	"net/http"
	"testing"
)

// Each request that could issue tokens counts once.
func TestGrantsAreCounted(t *testing.T) {
	c := new(Counters)
	g := newGrantTest(t, Options{Counters: c})
	counted := func(when string, want ...uint64) {
		t.Helper()
		for i, n := range []uint64{c.Issued.Load(), c.NoTokens.Load(), c.Refused.Load(), c.Malformed.Load(), c.Withheld.Load(), c.Unavailable.Load()} {
			if n != want[i] {
				t.Errorf("%s: counter %d is %d, want %d", when, i, n, want[i])
			}
		}
	}
	access := g.access(t, "a1", map[string]any{"sid": "s"})
	g.Login(t, hand(access, "r1"))
	counted("a login", 1, 0, 0, 0, 0, 0)
	g.Answers(func(w http.ResponseWriter, _ *http.Request) { w.WriteHeader(http.StatusBadRequest) })
	g.Send(t, http.MethodPost, tokenPath, formMedia, "grant_type=password&username=a")
	g.Answers(func(http.ResponseWriter, *http.Request) {})
	g.Send(t, http.MethodPost, tokenPath, formMedia, "grant_type=password&username=a")
	counted("answers without tokens", 1, 2, 0, 0, 0, 0)
	g.Send(t, http.MethodPost, tokenPath, formMedia, "refresh_token=a&refresh_token=b")
	g.Send(t, http.MethodPost, tokenPath, "text/plain", "x")
	counted("requests that cannot be read", 1, 2, 0, 2, 0, 0)
	g.end(t, access).Want(t, http.StatusOK, invalidated)
	g.Take()
	g.WantRefused(t, "r1")
	counted("a revoked token", 1, 2, 1, 2, 0, 0)
	g.Grant(t, hand(access, "r2"), "grant_type", "password", "username", "a").WantInvalidGrant(t)
	g.Answers(func(w http.ResponseWriter, _ *http.Request) { _, _ = w.Write([]byte("{")) })
	g.Send(t, http.MethodPost, tokenPath, formMedia, "grant_type=password&username=a")
	counted("answers that are withheld", 1, 2, 1, 2, 2, 0)
	g.Send(t, http.MethodGet, tokenPath, "", "") // it could not issue tokens
	_, set := g.Hub.Store()
	set.Close()
	g.Send(t, http.MethodPost, tokenPath, formMedia, "grant_type=password&username=a")
	counted("a gate that cannot check", 1, 2, 1, 2, 2, 1)
}
