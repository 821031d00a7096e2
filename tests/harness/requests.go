package harness

import (
	"encoding/json"
	"fmt"
	"net"
	"testing"
	"time"
)

// Endpoint is the path of the session API.
const Endpoint = "/v1/auth/session"

// CheckAdmitted fails the test unless the upstream answered.
func CheckAdmitted(t *testing.T, got Answer) {
	t.Helper()
	if got.Status != 200 || got.Body != UpstreamBody {
		t.Errorf("answer is %d %s, want the upstream's", got.Status, got.Body)
	}
}

// CheckUnreached fails the test if a request reached the upstream since the last Take.
func CheckUnreached(t *testing.T, g *Gate) {
	t.Helper()
	for _, reached := range g.Upstream.Take() {
		t.Errorf("%s %s reached the upstream", reached.Method, reached.URI)
	}
}

// Get sends a guarded request with a token.
func Get(t *testing.T, g *Gate, token string) Answer {
	t.Helper()
	return g.Send(t, "GET", "/", Bearer(token))
}

// See makes sessions known to the gate, by admitted requests.
func See(t *testing.T, g *Gate, tokens ...string) {
	t.Helper()
	for _, token := range tokens {
		CheckAdmitted(t, Get(t, g, token))
	}
	g.Upstream.Take()
}

// End sends a DELETE of the token's session, or of the session that the body names.
func End(t *testing.T, g *Gate, token string, body ...string) Answer {
	t.Helper()
	changes := []Change{Bearer(token)}
	for _, text := range body {
		changes = append(changes, JSON(text))
	}
	return g.Send(t, "DELETE", Endpoint, changes...)
}

// Session returns the claims of a session, with further claims by pairs of name and value.
func Session(id string, further ...any) map[string]any {
	claims := map[string]any{"sid": id, "jti": "token-of-" + id}
	for i := 0; i < len(further); i += 2 {
		claims[further[i].(string)] = further[i+1]
	}
	return claims
}

// JSONOf reads a JSON object.
func JSONOf(t *testing.T, text string) (object map[string]any) {
	t.Helper()
	if err := json.Unmarshal([]byte(text), &object); err != nil {
		t.Fatalf("reading %q: %v", text, err)
	}
	return object
}

// Drip sends a byte every tenth of a second, so that the connection is never idle.
func Drip(connection net.Conn, text string, closed <-chan struct{}) {
	tick := time.NewTicker(100 * time.Millisecond)
	defer tick.Stop()
	for i := 0; ; i++ {
		select {
		case <-closed:
			return
		case <-tick.C:
			_, _ = connection.Write([]byte{text[i%len(text)]}) // the gate may have closed it
		}
	}
}

// StatusOf returns the status of a guarded request.
func StatusOf(tb testing.TB, g *Gate, token string) int {
	tb.Helper()
	return g.Send(tb, "GET", "/", Bearer(token)).Status
}

// LogIn returns a token of a new session, as soon as the gate accepts one.
func LogIn(t *testing.T, g *Gate, id string) string {
	t.Helper()
	token := ""
	for n, late := 0, time.Now().Add(30*time.Second); time.Now().Before(late); n++ {
		token = g.Token(Session(fmt.Sprint(id, " ", n)))
		if Get(t, g, token).Status == 200 {
			break
		}
	}
	See(t, g, token)
	return token
}

// Dial opens a connection with a deadline. It is closed with the test.
func Dial(t *testing.T, g *Gate) net.Conn {
	t.Helper()
	connection, err := net.Dial("tcp", g.Addr())
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = connection.Close() })
	if err := connection.SetDeadline(time.Now().Add(TrafficLimit)); err != nil {
		t.Fatal(err)
	}
	return connection
}

// Recovers waits until the gate admits a token.
func Recovers(t *testing.T, g *Gate, token string) {
	t.Helper()
	Eventually(t, 15*time.Second, "a token is admitted again", func() bool {
		got, err := g.Try("GET", "/", Bearer(token))
		return err == nil && got.Status == 200
	})
	g.Upstream.Take()
}
