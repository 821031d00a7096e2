package sessionapi

import (
	"fmt"
	"math/rand/v2"
	"net/http"
	"testing"
	"time"

	"github.com/sessiongate/sessiongate/caddymodule/token"
	"github.com/sessiongate/sessiongate/store"
)

// randomToken is a token of alice in a random run.
type randomToken struct {
	raw, session, id string
	login            int64
}

// Attack: end something with a token that is revoked, in any order of logins and revocations.
// Such a token may end its own login, and nothing else. After a 200 the token, and every token
// that shares its session or its login, is refused.
func TestARevokedTokenEndsItsOwnLoginAtMost(t *testing.T) {
	for seed := range uint64(60) {
		t.Run(fmt.Sprint("seed ", seed), func(t *testing.T) {
			var changes []func(*token.IssuerOptions)
			if seed%2 == 1 {
				changes = append(changes, admitReauthentication)
			}
			inAPI(t, Options{}, func(t *testing.T, g *apiTest) { runRandomly(t, g, rand.New(rand.NewPCG(seed, 13))) }, changes...)
		})
	}
}

func runRandomly(t *testing.T, g *apiTest, random *rand.Rand) {
	t.Helper()
	var tokens []randomToken
	admitted := func(r randomToken) bool { return g.Get(t, "/", r.raw).Code == http.StatusOK }
	all := func() (now []bool) {
		for _, r := range tokens {
			now = append(now, admitted(r))
		}
		return now
	}
	for step := range 80 {
		time.Sleep(time.Duration(random.IntN(3)) * time.Second)
		if len(tokens) == 0 || random.IntN(3) == 0 {
			r := randomToken{session: []string{"", "s", "t", "u"}[random.IntN(4)], id: fmt.Sprint(step)}
			var login time.Time
			if random.IntN(3) > 0 {
				login = time.Now().Add(-time.Duration(random.IntN(20)) * time.Second)
				if len(tokens) > 0 && random.IntN(2) == 0 {
					login = time.Unix(max(1, tokens[random.IntN(len(tokens))].login), 0)
				}
				r.login = login.Unix()
			}
			r.raw = g.Mint(t, at(r.session, login, "jti", r.id))
			tokens = append(tokens, r)
			continue
		}
		r := tokens[random.IntN(len(tokens))]
		before := all()
		was := admitted(r)
		switch random.IntN(6) {
		case 0:
			g.Revoke(t, store.KindToken, r.id, 0)
		case 1:
			g.Revoke(t, store.KindSubject, "alice", time.Now().Unix()-int64(random.IntN(10)))
		case 2:
			g.delete(t, sessionsPath+exceptCurrent, r.raw)
			if after := all(); !was {
				wantUnchanged(t, tokens, before, after, randomToken{})
			}
		default:
			code := g.end(t, r.raw, "").Code
			after := all()
			if !was {
				wantUnchanged(t, tokens, before, after, r)
			}
			if was && code != http.StatusOK {
				t.Fatalf("step %d: DELETE with an admitted token answered %d", step, code)
			}
			for i, other := range tokens {
				shares := other == r || r.session != "" && other.session == r.session || r.login != 0 && other.login == r.login
				if was && shares && after[i] {
					t.Fatalf("step %d: %+v is admitted after the DELETE with %+v", step, other, r)
				}
			}
		}
	}
}

// wantUnchanged fails the test if the admission of a token changed that is not of the login of by.
func wantUnchanged(t *testing.T, tokens []randomToken, before, after []bool, by randomToken) {
	t.Helper()
	for i, r := range tokens {
		if before[i] != after[i] && (by.login == 0 || r.login != by.login) {
			t.Fatalf("the revoked %+v ended %+v", by, r)
		}
	}
}
