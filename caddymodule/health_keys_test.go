package caddymodule

import (
	"fmt"
	"net/http"
	"strings"
	"testing"

	"github.com/sessiongate/sessiongate/caddymodule/hub"
	"github.com/sessiongate/sessiongate/caddymodule/keys"
	"github.com/sessiongate/sessiongate/caddymodule/stores"
	"github.com/sessiongate/sessiongate/store/memstore"
	"github.com/sessiongate/sessiongate/store/replica"
)

// neverLoaded returns the keys of a URL that nobody has fetched yet.
func neverLoaded(tb testing.TB) keys.Source {
	tb.Helper()
	source, err := keys.NewRemote(keys.RemoteOptions{URL: "https://keys.internal/jwks.json"})
	if err != nil {
		tb.Fatal(err)
	}
	return source
}

// Fault: a typo in the URL of a key set. All probes are green, and everybody is refused. No
// answer may name the URL, because anybody in the cluster may be able to ask.
func TestProbesWaitForTheKeysOfIssuers(t *testing.T) {
	const a, b = "https://a.example.com", "https://b.example.com"
	secret, err := keys.NewHMAC([]byte(strings.Repeat("s3cret", 8)))
	if err != nil {
		t.Fatal(err)
	}
	never := func(names string) (startup, ready string) {
		return "the keys of " + names + " were never loaded; the gate's log says why", "the gate has no keys of " + names + "; the gate's log says why"
	}
	for name, c := range map[string]struct {
		issuers []*Issuer
		sources []keys.Source
		names   string // of the issuers that are waited for
	}{
		"a secret":       {[]*Issuer{{Issuer: b}}, []keys.Source{secret}, ""},
		"no keys":        {[]*Issuer{{Issuer: a}}, []keys.Source{neverLoaded(t)}, a},
		"one of two":     {[]*Issuer{{Issuer: b}, {Issuer: a}}, []keys.Source{secret, neverLoaded(t)}, a},
		"none of two":    {[]*Issuer{{Issuer: a}, {Issuer: b}}, []keys.Source{neverLoaded(t), neverLoaded(t)}, a + " and " + b},
		"optional":       {[]*Issuer{{Issuer: a, KeysOptional: true}}, []keys.Source{neverLoaded(t)}, ""},
		"one optional":   {[]*Issuer{{Issuer: a, KeysOptional: true}, {Issuer: b}}, []keys.Source{neverLoaded(t), neverLoaded(t)}, b},
		"another source": {[]*Issuer{{Issuer: a}}, []keys.Source{keys.Join(neverLoaded(t), secret)}, ""},
	} {
		for _, readiness := range []string{"lenient", "strict"} {
			t.Run(name+", "+readiness, func(t *testing.T) {
				app := &App{module: &stores.Memory{}, hub: hub.New(hub.Options{}), Readiness: readiness, Issuer: c.issuers, sources: c.sources}
				h := &Health{app}
				wantProbes(t, h, "before the start", unread, unread)
				mustOpen(t, app.hub, replica.Options{}, memstore.New(nil))
				<-setOf(app).Synced()
				startup, ready := "", ""
				if c.names != "" {
					startup, ready = never(c.names)
				}
				if readiness == "lenient" {
					ready = ""
				}
				wantProbes(t, h, "after the start", startup, ready)
				if _, said := probe(t, h, http.MethodGet, "/startupz"); strings.Contains(fmt.Sprint(said), "internal") {
					t.Errorf("the answer names the URL: %v", said)
				}
			})
		}
	}
}
