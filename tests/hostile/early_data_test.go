package hostile

import (
	"crypto/tls"
	"testing"
	"time"

	"github.com/sessiongate/sessiongate/tests/answers"
	"github.com/sessiongate/sessiongate/tests/harness"
)

// earlyTLS returns a configuration that holds a session of the gate, so that the next
// connection may send early data (0-RTT).
func earlyTLS(t *testing.T, g *harness.Gate) *tls.Config {
	t.Helper()
	config := g.TLSConfig(t, string(harness.HTTP3))
	tickets := &ticketCache{ClientSessionCache: tls.NewLRUClientSessionCache(1), came: make(chan struct{}, 8)}
	config.ClientSessionCache = tickets
	connection := g.DialQUIC(t, config)
	defer connection.CloseWithError(0, "")
	select {
	case <-tickets.came:
	case <-time.After(harness.TrafficLimit):
		t.Fatal("the gate gives no session ticket")
	}
	return config
}

// ticketCache reports when a ticket has arrived.
type ticketCache struct {
	tls.ClientSessionCache
	came chan struct{}
}

func (c *ticketCache) Put(key string, state *tls.ClientSessionState) {
	c.ClientSessionCache.Put(key, state)
	if state != nil {
		c.came <- struct{}{}
	}
}

// isOver reports whether a channel is closed.
func isOver(done <-chan struct{}) bool {
	select {
	case <-done:
		return true
	default:
		return false
	}
}

// early sends a message in early data, and fails the test if it was not early.
func early(t *testing.T, g *harness.Gate, m harness.Message) harness.Answer {
	t.Helper()
	connection := g.DialQUIC(t, earlyTLS(t, g))
	// On a busy machine the handshake is often over before anything can be sent.
	for tries := 0; isOver(connection.HandshakeComplete()); tries++ {
		connection.CloseWithError(0, "")
		if tries == 50 {
			t.Fatal("the handshake was over each time before anything was sent")
		}
		connection = g.DialQUIC(t, earlyTLS(t, g))
	}
	defer connection.CloseWithError(0, "")
	got, err := harness.ExchangeHTTP3(t.Context(), connection, m)
	if err != nil {
		t.Fatalf("sending in early data: %v", err)
	}
	if !connection.ConnectionState().Used0RTT {
		t.Fatal("what was sent was no early data")
	}
	return got
}

// Attack: anybody can record early data and replay it (RFC 8470). A request of a session
// that has ended since is refused. A replayed logout ends nothing else. Early data is
// checked like every request.
func TestEarlyDataIsCheckedLikeEveryRequest(t *testing.T) {
	t.Parallel()
	g := harness.Start(t, harness.Config{TLS: true, Gate: "identity authelia\npublic /healthz"})
	token, other := g.Token(harness.Session("laptop")), g.Token(harness.Session("phone"))
	harness.See(t, g, token, other)
	captured := message(token, "GET", "/")
	told := false
	for range 20 {
		harness.CheckAdmitted(t, early(t, g, captured))
		reached := g.Upstream.TakeOne(t)
		checkIdentity(t, reached, map[string]string{"Remote-User": "alice"})
		// On a busy machine the handshake may be over before the gate reads the request.
		// Then the data is no longer early.
		if told = reached.Header.Get("Early-Data") == "1"; told {
			break
		}
	}
	if !told {
		t.Error("the upstream does not get Early-Data (RFC 8470 §5.1)")
	}
	answers.NoToken.Check(t, early(t, g, harness.Request{Method: "GET", Target: "/"}.Message()))
	answers.OtherSpelling.Check(t, early(t, g, message(token, "DELETE", harness.Endpoint+"/")))
	harness.CheckUnreached(t, g)

	logout := message(token, "DELETE", harness.Endpoint)
	answers.Invalidated.Check(t, early(t, g, logout))
	answers.BadToken.Check(t, early(t, g, captured))
	answers.NoSession.Check(t, early(t, g, logout))
	answers.BadToken.Check(t, early(t, g, message(token, "GET", "/", harness.Field{Name: "early-data", Value: "0"})))
	harness.CheckUnreached(t, g)
	harness.CheckAdmitted(t, harness.Get(t, g, other))
}

// An operator can turn early data off, and TLS tells the client.
func TestEarlyDataCanBeTurnedOff(t *testing.T) {
	t.Parallel()
	g := harness.Start(t, harness.Config{TLS: true, Global: "servers {\n0rtt off\n}"})
	connection := g.DialQUIC(t, earlyTLS(t, g))
	defer connection.CloseWithError(0, "")
	_, err := harness.ExchangeHTTP3(t.Context(), connection, message(g.Token(nil), "GET", "/"))
	if used := connection.ConnectionState().Used0RTT; used {
		t.Errorf("early data was used, error %v", err)
	}
}
