package reload

import (
	"errors"
	"fmt"
	"io"
	"net/http"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/sessiongate/sessiongate/caddymodule/token/tokentest"
	"github.com/sessiongate/sessiongate/store"
	"github.com/sessiongate/sessiongate/store/redisstore"
	"github.com/sessiongate/sessiongate/store/redisstore/redistest"
	"github.com/sessiongate/sessiongate/tests/harness"
)

// Fault: the gate is stopped, as for every new version. Its running requests are completed,
// and it ends by itself.
func TestStopCompletesRunningRequests(t *testing.T) {
	t.Parallel()
	g := harness.Start(t, harness.Config{})
	token := g.Token(nil)
	reached, release := make(chan struct{}), make(chan struct{})
	g.Upstream.Handle("/slow", func(w http.ResponseWriter, _ *http.Request) {
		_, _ = io.WriteString(w, "the beginning and ")
		w.(http.Flusher).Flush()
		close(reached)
		<-release
		_, _ = io.WriteString(w, "the end")
	})
	type result struct {
		harness.Answer
		error
	}
	finished := make(chan result, 1)
	go func() {
		answer, err := g.Try("GET", "/slow", harness.Bearer(token))
		finished <- result{answer, err}
	}()
	<-reached
	g.Signal(syscall.SIGTERM)
	harness.Says(t, g, "servers shutting down")
	close(release)
	if got := <-finished; got.error != nil || got.Status != 200 || got.Body != "the beginning and the end" {
		t.Errorf("the running request got %d %q, error %v", got.Status, got.Body, got.error)
	}
	if code := g.Wait(t); code != 0 {
		t.Errorf("the gate ended with %d, want 0", code)
	}
	if answer, err := g.Try("GET", "/", harness.Bearer(token)); err == nil {
		t.Errorf("answered %d after the end", answer.Status)
	}
}

// Fault: the gate is stopped right after it admitted sessions, which it writes to the store
// in batches. They must be in the store, so that their users can end them at another gate,
// or later.
func TestStopWritesTheLastSessions(t *testing.T) {
	t.Parallel()
	const sessions = 20
	address, namespace := redistest.Address(t)
	for name, c := range map[string]struct {
		store string
		open  func(t *testing.T, g *harness.Gate) store.Sessions
	}{
		"bolt": {"store bolt {$GATE_DIR}/revocations.db", func(t *testing.T, g *harness.Gate) store.Sessions {
			return checkFree(t, g.Dir()+"/revocations.db")
		}},
		"redis": {harness.Redis(address, namespace), func(t *testing.T, _ *harness.Gate) store.Sessions {
			s, err := redisstore.Open(redisstore.Options{Addresses: []string{address}, Namespace: namespace})
			if err != nil {
				t.Fatal(err)
			}
			t.Cleanup(func() { _ = s.Close() })
			return s
		}},
	} {
		t.Run(name, func(t *testing.T) {
			g := harness.Start(t, harness.Config{Store: c.store})
			for i := range sessions {
				subject := fmt.Sprint("subject ", i)
				harness.CheckAdmitted(t, harness.Get(t, g, g.Token(harness.Session(fmt.Sprint("session ", i), "sub", subject))))
			}
			g.Signal(syscall.SIGTERM)
			if code := g.Wait(t); code != 0 {
				t.Errorf("the gate ended with %d, want 0", code)
			}
			opened := c.open(t, g)
			for i := range sessions {
				subject, err := opened.Owner(t.Context(), tokentest.Issuer, fmt.Sprint("session ", i))
				if want := fmt.Sprint("subject ", i); err != nil || subject != want {
					t.Errorf("the owner of session %d is %q, want %q, error %v", i, subject, want, err)
				}
			}
			if _, err := opened.Owner(t.Context(), tokentest.Issuer, "never seen"); !errors.Is(err, store.ErrUnknownSession) {
				t.Errorf("the owner of an unknown session: %v, want %v", err, store.ErrUnknownSession)
			}
		})
	}
}

// Fault: the gate is stopped while its store is unreachable. It must not wait long for the
// store.
func TestStopDoesNotWaitForStoreThatIsAway(t *testing.T) {
	t.Parallel()
	redis := redistest.Start(t)
	g := harness.Start(t, harness.Config{Store: harness.Redis(redis.Addr(), "away")})
	redis.Freeze()
	for i := range 10 {
		_ = harness.StatusOf(t, g, g.Token(harness.Session(fmt.Sprint("session ", i)))) // noted, or refused
	}
	began := time.Now()
	g.Signal(syscall.SIGTERM)
	if code := g.Wait(t); code != 0 {
		t.Errorf("the gate ended with %d, want 0", code)
	}
	t.Logf("ended after %v", time.Since(began).Round(time.Millisecond))
	if strings.Contains(g.Logs(), "closed network connection") {
		t.Error("the store was closed under the gate")
	}
}
