package redistest

import (
	"net"
	"os"
	"path/filepath"
	"strconv"
	"syscall"
)

// Addr is where the server listens: host:port, or a unix:// URL.
func (s *Server) Addr() string {
	if s.socket != "" {
		return "unix://" + s.socket
	}
	return net.JoinHostPort("127.0.0.1", strconv.Itoa(s.port))
}

// TLSAddr is where the server listens with TLS, as host:port.
func (s *Server) TLSAddr() string { return net.JoinHostPort("127.0.0.1", strconv.Itoa(s.tlsPort)) }

// Stop kills the process with SIGKILL and waits for its end. Stopping a stopped server
// does nothing.
func (s *Server) Stop() {
	_ = s.process.Process.Kill() // it may have ended already
	<-s.ended
}

// Restart starts the server again at the same address, after a Stop if it runs. It has
// the data last saved with Do("SAVE"), or none.
func (s *Server) Restart() {
	s.tb.Helper()
	s.Stop()
	if s.socket != "" {
		_ = os.Remove(s.socket)
	}
	if !s.launch() {
		s.tb.Fatalf("restarting redis-server: it ended:\n%s", s.log)
	}
}

// Configure adds lines to the server's configuration, for its next Restart or
// Relaunch.
func (s *Server) Configure(lines ...string) { s.lines = append(s.lines, lines...) }

// Relaunch is Restart that does not wait until the server answers.
func (s *Server) Relaunch() {
	s.tb.Helper()
	s.Stop()
	s.begin()
}

// Forget removes the saved data, so that a Restart finds nothing.
func (s *Server) Forget() {
	s.tb.Helper()
	if err := os.Remove(filepath.Join(s.dir, "dump.rdb")); err != nil && !os.IsNotExist(err) {
		s.tb.Fatalf("forgetting what redis saved: %v", err)
	}
}

// Freeze stops the process with SIGSTOP: it accepts connections and bytes, and
// answers nothing.
func (s *Server) Freeze() {
	s.tb.Helper()
	s.signal(syscall.SIGSTOP)
}

// Thaw continues a frozen process.
func (s *Server) Thaw() {
	s.tb.Helper()
	s.signal(syscall.SIGCONT)
}
