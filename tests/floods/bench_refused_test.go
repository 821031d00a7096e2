package floods

import (
	"bufio"
	"io"
	"net"
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/sessiongate/sessiongate/caddymodule/token/tokentest"
	"github.com/sessiongate/sessiongate/tests/harness"
)

// refusedBatch is how many requests of a kind are sent in a row.
const refusedBatch = 1000

// costs are the kinds of requests that BenchmarkRefused compares, with the status of each
// answer. The large ones are as large as a token may be.
func costs(b *testing.B, g *harness.Gate) []cost {
	b.Helper()
	revoked := g.Token(harness.Session("over"))
	for _, request := range []struct {
		method, path string
	}{{"GET", "/"}, {"DELETE", harness.Endpoint}} {
		if got := g.Send(b, request.method, request.path, harness.Bearer(revoked)); got.Status != 200 {
			b.Fatalf("%s is answered %d %s", request.method, got.Status, got.Body)
		}
	}
	const ours = `"iss":"` + tokentest.Issuer + `"`
	forged := func(header, payload string) string {
		return encoded(header) + "." + encoded(payload) + "." + encoded(strings.Repeat("x", 32))
	}
	filler := strings.Repeat("x", largest)
	return []cost{
		{name: "admitted", token: g.Token(nil), status: 200},
		{name: "admitted-large", token: g.Token(map[string]any{"filler": filler[:largest-400]}), status: 200},
		{name: "no-token", status: 401},
		{name: "broken", token: "a*b", status: 401},
		{name: "unknown-issuer", token: forged(`{"alg":"HS256"}`, `{"iss":"https://other.example"}`), status: 401},
		{name: "alg-none", token: forged(`{"alg":"none"}`, `{`+ours+`}`), status: 401},
		{name: "wrong-alg", token: forged(`{"alg":"ES256"}`, `{`+ours+`}`), status: 401},
		{name: "revoked", token: revoked, status: 401},
		{name: "dots-large", token: strings.Repeat(".", 8<<10), status: 401},
		{name: "wrong-alg-large", token: forged(`{"alg":"ES256"}`, `{"x":"`+filler+`"}`), status: 401},
		{name: "unknown-issuer-large", token: forged(`{"alg":"HS256"}`, `{"iss":"x","x":"`+filler+`"}`), status: 401},
		{name: "deep-large", token: forged(`{"alg":`+strings.Repeat("[", largest), `{}`), status: 401},
		{name: "members-large", token: forged(`{"alg":"HS256"}`, crowded(`"iss":"x"`)), status: 401},
		{name: "members-of-header-large", token: forged(crowded(`"alg":"HS256"`), `{}`), status: 401},
	}
}

// cost is one kind of request, and the processor time for all of them.
type cost struct {
	name, token string
	status      int
	used        time.Duration
}

// BenchmarkRefused measures the processor time of the whole process for a request that it
// refuses before it verifies a signature, in microseconds. For comparison it measures an
// admitted request with a cached token, through reverse_proxy to a real upstream, in the
// same run and over one connection. The ratio is to the admitted request, and for large
// tokens to the admitted request of that size.
func BenchmarkRefused(b *testing.B) {
	g := harness.Start(b, harness.Config{})
	kinds, batches := costs(b, g), 0
	for b.Loop() {
		batches++
		for i := range kinds {
			kinds[i].send(b, g)
		}
		g.Upstream.Take()
	}
	b.ReportMetric(0, "ns/op")
	for _, kind := range kinds {
		admitted := kinds[0]
		if strings.HasSuffix(kind.name, "-large") {
			admitted = kinds[1]
		}
		b.ReportMetric(kind.used.Seconds()*1e6/float64(batches*refusedBatch), kind.name+"-cpu-us/request")
		if kind.status != 200 {
			b.ReportMetric(float64(kind.used)/float64(admitted.used), kind.name+"-ratio")
		}
	}
}

// send sends a batch over one connection.
func (c *cost) send(b *testing.B, g *harness.Gate) {
	b.Helper()
	connection, err := net.Dial("tcp", g.Addr())
	if err != nil {
		b.Fatal(err)
	}
	defer connection.Close()
	var fields []string
	if c.token != "" {
		fields = append(fields, "Authorization: Bearer "+c.token)
	}
	request, reader := harness.Lines("GET /orders/17?page=2 HTTP/1.1", fields...), bufio.NewReader(connection)
	before := g.Processor(b)
	for range refusedBatch {
		if _, err := io.WriteString(connection, request); err != nil {
			b.Fatalf("sending %s: %v", c.name, err)
		}
		response, err := http.ReadResponse(reader, nil)
		if err != nil {
			b.Fatalf("reading the answer to %s: %v", c.name, err)
		}
		_, _ = io.Copy(io.Discard, response.Body) // so that the connection is reused
		if response.StatusCode != c.status {
			b.Fatalf("%s is answered %d, want %d", c.name, response.StatusCode, c.status)
		}
	}
	c.used += g.Processor(b) - before
}
