package reload

import (
	"strings"
	"testing"

	"github.com/sessiongate/sessiongate/tests/answers"
	"github.com/sessiongate/sessiongate/tests/harness"
)

// Fault: a wrong configuration is loaded into a running gate. It is refused as a whole,
// with advice. The previous configuration continues, with its keys, its store, and all
// revocations.
func TestWrongConfigurationChangesNothing(t *testing.T) {
	t.Parallel()
	occupant := harness.Start(t, harness.Config{Store: "store bolt {$GATE_DIR}/taken.db"})
	taken := occupant.Dir() + "/taken.db"
	cases := map[string]struct {
		config harness.Config
		want   []string
	}{
		"with a secret that is not there": {
			harness.Config{Issuers: harness.IssuerOf("hmac_secret {file.{$GATE_DIR}/nowhere}")},
			[]string{"hmac_secret of issuer", "/nowhere} is missing or empty"},
		},
		"with an unknown word": {harness.Config{App: "retentoin 24h"}, []string{`unrecognized subdirective \"retentoin\"`}},
		"with a retention that is too short": {
			harness.Config{App: "retention 1h"},
			[]string{"retention 1h0m0s is shorter than max_token_lifetime 24h0m0s", "raise retention"},
		},
		"with a store that another process holds": {
			harness.Config{Store: "store bolt " + taken},
			[]string{taken, "in use by another process", "stop the other process"},
		},
		"with a store whose folder is a file": {
			harness.Config{Store: "store bolt " + taken + "/revocations.db"}, []string{taken, "not a directory"},
		},
		// The apps start in any order: loading may fail after the store was opened.
		"with an address that cannot be had": {
			harness.Config{Store: "store bolt {$GATE_DIR}/new.db", Site: "bind unix/{$GATE_DIR}/hmac_secret/socket"},
			[]string{"hmac_secret/socket", "not a directory"},
		},
	}
	harness.EachStore(t, func(t *testing.T, store string) {
		g := harness.Start(t, harness.Config{Store: store})
		live, revoked := g.Token(harness.Session("lives on")), g.Token(harness.Session("revoked"))
		harness.See(t, g, live, revoked)
		answers.Invalidated.Check(t, harness.End(t, g, revoked))
		for name, c := range cases {
			t.Run(name, func(t *testing.T) {
				if c.config.Store == "" {
					c.config.Store = store
				}
				// Twice, because leaks of refused configurations add up.
				for range 2 {
					checkRefused(t, g, c.config, c.want)
				}
				harness.CheckAdmitted(t, harness.Get(t, g, live))
				answers.BadToken.Check(t, harness.Get(t, g, revoked))
				token := g.Token(harness.Session("revoked after one " + name))
				answers.Invalidated.Check(t, harness.End(t, g, token))
				answers.BadToken.Check(t, harness.Get(t, g, token))
			})
		}
		t.Run("and the gate takes a good one", func(t *testing.T) {
			harness.Load(t, g, harness.Config{Store: store, App: "leeway 20s"})
			harness.CheckAdmitted(t, harness.Get(t, g, live))
			answers.BadToken.Check(t, harness.Get(t, g, revoked))
			// The store of a refused configuration is released.
			checkFree(t, g.Dir()+"/new.db")
		})
	})
}

func checkRefused(t *testing.T, g *harness.Gate, config harness.Config, want []string) {
	t.Helper()
	err := g.Load(t, config)
	if err == nil {
		t.Fatal("the configuration was accepted")
	}
	for _, text := range want {
		if !strings.Contains(err.Error(), text) {
			t.Errorf("refused with %v, want %q in it", err, text)
		}
	}
}
