package reload

import (
	"path/filepath"
	"slices"
	"testing"
	"time"

	"github.com/sessiongate/sessiongate/caddymodule/token/tokentest"
	"github.com/sessiongate/sessiongate/store"
	"github.com/sessiongate/sessiongate/store/boltstore"
	"github.com/sessiongate/sessiongate/store/redisstore/redistest"
	"github.com/sessiongate/sessiongate/tests/answers"
	"github.com/sessiongate/sessiongate/tests/harness"
)

// Attack: an issuer was removed from the configuration, because it is no longer trusted.
// One of its tokens is used from the cache of verified tokens. And a revoked token comes
// back with its issuer.
func TestIssuerThatIsRemovedIsRefusedAtOnce(t *testing.T) {
	t.Parallel()
	harness.EachStore(t, func(t *testing.T, store string) {
		const partner = "https://partner.example.com"
		both := harness.Config{Store: store, Issuers: harness.IssuerBlock(tokentest.Issuer) + harness.IssuerBlock(partner)}
		alone := harness.Config{Store: store}
		g := harness.Start(t, both)
		own := g.Token(harness.Session("own"))
		partners := g.Token(harness.Session("partners", "iss", partner))
		revoked := g.Token(harness.Session("partners, revoked", "iss", partner))
		harness.See(t, g, own, partners, partners, revoked)
		answers.Invalidated.Check(t, harness.End(t, g, revoked))
		for range 3 {
			harness.Load(t, g, alone)
			answers.BadToken.Check(t, harness.Get(t, g, partners))
			answers.BadToken.Check(t, harness.Get(t, g, revoked))
			answers.BadToken.Check(t, harness.End(t, g, partners))
			harness.CheckAdmitted(t, harness.Get(t, g, own))
			harness.Load(t, g, both)
			harness.CheckAdmitted(t, harness.Get(t, g, partners))
			answers.BadToken.Check(t, harness.Get(t, g, revoked))
			harness.CheckAdmitted(t, harness.Get(t, g, own))
		}
	})
}

// Attack: a secret leaked and was replaced. A token that was signed with it is used from
// the cache.
func TestSecretThatIsReplacedIsRefusedAtOnce(t *testing.T) {
	t.Parallel()
	g := harness.Start(t, harness.Config{})
	token := g.Token(harness.Session("signed with what leaked"))
	harness.See(t, g, token, token)
	next := harness.NewKey()
	harness.Load(t, g, harness.Config{Issuers: harness.IssuerOf("hmac_secret " + string(next.Secret))})
	answers.BadToken.Check(t, harness.Get(t, g, token))
	fresh := tokentest.Mint(t, next, tokentest.Claims(time.Now(), harness.Session("signed anew")))
	harness.CheckAdmitted(t, harness.Get(t, g, fresh))
}

// Fault: a reload that changes the store leaves the old file locked, so that no other
// process can open it until this one ends.
func TestReloadToAnotherStoreFreesTheFile(t *testing.T) {
	t.Parallel()
	for name, other := range map[string]func(t *testing.T) string{
		"to another file": func(*testing.T) string { return "store bolt {$GATE_DIR}/second.db" },
		"to redis":        func(t *testing.T) string { return harness.Redis(redistest.Address(t)) },
	} {
		t.Run(name, func(t *testing.T) {
			first, second := harness.Config{Store: "store bolt {$GATE_DIR}/first.db"}, harness.Config{Store: other(t)}
			g := harness.Start(t, first)
			path := filepath.Join(g.Dir(), "first.db")
			live, revoked := g.Token(harness.Session("lives on")), g.Token(harness.Session("revoked"))
			harness.See(t, g, live, revoked)
			answers.Invalidated.Check(t, harness.End(t, g, revoked))
			if _, err := boltstore.Open(boltstore.Options{Path: path, LockTimeout: time.Millisecond}); err == nil {
				t.Fatal("the file of the running gate is not locked")
			}

			harness.Load(t, g, second)
			checkHolds(t, path, store.NewKey("default", store.KindSession, tokentest.Issuer, "revoked"))
			harness.Recovers(t, g, live)
			later := g.Token(harness.Session("revoked at the second"))
			harness.See(t, g, later)
			answers.Invalidated.Check(t, harness.End(t, g, later))
			answers.BadToken.Check(t, harness.Get(t, g, later))

			harness.Load(t, g, first)
			answers.BadToken.Check(t, harness.Get(t, g, revoked))
			harness.CheckAdmitted(t, harness.Get(t, g, live))
			harness.Load(t, g, second)
			harness.Recovers(t, g, live)
			answers.BadToken.Check(t, harness.Get(t, g, later))
		})
	}
}

// checkHolds opens the file of a store, once it is free, and fails the test unless it holds
// this revocation.
func checkHolds(t *testing.T, path string, key store.Key) {
	t.Helper()
	opened := checkFree(t, path)
	batch, err := opened.Read(t.Context(), store.Position{}, 0)
	if err != nil {
		t.Fatal(err)
	}
	for _, entry := range batch.Entries {
		if slices.ContainsFunc(entry.Revocations, func(r store.Revocation) bool { return r.Key == key }) {
			if err := opened.Close(); err != nil {
				t.Error(err)
			}
			return
		}
	}
	t.Errorf("%q holds %d entries, and not the revocation", path, len(batch.Entries))
}

// checkFree opens the file of a store, once it is free, until the end of the
// test.
func checkFree(t *testing.T, path string) *boltstore.Store {
	t.Helper()
	var opened *boltstore.Store
	harness.Eventually(t, 10*time.Second, "the file can be opened", func() bool {
		s, err := boltstore.Open(boltstore.Options{Path: path})
		opened = s
		return err == nil
	})
	t.Cleanup(func() { _ = opened.Close() }) // the test may have closed it
	return opened
}
