package sessionapi

import (
	"encoding/base64"
	"encoding/json"
	"fmt"
	"net/http"
	"net/http/httptest"
	"net/url"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/sessiongate/sessiongate/caddymodule/caller/callertest"
	"github.com/sessiongate/sessiongate/caddymodule/hub"
	"github.com/sessiongate/sessiongate/store"
)

// listAt requests a page of the list.
func (g *apiTest) listAt(tb testing.TB, token, query string) (l list) {
	tb.Helper()
	a := g.Get(tb, sessionsPath+query, token)
	a.Want(tb, http.StatusOK, `{"sessions":[`)
	if err := json.Unmarshal(a.Body.Bytes(), &l); err != nil {
		tb.Fatalf("%s: %v", a.Body, err)
	}
	return l
}

func (l list) ids() (ids []string) {
	for _, s := range l.Sessions {
		ids = append(ids, s.SessionID)
	}
	return ids
}

func (g *apiTest) wantList(tb testing.TB, token string, want ...string) {
	tb.Helper()
	if got := g.listAt(tb, token, "").ids(); !slices.Equal(got, want) {
		tb.Errorf("listed %q, want %q", got, want)
	}
}

func TestTheCallersSessionsAreListed(t *testing.T) {
	inAPI(t, Options{}, func(t *testing.T, g *apiTest) {
		g.Get(t, "/", g.Of(t, "phone")).Want(t, http.StatusOK, "")
		g.Get(t, "/", g.Mint(t, map[string]any{"sid": "bobs", "sub": "bob"})).Want(t, http.StatusOK, "")
		time.Sleep(time.Minute)
		a := g.Get(t, sessionsPath, g.Of(t, `"laptop"`))
		// The session of the request is listed even if it did nothing else.
		a.Want(t, http.StatusOK, `{"sessions":[`+
			`{"session_id":"\"laptop\"","first_seen":"2000-01-01T00:01:00Z","last_seen":"2000-01-01T00:01:00Z","current":true},`+
			`{"session_id":"phone","first_seen":"2000-01-01T00:00:00Z","last_seen":"2000-01-01T00:00:00Z","current":false}]}`)
		for field, want := range map[string]string{"Cache-Control": "no-store", "Content-Type": "application/json", "Etag": ""} {
			if got := a.Header().Get(field); got != want {
				t.Errorf("%s is %q, want %q", field, got, want)
			}
		}
		bare := g.listAt(t, g.Mint(t, map[string]any{"sid": nil, "jti": "bare"}), "")
		if len(bare.Sessions) != 2 || bare.Sessions[0].Current || bare.Sessions[1].Current {
			t.Errorf("a token without a session sees %v, want two, neither of them current", bare.Sessions)
		}
	})
}

func TestSessionsThatAreOverAreNotListed(t *testing.T) {
	inAPI(t, Options{}, func(t *testing.T, g *apiTest) {
		laptop := g.Of(t, "laptop")
		for _, session := range []string{"phone", "tablet"} {
			g.Get(t, "/", g.Of(t, session)).Want(t, http.StatusOK, "")
			time.Sleep(time.Second)
		}
		g.wantList(t, laptop, "laptop", "tablet", "phone")
		g.delete(t, sessionsPath+"/phone", laptop).Want(t, http.StatusOK, "phone")
		g.wantList(t, laptop, "laptop", "tablet")
		g.delete(t, sessionsPath+exceptCurrent, laptop).Want(t, http.StatusOK, allEnded)
		g.wantList(t, laptop, "laptop")
		desk := g.Of(t, "desk")
		g.wantList(t, desk, "desk", "laptop")
		g.delete(t, sessionsPath, desk).Want(t, http.StatusOK, allEnded)
		again := g.Of(t, "again")
		g.wantList(t, again, "again")
		time.Sleep(time.Second)
		// The issuer does not know about the logout, and continues the session. The list
		// must show that it is live.
		refreshed := g.Mint(t, map[string]any{"sid": "desk", "jti": "refreshed"})
		g.Get(t, "/", refreshed).Want(t, http.StatusOK, "")
		g.wantList(t, again, "desk", "again")
	})
}

// A revocation of everything that the issuer issued counts, too.
func TestSessionsThatTheIssuerEndedAreNotListed(t *testing.T) {
	inAPI(t, Options{}, func(t *testing.T, g *apiTest) {
		g.Get(t, "/", g.Of(t, "phone")).Want(t, http.StatusOK, "")
		now := time.Now()
		if err := g.Hub.Revoke(t.Context(), hub.Cause{}, store.Revocation{
			Kind: store.KindIssuer, Key: g.Hub.Key(store.KindIssuer, "https://id.example.com", ""),
			NotBefore: now.Unix(), Expires: g.Hub.Expires(now),
		}); err != nil {
			t.Fatal(err)
		}
		time.Sleep(time.Second)
		g.wantList(t, g.Of(t, "laptop"), "laptop")
	})
}

