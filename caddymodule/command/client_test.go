package command

import (
	"encoding/json"
	"errors"
	"net"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"reflect"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/caddyserver/caddy/v2"
	_ "github.com/caddyserver/caddy/v2/caddyconfig/httpcaddyfile" // the adapter of Caddyfiles

	"github.com/sessiongate/sessiongate/caddymodule/operator"
	"github.com/sessiongate/sessiongate/caddymodule/operator/operatortest"
)

// within returns a client of the admin API at an address, with its own timeout.
func within(timeout time.Duration, address string) client {
	return func(_ time.Duration, method, path string, body any) ([]byte, error) {
		return clientAt(address)(timeout, method, path, body)
	}
}

func TestTheGateIsFoundAsCaddysCommandsFindIt(t *testing.T) {
	dir := t.TempDir()
	write := func(name, text string) string {
		path := filepath.Join(dir, name)
		if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
		return path
	}
	listening := write("listening.json", `{"admin": {"listen": "unix//run/a.sock"}}`)
	for _, c := range []struct{ address, file, adapter, want string }{
		{"", "", "", caddy.DefaultAdminListen},
		{"unix//run/b.sock|0600", "", "", "unix//run/b.sock|0600"},
		{"localhost:1", listening, "", "localhost:1"},
		{"", listening, "", "unix//run/a.sock"},
		{"", write("silent.json", `{}`), "", caddy.DefaultAdminListen},
		{"", write("Caddyfile", "{\n\tadmin localhost:2\n}\n"), "caddyfile", "localhost:2"},
	} {
		if got, err := adminAddress(c.address, c.file, c.adapter); err != nil || got != c.want {
			t.Errorf("%+v: found %q, error %v", c, got, err)
		}
	}
	for want, file := range map[string]string{
		"turns it off (admin off)": write("off.Caddyfile", "{\n\tadmin off\n}\n"),
		"no such file":             filepath.Join(dir, "nothing"),
	} {
		if got, err := adminAddress("", file, "caddyfile"); err == nil || !strings.HasPrefix(err.Error(), "finding the admin API: ") || !strings.Contains(err.Error(), want) {
			t.Errorf("%s: found %q, error %v, want %s", file, got, err, want)
		}
	}
}

func TestTheGateIsAskedOverTCPAndUnixSockets(t *testing.T) {
	app := operatortest.Closed(t, operator.Store{Kind: "memory", Namespace: "default"})
	dir, err := os.MkdirTemp("", "gate") // a socket's path is short
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = os.RemoveAll(dir) })
	for network, address := range map[string]string{"tcp": "127.0.0.1:0", "unix": filepath.Join(dir, "admin.sock")} {
		listener, err := net.Listen(network, address)
		if err != nil {
			t.Fatal(err)
		}
		operatortest.Serve(t, listener, app)
		at := listener.Addr().String()
		if network == "unix" {
			at = "unix/" + at + "|0600"
		}
		c := within(time.Minute, at)
		state, body, err := c.state()
		if err != nil || !reflect.DeepEqual(state, app.State()) || !json.Valid(body) {
			t.Errorf("%s: the state is %+v, error %v", at, state, err)
		}
		_, err = c.ask(http.MethodPost, operator.PathBootstrap, nil)
		if err == nil || !strings.Contains(err.Error(), "HTTP 409") || !strings.Contains(err.Error(), "this machine's own") || strings.Contains(err.Error(), "does it run") {
			t.Errorf("%s: bootstrapping: %v, want what the gate says", at, err)
		}
	}
}

// Fault: the command runs while nothing listens, as with `admin off`, or while another
// program does.
func TestAGateThatCannotBeAskedIsAnError(t *testing.T) {
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	_ = listener.Close()
	nobody := within(time.Minute, listener.Addr().String())
	if _, _, err := nobody.state(); err == nil || !strings.Contains(err.Error(), listener.Addr().String()) || !strings.Contains(err.Error(), "`admin off`") {
		t.Errorf("where nothing listens: %v", err)
	}
	for body, want := range map[string]string{
		`{}`: "the answer does not come from a session gate", "<html>": "invalid character", "": "unexpected end",
	} {
		other := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) { _, _ = w.Write([]byte(body)) }))
		_, _, err := within(time.Minute, other.Listener.Addr().String()).state()
		if err == nil || !strings.HasPrefix(err.Error(), "reading the state of the gate: ") || !strings.Contains(err.Error(), want) {
			t.Errorf("where %q is answered: %v, want %s", body, err, want)
		}
		other.Close()
	}
}

// Fault: the process is stopped, and its listener still takes connections. The person on
// call must not wait for ever.
func TestAGateThatHangsIsAnError(t *testing.T) {
	listener, err := net.Listen("tcp", "127.0.0.1:0") // the kernel accepts, no process does
	if err != nil {
		t.Fatal(err)
	}
	defer listener.Close()
	_, _, err = within(50*time.Millisecond, listener.Addr().String()).state()
	if err == nil || !strings.Contains(err.Error(), "no answer within 50ms") {
		t.Errorf("asking a gate that hangs: %v", err)
	}
}

// The command polls. Connections that it kept would accumulate at the gate.
func TestNoConnectionIsKept(t *testing.T) {
	var open atomic.Int64
	server := httptest.NewUnstartedServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) { _, _ = w.Write([]byte(`{"store":"x"}`)) }))
	server.Config.ConnState = func(_ net.Conn, state http.ConnState) {
		switch state {
		case http.StateNew:
			open.Add(1)
		case http.StateClosed:
			open.Add(-1)
		case http.StateIdle:
			t.Error("a connection is kept")
		case http.StateActive, http.StateHijacked:
		}
	}
	server.Start()
	c := within(time.Minute, server.Listener.Addr().String())
	for range 10 {
		if _, _, err := c.state(); err != nil {
			t.Fatal(err)
		}
	}
	server.Close()
	if n := open.Load(); n != 0 {
		t.Errorf("%d connections are open", n)
	}
}

// Fault: the error of the gate arrives as JSON within a sentence, and a script cannot tell a
// question that was wrong from an answer that is no.
func TestTheErrorOfAGateIsPlainText(t *testing.T) {
	const seeHealth = "caddy session-gate health says what to do, and the log of the gate says more"
	for want, c := range map[string]struct {
		status, exit int
		body         string
	}{
		"HTTP 400: reading the body: it is wrong; --help describes the command": {400, notAsked, `{"error":"reading the body: it is wrong"}`},
		"HTTP 403: client is not allowed; --help describes the command":         {403, notAsked, `{"error":"client is not allowed"}`},
		"HTTP 409: changing it: no lease; --help says when the command applies": {409, failed, `{"error":"changing it: no lease"}`},
		"HTTP 409: changing it: no; wait":                                       {409, failed, `{"error":"changing it: no; wait"}` + "\n"},
		"HTTP 503: revoking: away; " + seeHealth:                                {503, failed, `{"error":"revoking: away"}`},
		"HTTP 502: <html>; " + seeHealth:                                        {502, failed, "<html>\n"},
	} {
		server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
			w.WriteHeader(c.status)
			_, _ = w.Write([]byte(c.body))
		}))
		_, err := within(time.Minute, server.Listener.Addr().String()).ask(http.MethodGet, "/", nil)
		server.Close()
		var status exit
		if !errors.As(err, &status) || status.status != c.exit || !strings.HasSuffix(err.Error(), `": `+want) {
			t.Errorf("%d %s: %v, want %s and the exit status %d", c.status, c.body, err, want, c.exit)
		}
	}
}
