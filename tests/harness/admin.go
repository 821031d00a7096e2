package harness

import (
	"context"
	"fmt"
	"net"
	"net/http"
	"os"
	"path/filepath"
	"testing"
)

// overSocket returns a client that reaches every address over a unix socket, with a new
// connection for each request.
func overSocket(path string) *http.Client {
	return &http.Client{
		Timeout: answerLimit,
		Transport: &http.Transport{
			DisableKeepAlives: true, DisableCompression: true,
			DialContext: func(ctx context.Context, _, _ string) (net.Conn, error) {
				return new(net.Dialer).DialContext(ctx, "unix", path)
			},
		},
		CheckRedirect: client.CheckRedirect,
	}
}

// Admin sends a request to the admin API of the gate and returns the answer. A GET that is
// unanswered is sent again: a reload replaces the server of the admin API, too, a moment later.
func (g *Gate) Admin(tb testing.TB, method, path string, changes ...Change) Answer {
	tb.Helper()
	request, err := http.NewRequest(method, "http://127.0.0.1"+path, nil)
	if err != nil {
		tb.Fatal(err)
	}
	for _, change := range changes {
		change(request)
	}
	socket := overSocket(filepath.Join(g.dir, "admin.sock"))
	response, err := socket.Do(request)
	if method == http.MethodGet && Unanswered(err) {
		response, err = socket.Do(request)
	}
	if err != nil {
		tb.Fatalf("sending %s %s to the admin API: %v", method, path, err)
	}
	answer, err := read(response)
	if err != nil {
		tb.Fatalf("sending %s %s to the admin API: %v", method, path, err)
	}
	return answer
}

// Load is Reload through the admin API, without another process. The error is the gate's
// answer. After a refused configuration, Restart starts the previous one.
func (g *Gate) Load(tb testing.TB, config Config) error {
	tb.Helper()
	config.Key, config.Upstream = g.Key, g.Upstream
	config.complete(tb)
	config.write(tb, g.dir)
	text, err := os.ReadFile(caddyfile(g.dir))
	if err != nil {
		tb.Fatal(err)
	}
	answer := g.Admin(tb, "POST", "/load", Body("text/caddyfile", string(text)), Header("Cache-Control", "must-revalidate"))
	if answer.Status != http.StatusOK {
		g.config.write(tb, g.dir)
		return fmt.Errorf("loading: %d %s", answer.Status, answer.Body)
	}
	g.config = config
	return nil
}
