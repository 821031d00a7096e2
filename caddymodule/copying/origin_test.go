package copying_test

import (
	"fmt"
	"strings"
	"testing"

	"github.com/sessiongate/sessiongate/caddymodule/copying"
	"github.com/sessiongate/sessiongate/store"
)

// Fault: a copy forgets up to which login sessions are revoked, or who revoked them, or fails
// because the reasons of many entries do not fit into one.
func TestInstantsAndOriginsAreCopied(t *testing.T) {
	const n = 600
	from, to := bolt(t, day), bolt(t, day)
	ready(t, from)
	want := make(map[store.Key]store.Revocation)
	for i := range n {
		name := fmt.Sprint("session ", i)
		r := store.Revocation{
			Kind: store.KindSession, Key: key(store.KindSession, name), NotBefore: int64(1000 + i), Expires: soon,
			Origin: store.Origin{Source: store.SourceAdmin, Reason: name + strings.Repeat(".", store.MaxReason-len(name)), Made: 900},
		}
		want[r.Key] = r
		if _, err := from.Backend.Append(t.Context(), r); err != nil {
			t.Fatal(err)
		}
	}
	if err := copying.Run(t.Context(), from, to, timeout, ignore); err != nil {
		t.Fatal(err)
	}
	for after := (store.Position{}); ; {
		batch, err := to.Backend.Read(t.Context(), after, 0)
		if err != nil {
			t.Fatal(err)
		}
		if len(batch.Entries) == 0 {
			break
		}
		for _, entry := range batch.Entries {
			after = entry.Position
			for _, r := range entry.Revocations {
				if r != want[r.Key] {
					t.Errorf("the copy has %v, want %v", r, want[r.Key])
				}
				delete(want, r.Key)
			}
		}
	}
	if len(want) > 0 {
		t.Errorf("%d of %d are missing", len(want), n)
	}
}
