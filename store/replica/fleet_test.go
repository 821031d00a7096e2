package replica_test

import (
	"context"
	"strconv"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/sessiongate/sessiongate/store"
	"github.com/sessiongate/sessiongate/store/replica"
	"github.com/sessiongate/sessiongate/store/storetest/model"
)

const (
	lease  = 3 * time.Second
	calm   = 40 * lease // with it, a simulated day runs quickly
	margin = lease + lease*3/100
)

// wire is the link of one gate. A test can cut it, or hold up calls of some methods.
type wire struct {
	mu   sync.Mutex
	held map[string]chan struct{} // by method; "" means all
	sent map[string]int           // by method
}

func (w *wire) link(ctx context.Context, call model.Call, deliver model.Deliver) (any, error) {
	w.mu.Lock()
	if w.sent == nil {
		w.sent = make(map[string]int)
	}
	w.sent[call.Method]++
	w.mu.Unlock()
	for _, method := range []string{"", call.Method} {
		w.mu.Lock()
		held := w.held[method]
		w.mu.Unlock()
		if held == nil {
			continue
		}
		select {
		case <-held:
		case <-ctx.Done():
			return nil, ctx.Err()
		}
	}
	return deliver(ctx)
}

// hold stops calls of a method from arriving until the returned function is called.
func (w *wire) hold(method string) (release func()) {
	w.mu.Lock()
	defer w.mu.Unlock()
	if w.held == nil {
		w.held = make(map[string]chan struct{})
	}
	held := make(chan struct{})
	w.held[method] = held
	return func() {
		w.mu.Lock()
		defer w.mu.Unlock()
		delete(w.held, method)
		close(held)
	}
}

// count returns how many calls of a method were sent.
func (w *wire) count(method string) int {
	w.mu.Lock()
	defer w.mu.Unlock()
	return w.sent[method]
}

// gate is one replica of a fleet and the link to its store.
type gate struct {
	*replica.Replica
	wire *wire
}

// fleet starts gates on one server and waits until the revocation log is settled.
func fleet(t *testing.T, server *model.Server, n int, o replica.Options) []gate {
	t.Helper()
	if o.Lease == 0 {
		o.Lease = lease
	}
	gates := make([]gate, n)
	for i := range gates {
		gates[i].wire = new(wire)
		gates[i].Replica = start(t, server.Connect(gates[i].wire.link), o)
	}
	for _, g := range gates {
		<-g.Synced()
	}
	time.Sleep(2 * o.Lease)
	if state := gates[0].Status().State; state != store.StateSettled {
		t.Fatalf("after two leases, the log is %v", state)
	}
	return gates
}

// took returns how long a revocation takes at a gate, and its error.
func took(t *testing.T, g gate, revoked store.Revocation) (time.Duration, error) {
	t.Helper()
	began := time.Now()
	err := g.Revoke(t.Context(), revoked)
	return time.Since(began), err
}

// Attack: log out, and use the token at once at a gate that has not read the revocation
// yet. The answer to the logout waits for that gate.
func TestTheAnswerWaitsForEveryGate(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		gates := fleet(t, model.NewServer(1, 100), 3, replica.Options{})
		revoked, _ := revocation("s")
		release := gates[2].wire.hold("Read")
		time.Sleep(lease) // the current read ends
		done := make(chan error, 1)
		go func() { done <- gates[0].Revoke(t.Context(), revoked) }()
		time.Sleep(lease / 2)
		_, late := revocation("s")
		select {
		case err := <-done:
			t.Fatalf("answered (%v) while a gate answers %v", err, gates[2].Check(late, replica.At(time.Now())))
		default:
		}
		release()
		if err := <-done; err != nil {
			t.Fatalf("Revoke: %v", err)
		}
		for _, g := range gates {
			_, token := revocation("s")
			wantVerdict(t, g.Replica, token, replica.BySession)
		}
	})
}

