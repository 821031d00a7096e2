package tokenendpoint

import (
	"fmt"
	"math/rand/v2"
	"net/http"
	"testing"
	"time"

	"github.com/sessiongate/sessiongate/caddymodule/token"
)

// Attack: after a logout with any token of a login that a token endpoint handed out, go on with
// any other token of it, or refresh it, in any order of logins, refreshes and logouts. What other
// logins got goes on.
func TestALogoutEndsWhatItsLoginGotAndNothingElse(t *testing.T) {
	for seed := range uint64(20) {
		t.Run(fmt.Sprint("seed ", seed), func(t *testing.T) {
			var changes []func(*token.IssuerOptions)
			if seed%2 == 1 {
				changes = append(changes, admitReauthentication)
			}
			runLogins(t, newGrantTest(t, Options{}, changes...), rand.New(rand.NewPCG(seed, 13)))
		})
	}
}

// randomLogin is a login, and what it got. The last of the refresh tokens is in use.
type randomLogin struct {
	access, refresh []string
	session         any
	at              int64
	over            bool
}

func runLogins(t *testing.T, g *grantTest, random *rand.Rand) {
	t.Helper()
	var logins []*randomLogin
	now, next := time.Now().Unix(), 0
	names := func() string { next++; return fmt.Sprint("n", next) }
	hands := func(l *randomLogin, authTime bool) map[string]any {
		claims := map[string]any{}
		if authTime {
			claims["auth_time"] = l.at
		}
		access, refresh := g.access(t, names(), claims), names()
		l.access, l.refresh = append(l.access, access), append(l.refresh, refresh)
		tokens := hand(access, refresh)
		if l.session != nil {
			tokens["id_token"] = g.Mint(t, map[string]any{"sid": l.session, "auth_time": l.at, "jti": nil, "aud": "client"})
		}
		return tokens
	}
	for range 40 {
		if len(logins) == 0 || random.IntN(4) == 0 {
			// Each login has a session and a second of its own.
			l := &randomLogin{at: now - 1000 + int64(len(logins))}
			if random.IntN(2) == 0 {
				l.session = names()
			}
			g.Login(t, hands(l, random.IntN(2) == 0))
			logins = append(logins, l)
			continue
		}
		l := logins[random.IntN(len(logins))]
		last := l.refresh[len(l.refresh)-1]
		switch {
		case random.IntN(3) == 0 && !l.over:
			g.end(t, l.access[random.IntN(len(l.access))]).Want(t, http.StatusOK, invalidated)
			l.over = true
		case l.over:
			// It is 404, or 401 for a token that names a login which nobody has ended.
			if code := g.end(t, l.access[random.IntN(len(l.access))]).Code; code != http.StatusNotFound && code != http.StatusUnauthorized {
				t.Fatalf("a repeated logout is answered %d", code)
			}
			g.WantRefused(t, last)
		default:
			g.WantRefreshed(t, last, hands(l, random.IntN(2) == 0))
		}
		for _, l := range logins {
			for _, access := range l.access {
				if admitted := g.Get(t, "/", access).Code == http.StatusOK; admitted == l.over {
					t.Fatalf("a token of a login in %v at %d is admitted: %t, and the login is over: %t", l.session, l.at, admitted, l.over)
				}
			}
		}
	}
}
