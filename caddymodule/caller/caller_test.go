package caller_test

import (
	"errors"
	"net/http"
	"net/http/httptest"
	"testing"
	"testing/synctest"
	"time"

	"github.com/sessiongate/sessiongate/caddymodule/caller"
	"github.com/sessiongate/sessiongate/caddymodule/caller/callertest"
	"github.com/sessiongate/sessiongate/caddymodule/credential"
	"github.com/sessiongate/sessiongate/caddymodule/reply"
	"github.com/sessiongate/sessiongate/caddymodule/token/tokentest"
	"github.com/sessiongate/sessiongate/store"
)

// Read returns where a credential was, also if it is refused. For several credentials there
// is no single place.
func TestReadFindsTheCaller(t *testing.T) {
	g := callertest.New(t, "HS256")
	good := g.Mint(t, nil)
	old := tokentest.Mint(t, g.Key, tokentest.Claims(time.Now().Add(-time.Hour), nil))
	for name, c := range map[string]struct {
		header, cookie string
		source         credential.Source
		reason         string // "" for a valid token
	}{
		"a header":            {"Bearer " + good, "", credential.SourceHeader, ""},
		"a cookie":            {"", "session=" + good, credential.SourceCookie, ""},
		"nothing":             {"", "", credential.SourceNone, "missing"},
		"another scheme":      {"Basic YTpi", "", credential.SourceNone, "missing"},
		"both":                {"Bearer " + good, "session=" + good, credential.SourceNone, "several"},
		"a broken one":        {"Bearer abc", "", credential.SourceHeader, "malformed"},
		"a broken cookie":     {"", "session=abc", credential.SourceCookie, "malformed"},
		"a forged cookie":     {"", "session=" + good + "x", credential.SourceCookie, "invalid"},
		"one that is too old": {"Bearer " + old, "", credential.SourceHeader, "expired"},
	} {
		r := callertest.Fields(httptest.NewRequest(http.MethodGet, "/", nil), "Authorization", c.header, "Cookie", c.cookie)
		verified, source, deny := g.Reader.Read(r, new(time.Now()))
		reason := ""
		if deny != nil {
			reason = deny.Reason
		}
		if source != c.source || reason != c.reason || (verified != nil) != (c.reason == "") || verified != nil && verified.Subject != "alice" {
			t.Errorf("%s: read %v from %v, reason %q; want %v, %q", name, verified, source, reason, c.source, c.reason)
		}
	}
}

// Check refuses a revoked token, and every token while the gate cannot check.
func TestCheckRefusesARevokedToken(t *testing.T) {
	g := callertest.New(t, "HS256")
	check := func(session string) *reply.Denial {
		verified, _, deny := g.Reader.Read(callertest.Request(http.MethodGet, "/", g.Of(t, session), ""), new(time.Now()))
		if deny != nil {
			t.Fatal(callertest.Written(deny))
		}
		return g.Reader.Check(verified, time.Now())
	}
	g.Revoke(t, store.KindSession, "over", 0)
	if deny := check("over"); !deny.Is(reply.Revoked) {
		t.Errorf("a revoked session: %s", callertest.Written(deny))
	}
	if deny := check("on"); deny != nil {
		t.Errorf("another session: %s", callertest.Written(deny))
	}
	g.Fence()
	if deny := check("on"); deny == nil || deny.Reason != caller.Unavailable.Reason {
		t.Errorf("without a lease: %s", callertest.Written(deny))
	}
}

// Note remembers a session for its subject. A request of another subject must not change
// the owner.
func TestNoteRemembersTheSession(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		g := callertest.New(t, "HS256")
		note := func(raw string) {
			verified, _, deny := g.Reader.Read(callertest.Request(http.MethodGet, "/", raw, ""), new(time.Now()))
			if deny != nil {
				t.Fatal(callertest.Written(deny))
			}
			g.Reader.Note(verified, time.Now())
		}
		owned := func(session string) error {
			return g.Hub.Owned(t.Context(), tokentest.Issuer, session, func(subject string) bool { return subject == "alice" })
		}
		raw := g.Mint(t, map[string]any{"sid": "laptop", "exp": time.Now().Add(2 * time.Hour).Unix()})
		if err := owned("laptop"); !errors.Is(err, store.ErrUnknownSession) {
			t.Errorf("before: %v, want ErrUnknownSession", err)
		}
		note(raw)
		note(g.Mint(t, map[string]any{"sid": nil}))
		if err := owned("laptop"); err != nil {
			t.Errorf("the session is not alice's: %v", err)
		}
		lastSeen := func() int64 {
			known, err := g.Hub.SessionsOf(t.Context(), tokentest.Issuer, "alice")
			if err != nil || len(known) != 1 {
				t.Fatalf("known are %v, %v; want one session", known, err)
			}
			return known[0].LastSeen
		}
		// Further requests with the same token write nothing for a while.
		first := lastSeen()
		time.Sleep(time.Second)
		note(raw)
		if got := lastSeen(); got != first {
			t.Errorf("noted again after a second: %d, not %d", got, first)
		}
		time.Sleep(time.Hour)
		note(raw)
		if got := lastSeen(); got != time.Now().Unix() {
			t.Errorf("noted at %d after an hour, want %d", got, time.Now().Unix())
		}
	})
}
