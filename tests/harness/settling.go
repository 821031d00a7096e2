package harness

import (
	"encoding/json"
	"strings"
	"testing"
	"time"
)

// ClientTimeouts is how long the gates of these tests wait for a client: Caddy's own
// timeouts, as an operator sets them. Without read_body Caddy waits for a body for ever.
const ClientTimeouts = `servers {
	timeouts {
		read_header 2s
		read_body 2s
		idle 2s
	}
}`

// AccessLine is the line of one request in an access log.
type AccessLine struct {
	Status int    `json:"status"`
	User   string `json:"user_id"`
	Reason string `json:"reason"`
	URI    struct {
		URI string `json:"uri"`
	} `json:"request"`
}

// AccessOf waits for the log line of the request with this URI.
func AccessOf(t *testing.T, g *Gate, uri string) (line AccessLine) {
	t.Helper()
	Eventually(t, 5*time.Second, "access log of "+uri, func() bool {
		for text := range strings.Lines(g.Logs()) {
			if !strings.Contains(text, "http.log.access") {
				continue
			}
			line = AccessLine{}
			if err := json.Unmarshal([]byte(text), &line); err == nil && line.URI.URI == uri {
				return true
			}
		}
		return false
	})
	return line
}

// Says waits until the log of the gate contains this text.
func Says(t *testing.T, g *Gate, text string) {
	t.Helper()
	Eventually(t, 10*time.Second, "the log says "+text, func() bool { return strings.Contains(g.Logs(), text) })
}

// Tolerance is by how many goroutines, files or connections the number may vary. A leak
// with every reload would be four times as many.
const Tolerance = 25

// SettleLimit is how long the parts that a reload replaced may take to end.
const SettleLimit = 20 * time.Second

// Load gives the running gate another configuration, which must be accepted.
func Load(t *testing.T, g *Gate, config Config) {
	t.Helper()
	if err := g.Load(t, config); err != nil {
		t.Fatal(err)
	}
}

// Settled waits until the gate uses no more resources than before. The numbers of
// goroutines, files and connections may vary by Tolerance.
func Settled(t *testing.T, g *Gate, before Use, connected int, connections func() int) {
	t.Helper()
	var now Use
	var connectedNow int
	defer func() {
		t.Logf("goroutines %d → %d, files %d → %d, connections to Redis %d → %d",
			before.Goroutines, now.Goroutines, before.Files, now.Files, connected, connectedNow)
		if t.Failed() {
			t.Log(g.Admin(t, "GET", "/debug/pprof/goroutine?debug=1").Body)
		}
	}()
	Eventually(t, SettleLimit, "goroutines, files and connections are what they were", func() bool {
		now, connectedNow = g.Use(t), connections()
		return now.Goroutines <= before.Goroutines+Tolerance && now.Files <= before.Files+Tolerance &&
			connectedNow <= connected+Tolerance
	})
}
