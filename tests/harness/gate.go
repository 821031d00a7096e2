package harness

import (
	"net"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/sessiongate/sessiongate/caddymodule/token/tokentest"
)

const (
	// startLimit is how long a gate may take to serve, or to get ready.
	startLimit = 30 * time.Second
	// stopLimit is how long a gate may take to end after SIGTERM.
	stopLimit = 15 * time.Second
)

// Gate is one process of the binary, running or ended. Its methods fail the test if they
// cannot do their work. Only URL, Addr, Logs, Send, Try, TryRaw and Token may be called
// concurrently.
type Gate struct {
	// Key signs tokens that the gate accepts.
	Key *tokentest.Key
	// Upstream is behind the gate.
	Upstream *Upstream

	tb      testing.TB
	config  Config
	dir     string
	port    int
	opsPort int
	tlsPort int
	log     *log
	process *exec.Cmd
	ended   chan struct{} // closed when the process has ended
}

// Start starts a gate, waits until it is ready, and ends it at the end of the test. A panic
// of the gate fails the test. The log of a failed test is printed.
func Start(tb testing.TB, config Config) *Gate {
	tb.Helper()
	config.complete(tb)
	g := &Gate{Key: config.Key, Upstream: config.Upstream, tb: tb, config: config, dir: shortDir(tb), log: new(log)}
	tb.Cleanup(func() {
		g.Stop()
		if strings.Contains(g.Logs(), "panic") {
			tb.Error("the gate panicked")
		}
		if tb.Failed() {
			tb.Logf("log of the gate:\n%s", g.Logs())
		}
	})
	ports := reservePorts(tb, 3)
	g.port, g.opsPort, g.tlsPort = ports[0], ports[1], ports[2]
	if !g.launch() {
		tb.Fatal("starting the gate: it ended")
	}
	return g
}

// launch starts the process and reports whether it serves.
func (g *Gate) launch() bool {
	g.tb.Helper()
	g.config.write(g.tb, g.dir)
	g.process = g.command("run", "--config", caddyfile(g.dir), "--adapter", "caddyfile")
	g.process.Stdout, g.process.Stderr = g.log, g.log
	if err := g.process.Start(); err != nil {
		g.process = nil
		g.tb.Fatalf("starting the gate: %v", err)
	}
	process, ended := g.process, make(chan struct{})
	g.ended = ended
	go func() {
		_ = process.Wait() // a killed gate is no error here
		close(ended)
	}()
	probe := "/readyz"
	if g.config.Unready {
		probe = "/livez"
	}
	// The two ports are opened one after the other, in any order.
	return poll(startLimit, ended, func() bool { return g.Probe(probe) == 200 && g.listens() && g.known() })
}

// known reports whether the admin API, if there is one, knows the configuration. Caddy
// opens the ports first, and names a configuration when all of it has started.
func (g *Gate) known() bool {
	response, err := overSocket(filepath.Join(g.dir, "admin.sock")).Get("http://localhost/session_gate/health")
	if err != nil {
		return true
	}
	_ = response.Body.Close()
	return response.StatusCode != http.StatusNotFound
}

func (g *Gate) listens() bool {
	connection, err := net.Dial("tcp", g.Addr())
	if err != nil {
		return false
	}
	_ = connection.Close()
	return true
}

// command returns the binary with the environment of this gate.
func (g *Gate) command(arguments ...string) *exec.Cmd {
	command := exec.Command(g.config.Binary, arguments...)
	command.Dir = g.dir
	command.Env = append(os.Environ(),
		"XDG_DATA_HOME="+g.dir, "XDG_CONFIG_HOME="+g.dir, "GATE_DIR="+g.dir, "UPSTREAM="+g.Upstream.Addr(),
		"GATE_PORT="+strconv.Itoa(g.port), "GATE_OPS_PORT="+strconv.Itoa(g.opsPort),
		"GATE_TLS_PORT="+strconv.Itoa(g.tlsPort))
	command.Env = append(command.Env, g.config.Env...)
	return command
}

// Stop ends the gate with SIGTERM. If the gate does not end in time, Stop ends it with
// SIGKILL and fails the test. It may be called again.
func (g *Gate) Stop() {
	g.tb.Helper()
	if g.process == nil {
		return
	}
	_ = g.process.Process.Signal(syscall.SIGTERM) // it may have ended already
	select {
	case <-g.ended:
	case <-time.After(stopLimit):
		g.Kill()
		g.tb.Errorf("stopping the gate: it runs %v after SIGTERM", stopLimit)
	}
}

// Kill ends the gate with SIGKILL, and waits for it.
func (g *Gate) Kill() {
	if g.process == nil {
		return
	}
	_ = g.process.Process.Kill() // it may have ended already
	<-g.ended
}

// Signal sends a signal, such as SIGSTOP and SIGCONT.
func (g *Gate) Signal(signal syscall.Signal) {
	g.tb.Helper()
	if err := g.process.Process.Signal(signal); err != nil {
		g.tb.Fatalf("signalling the gate: %v", err)
	}
}

// Restart starts the gate again with the same ports and files, after a Stop if it runs.
func (g *Gate) Restart() {
	g.tb.Helper()
	g.Stop()
	if !g.launch() {
		g.tb.Fatal("restarting the gate: it ended or did not get ready")
	}
}

// Reload gives the running gate another configuration, with the same ports, key and
// upstream. It returns when the configuration is in force, or the error if it was refused.
func (g *Gate) Reload(config Config) error {
	g.tb.Helper()
	config.Key, config.Upstream = g.Key, g.Upstream
	config.complete(g.tb)
	config.write(g.tb, g.dir)
	g.config = config
	output, err := g.command("reload", "--config", caddyfile(g.dir), "--adapter", "caddyfile", "--force",
		"--address", "unix/"+filepath.Join(g.dir, "admin.sock")).CombinedOutput()
	if err != nil {
		g.tb.Logf("reloading: %s", output)
	}
	return err
}

// Addr returns the address of the gate, as host:port.
func (g *Gate) Addr() string { return net.JoinHostPort("127.0.0.1", strconv.Itoa(g.port)) }

// URL returns the URL of a path at the gate.
func (g *Gate) URL(path string) string { return "http://" + g.Addr() + path }

// TLSURL returns the URL of a path at the port with TLS.
func (g *Gate) TLSURL(path string) string { return "https://" + g.QUICAddr() + path }

// Dir returns the directory of the gate: Caddyfile, store, admin socket.
func (g *Gate) Dir() string { return g.dir }

// Env returns the environment of the gate, for other commands with its Caddyfile.
func (g *Gate) Env() []string { return g.command().Env }

// Logs returns what the gate has logged so far.
func (g *Gate) Logs() string { return g.log.String() }

// Token mints a token that the gate accepts, with changes to tokentest.Claims: a nil value
// removes the claim.
func (g *Gate) Token(changes map[string]any) string {
	g.tb.Helper()
	return tokentest.Mint(g.tb, g.Key, tokentest.Claims(time.Now(), changes))
}

// Adapt adapts the Caddyfile of the gate and returns the text on stderr.
func (g *Gate) Adapt() (stderr string) {
	g.tb.Helper()
	var complaint log
	command := g.command("adapt", "--config", caddyfile(g.dir), "--adapter", "caddyfile")
	command.Stderr = &complaint
	if err := command.Run(); err != nil {
		g.tb.Fatalf("adapting: %v\n%s", err, complaint.String())
	}
	return complaint.String()
}
