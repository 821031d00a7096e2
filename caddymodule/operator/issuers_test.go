package operator_test

import (
	"encoding/json"
	"net/http"
	"runtime"
	"strings"
	"testing"
	"time"

	"github.com/sessiongate/sessiongate/caddymodule/keys"
	"github.com/sessiongate/sessiongate/caddymodule/operator"
	"github.com/sessiongate/sessiongate/caddymodule/operator/operatortest"
	"github.com/sessiongate/sessiongate/caddymodule/token/tokentest"
)

// The state names the keys of each issuer, and what fails about them.
//
// Attack: an API key in the URL of a key set is shown to whoever may ask for the state.
func TestStateNamesTheKeysOfIssuers(t *testing.T) {
	secret, err := keys.NewHMAC([]byte(strings.Repeat("s3cret", 8)))
	if err != nil {
		t.Fatal(err)
	}
	unfetched, err := keys.NewRemote(keys.RemoteOptions{URL: "https://id.example.com/jwks.json?api_key=canary"})
	if err != nil {
		t.Fatal(err)
	}
	app := operatortest.New(t)
	app.Configured.Store.Address = "/data/revocations.db"
	app.Configured.Keys = []operator.IssuerKeys{
		{Issuer: "https://id.example.com", Source: unfetched, Optional: true},
		{Issuer: "https://old.example.com", Source: secret},
	}
	text, err := json.Marshal(app.State().Issuers)
	if err != nil {
		t.Fatal(err)
	}
	want := `[{"issuer":"https://id.example.com","keys":0,"loaded":false,"keys_optional":true,"sources":[` +
		`{"kind":"jwks","place":"https://id.example.com/jwks.json","keys":0}]},` +
		`{"issuer":"https://old.example.com","keys":1,"loaded":true,"sources":[{"kind":"hmac_secret","keys":1}]}]`
	if string(text) != want {
		t.Errorf("the issuers are\n%s, want\n%s", text, want)
	}
	if got := app.State(); got.Address != "/data/revocations.db" || !got.Admits() || len(got.Awaited()) != 0 || len(got.WithoutKeys()) != 1 {
		t.Errorf("the state is %+v", got)
	}
}

// Fault: the URL of a key set is wrong, and is then repaired.
func TestStateFollowsAKeySet(t *testing.T) {
	endpoint := tokentest.NewEndpoint(t, tokentest.NewKey(t, "ES256", "a"))
	endpoint.Behave(func(w http.ResponseWriter, _ *http.Request) { w.WriteHeader(http.StatusNotFound) })
	source, err := keys.NewRemote(keys.RemoteOptions{URL: endpoint.Serve(t) + tokentest.KeySetPath})
	if err != nil {
		t.Fatal(err)
	}
	defer source.Close()
	app := operatortest.New(t)
	app.Configured.Keys = []operator.IssuerKeys{{Issuer: tokentest.Issuer, Source: source}}
	source.Start()
	await := func(what string, holds func(operator.State, operator.KeySource) bool) {
		t.Helper()
		for until := time.Now().Add(20 * time.Second); ; runtime.Gosched() {
			state := app.State()
			if of := state.Issuers[0].Sources[0]; holds(state, of) {
				return
			} else if time.Now().After(until) {
				t.Fatalf("not %s: %+v", what, of)
			}
		}
	}
	await("failing", func(s operator.State, of operator.KeySource) bool {
		return !s.Admits() && len(s.Awaited()) == 1 && len(s.Missed()) == 1 && strings.Contains(of.Error, "status 404") &&
			of.AgeSeconds == nil && of.NextSeconds != nil && *of.NextSeconds <= 1
	})
	endpoint.Behave(nil)
	await("loaded", func(s operator.State, of operator.KeySource) bool {
		return s.Admits() && len(s.Awaited()) == 0 && of.Keys == 1 && of.Error == "" && of.AgeSeconds != nil && of.NextSeconds != nil && *of.NextSeconds > 500
	})
}

// Fault: the name of the issuer has a slash too many, or the audience is another one. The store and
// the keys are fine, and every user gets 401.
func TestAGateThatAcceptsNobodySaysSo(t *testing.T) {
	app := operatortest.New(t)
	for _, c := range []struct {
		admitted, bad uint64
		says          bool
	}{{0, 0, false}, {0, 9, false}, {0, 10, true}, {1, 1000, false}} {
		app.Configured.Requests = func() (admitted, badTokens uint64) { return c.admitted, c.bad }
		state := app.State()
		why, next := state.Advice()
		if said := strings.Contains(why, "accepted none") && strings.Contains(next, "session-gate check"); said != c.says || state.Fenced || !state.Admits() {
			t.Errorf("admitted %d, and %d bad tokens: %q, %q", c.admitted, c.bad, why, next)
		}
		if strings.Contains(state.Admission(), "not accepted any token") != c.says {
			t.Errorf("admitted %d, and %d bad tokens: %q", c.admitted, c.bad, state.Admission())
		}
		// The operator knows of keys that are optional, and they hide nothing.
		state.Issuers = []operator.Issuer{{Issuer: "https://a", Keys: 1, Loaded: true}, {Issuer: "https://b", Optional: true}}
		if why, _ := state.Advice(); strings.Contains(why, "accepted none") != c.says || strings.Contains(state.Admission(), "not accepted any token") != c.says {
			t.Errorf("admitted %d, and %d bad tokens, without optional keys: %q, %q", c.admitted, c.bad, state.Admission(), why)
		}
	}
}