func TestTheListIsPaged(t *testing.T) {
	inAPI(t, Options{}, func(t *testing.T, g *apiTest) {
		const n = 230
		laptop := g.Of(t, "s000")
		for i := range n {
			g.Get(t, "/", g.Of(t, fmt.Sprintf("s%03d", i))).Want(t, http.StatusOK, "")
			if i%7 == 0 { // several in a second
				time.Sleep(time.Second)
			}
		}
		for query, size := range map[string]int{"": 50, "?limit=100": 100, "?limit=7": 7, "?limit=100&x=y": 100} {
			var seen []string
			at := query
			for {
				l := g.listAt(t, laptop, at)
				if len(l.Sessions) > size || l.Next != "" && len(l.Sessions) != size {
					t.Fatalf("%s: a page of %d, want %d", at, len(l.Sessions), size)
				}
				seen = append(seen, l.ids()...)
				if l.Next == "" {
					break
				}
				// Invariant 10: the cursor is in access logs.
				last := l.ids()[size-1]
				if raw, _ := base64.RawURLEncoding.DecodeString(l.Next); len(raw) != 24 ||
					strings.Contains(l.Next, last) || strings.Contains(string(raw), last) {
					t.Errorf("the cursor is %q", l.Next)
				}
				at = "?after=" + l.Next + strings.Replace(query, "?", "&", 1)
				// Sessions that are seen meanwhile do not change the following pages.
				g.Get(t, "/", g.Of(t, "new "+l.Next)).Want(t, http.StatusOK, "")
			}
			seen = slices.DeleteFunc(seen, func(s string) bool { return strings.HasPrefix(s, "new ") })
			sorted := slices.Sorted(slices.Values(seen))
			if len(seen) != n || len(slices.Compact(sorted)) != n {
				t.Errorf("%q: saw %d sessions, %d of them different, want %d", query, len(seen), len(slices.Compact(sorted)), n)
			}
		}
	})
}

func TestWhatIsNoPageIsRefused(t *testing.T) {
	inAPI(t, Options{}, func(t *testing.T, g *apiTest) {
		laptop := g.Of(t, "laptop")
		for _, query := range []string{
			"?limit=0", "?limit=101", "?limit=-1", "?limit=", "?limit", "?limit=1e1", "?limit=+5", "?limit=%2B5", "?limit=05", "?limit=5&limit=5",
			"?limit=99999999999999999999", "?after=", "?after=x", "?after=" + strings.Repeat("A", 31), "?after=" + strings.Repeat("A", 33),
			"?after=" + strings.Repeat("A", 32) + "&after=" + strings.Repeat("A", 32), "?after=" + strings.Repeat("=", 32), "?after=" + strings.Repeat("A", 8<<10),
			"?limit=5;after=x", "?limit=%zz",
		} {
			g.Serve(t, get(t, sessionsPath+query, laptop)).Want(t, http.StatusBadRequest, "invalid_request")
		}
	})
}

func get(tb testing.TB, uri, token string) *http.Request {
	tb.Helper()
	path, query, _ := strings.Cut(uri, "?")
	r := callertest.Request(http.MethodGet, path, token, "")
	r.URL = &url.URL{Path: path, RawQuery: query}
	return r
}

func TestWhoMayNotSeeTheList(t *testing.T) {
	inAPI(t, Options{Origins: fromApp(t)},
		func(t *testing.T, g *apiTest) {
			laptop := g.Of(t, "laptop")
			over := g.Of(t, "over")
			g.end(t, over, "").Want(t, http.StatusOK, invalidated)
			g.Get(t, sessionsPath, "").Want(t, http.StatusUnauthorized, "unauthorized")
			g.Get(t, sessionsPath, laptop+"x").Want(t, http.StatusUnauthorized, "unauthorized")
			g.Get(t, sessionsPath, over).Want(t, http.StatusUnauthorized, "unauthorized")
			g.Get(t, sessionsPath+"?limit=x", over).Want(t, http.StatusUnauthorized, "unauthorized")
			g.Get(t, sessionsPath, "abc").Want(t, http.StatusUnauthorized, "unauthorized")
			g.Get(t, sessionsPath, g.Mint(t, map[string]any{"sub": nil})).Want(t, http.StatusBadRequest, "names no subject")
			// A page of another site gets the answer, but may not read it.
			r := httptest.NewRequest(http.MethodGet, sessionsPath, nil)
			r.Header.Set("Cookie", "session="+laptop)
			for origin, want := range map[string]string{"https://app.example.com": "https://app.example.com", "https://evil.example.net": ""} {
				r.Header.Set("Origin", origin)
				a := g.Serve(t, r)
				a.Want(t, http.StatusOK, "laptop")
				if got := a.Header().Get("Access-Control-Allow-Origin"); got != want {
					t.Errorf("%s: the answer may be read by %q, want %q", origin, got, want)
				}
			}
			g.Fence()
			g.Get(t, sessionsPath, laptop).Want(t, http.StatusServiceUnavailable, "temporarily_unavailable")
		})
}
