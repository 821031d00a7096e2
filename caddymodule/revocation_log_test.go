package caddymodule

import (
	"errors"
	"log/slog"
	"strings"
	"testing"
	"time"

	"github.com/sessiongate/sessiongate/caddymodule/hub"
	"github.com/sessiongate/sessiongate/store"
	"github.com/sessiongate/sessiongate/store/replica"
)

// timeless leaves out the time of a line.
func timeless(_ []string, a slog.Attr) slog.Attr {
	if a.Key == slog.TimeKey {
		return slog.Attr{}
	}
	return a
}

// A call that revokes has one line, which says what, who and why, and where it holds. It names a
// person only if the operator wants that.
func TestACallThatRevokesHasOneLine(t *testing.T) {
	var many []store.Revocation
	for i := range 100 {
		many = append(many, store.Revocation{Kind: store.KindSession, Key: store.Key{byte(i + 1)}})
	}
	endpoint := hub.Cause{Source: store.SourceEndpoint, Issuer: "https://a", Subject: "alice"}
	one := store.Revocation{Kind: store.KindToken, Key: store.Key{1}}
	fleet := replica.Receipt{Gate: 1, Gates: []replica.GateReceipt{{Gate: 2}, {Gate: 3}}, Others: 4}
	const key = " key=01000000"
	for name, c := range map[string]struct {
		o        hub.Outcome
		pending  bool
		subjects bool
		want     string
	}{
		"everywhere": {
			hub.Outcome{Cause: endpoint, Revocations: []store.Revocation{one}, Took: time.Second, Receipt: fleet},
			false, true,
			`level=INFO msg="a revocation holds everywhere" kind=token` + key + ` source=endpoint after=1s issuer=https://a user_id=alice gates=7`,
		},
		"in the store": {
			hub.Outcome{Cause: endpoint, Revocations: []store.Revocation{one}, Took: time.Second, Receipt: replica.Receipt{Gate: 1, StoreOnly: true}},
			false, false,
			`level=INFO msg="a revocation is in the store; the other gates follow within a lease" kind=token` + key + ` source=endpoint after=1s issuer=https://a gates=1`,
		},
		"by an operator": {
			hub.Outcome{Cause: hub.Cause{Source: store.SourceAdmin, Reason: "lost laptop"}, Revocations: many},
			false, true,
			`level=INFO msg="a revocation holds everywhere" kind=session` + key + ` source=admin after=0s reason="lost laptop" revocations=100 also="[session 02000000 session 03000000 session 04000000 ` +
				`session 05000000 session 06000000 session 07000000 session 08000000 session 09000000]"`,
		},
		"not confirmed": {
			hub.Outcome{Cause: endpoint, Revocations: []store.Revocation{one}, Err: errors.New("no answer")},
			true, false,
			`level=ERROR msg="a revocation was not confirmed by the store; it holds at this gate, and the gate retries until the store has it" kind=token` + key +
				` source=endpoint after=0s issuer=https://a error="no answer"`,
		},
		"of nothing": {hub.Outcome{Cause: endpoint}, false, false, ""},
	} {
		var text strings.Builder
		e := newEvents(slog.New(slog.NewTextHandler(&text, &slog.HandlerOptions{ReplaceAttr: timeless})), runningApp)
		e.subjects.Store(c.subjects)
		if c.pending {
			e.Pending(c.o)
		} else {
			e.Revoked(c.o)
		}
		if got := strings.TrimSuffix(text.String(), "\n"); got != c.want {
			t.Errorf("%s: logged\n%s, want\n%s", name, got, c.want)
		}
	}
}
