package redistest

import (
	"bytes"
	"fmt"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"syscall"
	"testing"
	"time"
)

// startLimit is how long a server may take until it answers.
const startLimit = 20 * time.Second

// Server is one Redis process, or one that was stopped. Its methods fail the
// test when they cannot do their work. They are not for concurrent use, except
// Addr, Do and Try.
type Server struct {
	tb      testing.TB
	dir     string
	port    int
	socket  string
	tlsPort int
	lines   []string // further lines of configuration
	flags   []string // further arguments
	env     []string // further variables of the environment
	login   []string // what Do authenticates with
	log     *bytes.Buffer
	process *exec.Cmd
	ended   chan struct{} // closed when the process has ended
}

// Option changes how a server is started.
type Option func(*Server)

// Config adds lines to the server's configuration, as in redis.conf.
func Config(lines ...string) Option {
	return func(s *Server) { s.lines = append(s.lines, lines...) }
}

// Password makes the default user need a password.
func Password(password string) Option {
	return func(s *Server) {
		s.lines = append(s.lines, "requirepass "+password)
		s.login = []string{password}
	}
}

// Socket makes the server listen on a unix socket and on no port.
func Socket() Option {
	return func(s *Server) { s.socket = "redis.sock" }
}

// TLS makes the server listen with TLS, on TLSAddr, beside its plain port. With
// an authority for clients, it demands their certificates.
func TLS(certificate, key, clientAuthority string) Option {
	return func(s *Server) {
		s.tlsPort = -1
		s.lines = append(s.lines, "tls-cert-file "+certificate, "tls-key-file "+key)
		if clientAuthority == "" {
			s.lines = append(s.lines, "tls-auth-clients no")
		} else {
			s.lines = append(s.lines, "tls-auth-clients yes", "tls-ca-cert-file "+clientAuthority)
		}
	}
}

// Start starts a server that writes nothing to disk by itself, waits until it
// answers, and ends it at the end of the test.
func Start(tb testing.TB, options ...Option) *Server {
	tb.Helper()
	s := &Server{tb: tb, dir: tempDir(tb)}
	for _, option := range options {
		option(s)
	}
	if s.socket != "" {
		s.socket = filepath.Join(s.dir, s.socket)
	}
	tls := s.tlsPort != 0
	for range 5 {
		// Another process may take the port between its choice and the start.
		if s.socket == "" {
			s.port = freePort(tb)
		}
		if tls {
			s.tlsPort = freePort(tb)
		}
		if s.launch() {
			tb.Cleanup(s.Stop)
			return s
		}
	}
	tb.Fatalf("starting redis-server: it ended each time:\n%s", s.log)
	return nil
}

// launch starts the process and reports whether it answers.
func (s *Server) launch() bool {
	s.tb.Helper()
	s.begin()
	return s.answers()
}

// begin starts the process.
func (s *Server) begin() {
	s.tb.Helper()
	s.log = new(bytes.Buffer)
	s.process = exec.Command(program(s.tb), append([]string{s.configure()}, s.flags...)...)
	s.process.Env = append(os.Environ(), s.env...)
	s.process.Stdout, s.process.Stderr = s.log, s.log
	if err := s.process.Start(); err != nil {
		s.tb.Fatalf("starting redis-server: %v", err)
	}
	ended, process := make(chan struct{}), s.process
	s.ended = ended
	go func() {
		_ = process.Wait() // a killed process is no error here
		close(ended)
	}()
}

// configure writes the configuration and returns its path.
func (s *Server) configure() string {
	lines := append([]string{
		"bind 127.0.0.1", "port " + strconv.Itoa(s.port), "dir " + s.dir,
		`save ""`, "appendonly no", "daemonize no", "protected-mode no",
	}, s.lines...)
	if s.socket != "" {
		lines = append(lines, "unixsocket "+s.socket)
	}
	if s.tlsPort != 0 {
		lines = append(lines, "tls-port "+strconv.Itoa(s.tlsPort))
	}
	path := filepath.Join(s.dir, "redis.conf")
	var text bytes.Buffer
	for _, line := range lines {
		fmt.Fprintln(&text, line)
	}
	if err := os.WriteFile(path, text.Bytes(), 0o600); err != nil {
		s.tb.Fatalf("configuring redis-server: %v", err)
	}
	return path
}

// answers waits until the server answers PING, and reports false if the process
// ends instead.
func (s *Server) answers() bool {
	tick := time.NewTicker(5 * time.Millisecond)
	defer tick.Stop()
	limit := time.After(startLimit)
	for {
		if reply, err := s.Try("PING"); err == nil && reply == "PONG" {
			return true
		}
		select {
		case <-tick.C:
		case <-s.ended:
			return false
		case <-limit:
			s.Stop()
			s.tb.Fatalf("starting redis-server: no answer within %v:\n%s", startLimit, s.log)
		}
	}
}

func program(tb testing.TB) string {
	tb.Helper()
	path, err := exec.LookPath("redis-server")
	if err != nil {
		tb.Fatal("this test needs redis-server 6.2 or newer; install it, on Debian with: apt-get install redis-server")
	}
	return path
}

// tempDir returns a short path, because the path of a unix socket may have only 107
// bytes.
func tempDir(tb testing.TB) string {
	tb.Helper()
	dir, err := os.MkdirTemp("", "redis")
	if err != nil {
		tb.Fatalf("starting redis-server: %v", err)
	}
	tb.Cleanup(func() { _ = os.RemoveAll(dir) })
	return dir
}

func freePort(tb testing.TB) int {
	tb.Helper()
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		tb.Fatalf("looking for a free port: %v", err)
	}
	defer listener.Close()
	return listener.Addr().(*net.TCPAddr).Port
}

// signal sends a signal to the process.
func (s *Server) signal(sig syscall.Signal) {
	s.tb.Helper()
	if err := s.process.Process.Signal(sig); err != nil {
		s.tb.Fatalf("signalling redis-server: %v", err)
	}
}
