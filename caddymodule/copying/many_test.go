package copying_test

import (
	"errors"
	"fmt"
	"testing"

	"github.com/sessiongate/sessiongate/caddymodule/copying"
	"github.com/sessiongate/sessiongate/store"
)

// Records that do not fit into one page are copied, too, also through another process.
func TestACopyHoldsMany(t *testing.T) {
	file, gate, back := bolt(t, day), fleet(t, day, 1)[0], bolt(t, day)
	ready(t, file)
	const many = 1000
	var revocations []store.Revocation
	var sessions []store.Session
	var grants []store.Grant
	for i := range many {
		name := fmt.Sprint("many ", i)
		revocations = append(revocations, store.Revocation{Kind: store.KindToken, Key: key(store.KindToken, name), Expires: soon})
		sessions = append(sessions, store.Session{Issuer: seen.Issuer, ID: name, Subject: name, Expires: soon})
		grants = append(grants, store.Grant{Token: key(store.KindToken, name), Families: learned[0].Families, Expires: soon})
	}
	for range 2 { // a repeat adds nothing
		if err := file.Replica.Revoke(t.Context(), revocations...); err != nil {
			t.Fatal(err)
		}
	}
	if err := errors.Join(file.Backend.Seen(t.Context(), sessions...), file.Backend.(store.Grants).Learn(t.Context(), grants...)); err != nil {
		t.Fatal(err)
	}
	for _, way := range []struct{ from, to *copying.Local }{{file, gate}, {gate, back}} {
		passes := 0
		err := copying.Run(t.Context(), remote(way.from), remote(way.to), timeout, func(p copying.Progress) {
			if p.Over {
				passes = p.Pass
			}
			if p.Over && (p.Sessions < many || p.Tokens < many || p.Pass == 1 && p.Written != 3*many || p.Pass > 1 && p.Written > 0) {
				t.Errorf("a pass ends as %+v", p)
			}
		})
		if err != nil || passes != 3 {
			t.Fatalf("after %d passes Run returns %v", passes, err)
		}
		for i, r := range revocations {
			owner, err := way.to.Backend.Owner(t.Context(), seen.Issuer, sessions[i].ID)
			if !way.to.Replica.Holds(r.Key) || owner != sessions[i].Subject {
				t.Errorf("what has the number %d is missing, %v", i, err)
			}
		}
		if known, err := way.to.Backend.(store.Grants).Known(t.Context(), grants[0].Token, grants[many-1].Token); len(known) != 2 {
			t.Errorf("the first and the last token are %v, %v", known, err)
		}
	}
}