// Fault: a gate is frozen or cut off. The first revocation waits until its lease has
// expired; later ones do not wait for it.
func TestAGateThatIsCutOffIsWaitedForUntilItIsFenced(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		gates := fleet(t, model.NewServer(1, 100), 3, replica.Options{})
		first, _ := revocation("first")
		second, _ := revocation("second")
		gates[1].wire.hold("")
		time.Sleep(time.Second)
		d, err := took(t, gates[0], first)
		if err != nil || d < lease-time.Second-lease/4 || d > margin+50*time.Millisecond {
			t.Errorf("the first took %v (%v), want the rest of a lease", d, err)
		}
		_, token := revocation("first")
		wantVerdict(t, gates[1].Replica, token, replica.Unavailable)
		time.Sleep(lease / 2)
		if d, err := took(t, gates[2], second); err != nil || d > 10*time.Millisecond {
			t.Errorf("the second took %v (%v), want no wait for a removed gate", d, err)
		}
	})
}

func TestAGateThatStopsIsNotWaitedFor(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		gates := fleet(t, model.NewServer(1, 100), 2, replica.Options{})
		revoked, _ := revocation("s")
		gates[1].Close()
		if d, err := took(t, gates[0], revoked); err != nil || d > 10*time.Millisecond {
			t.Errorf("took %v (%v) after the other gate left", d, err)
		}
	})
}

func TestAcknowledgeStoreWaitsForTheStoreAlone(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		gates := fleet(t, model.NewServer(1, 100), 2, replica.Options{Acknowledge: replica.AcknowledgeStore})
		revoked, token := revocation("s")
		gates[1].wire.hold("")
		if d, err := took(t, gates[0], revoked); err != nil || d > 10*time.Millisecond {
			t.Errorf("took %v (%v), want no wait", d, err)
		}
		time.Sleep(margin)
		wantVerdict(t, gates[1].Replica, token, replica.Unavailable)
	})
}

// Rule R5. Attack: log out right after a new generation began. A gate may still admit by a
// lease of the previous generation without being on the list.
func TestNoEarlyAnswerBeforeTheLogIsSettled(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		server := model.NewServer(1, 100)
		gates := fleet(t, server, 2, replica.Options{})
		revoked, token := revocation("s")
		gates[1].wire.hold("")
		server.Flush()
		time.Sleep(lease / 2) // a witness has opened the new generation
		d, err := took(t, gates[0], revoked)
		if verdict := gates[1].Check(token, replica.At(time.Now())); verdict != replica.Unavailable {
			t.Errorf("answered (%v) after %v while an unlisted gate answers %v", err, d, verdict)
		}
		if err != nil || d < lease/2 {
			t.Errorf("took %v (%v), want the rest of a lease", d, err)
		}
	})
}

// Rule R4: the revocation log is lost between the append and the answer.
func TestARevocationWhoseGenerationIsLostIsPublishedAgain(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		server := model.NewServer(1, 100)
		gates := fleet(t, server, 2, replica.Options{})
		revoked, _ := revocation("s")
		gates[1].wire.hold("")
		done := make(chan error, 1)
		go func() { done <- gates[0].Revoke(t.Context(), revoked) }()
		time.Sleep(time.Second)
		server.Flush()
		if err := <-done; err != nil {
			t.Fatalf("Revoke: %v", err)
		}
		if !onLog(server, revoked) {
			t.Error("answered, but the log does not hold the revocation")
		}
	})
}

func onLog(server *model.Server, revoked store.Revocation) bool {
	for _, entry := range server.Log() {
		for _, r := range entry.Revocations {
			if r.Key == revoked.Key && r.Kind == revoked.Kind && r.Expires >= revoked.Expires {
				return true
			}
		}
	}
	return false
}

func TestRevocationsThatComeTogetherShareAnEntry(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		server := model.NewServer(1, 100)
		gates := fleet(t, server, 1, replica.Options{})
		release := gates[0].wire.hold("Publish")
		var group sync.WaitGroup
		for i := range 500 {
			revoked, _ := revocation(strconv.Itoa(i))
			group.Go(func() {
				if err := gates[0].Revoke(t.Context(), revoked); err != nil {
					t.Errorf("Revoke: %v", err)
				}
			})
		}
		synctest.Wait()
		release()
		group.Wait()
		if log := server.Log(); len(log) > 2 {
			t.Errorf("500 simultaneous revocations became %d entries, want one for the first and one for the rest", len(log))
		}
		for i := range 500 {
			if revoked, _ := revocation(strconv.Itoa(i)); !onLog(server, revoked) {
				t.Fatalf("revocation %d is not on the log", i)
			}
		}
	})
}
