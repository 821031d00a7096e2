package harness

import (
	"net"
	"strconv"
	"syscall"
	"testing"

	"golang.org/x/sys/unix"
)

// Fault of the tests themselves: two gates that start at the same time get the same port,
// and each receives requests for the other.
func TestReservedPortIsTheTestsOwn(t *testing.T) {
	seen := make(map[int]bool)
	for range 200 {
		for _, port := range reservePorts(t, 2) {
			if seen[port] {
				t.Fatalf("port %d is given twice", port)
			}
			seen[port] = true
		}
	}
	for port := range seen {
		address := net.JoinHostPort("127.0.0.1", strconv.Itoa(port))
		if other, err := net.Listen("tcp", address); err == nil {
			_ = other.Close()
			t.Fatalf("port %d is free for everybody", port)
		}
		if connection, err := net.Dial("tcp", address); err == nil {
			_ = connection.Close()
			t.Fatalf("port %d takes connections before a gate listens", port)
		}
		listenAsGate(t, address)
	}
}

// listenAsGate listens as Caddy does, and checks that it receives a connection.
func listenAsGate(t *testing.T, address string) {
	t.Helper()
	config := net.ListenConfig{Control: func(_, _ string, connection syscall.RawConn) (err error) {
		failed := connection.Control(func(socket uintptr) {
			err = unix.SetsockoptInt(int(socket), unix.SOL_SOCKET, unix.SO_REUSEPORT, 1)
		})
		if failed != nil {
			return failed
		}
		return err
	}}
	listener, err := config.Listen(t.Context(), "tcp", address)
	if err != nil {
		t.Fatal(err)
	}
	defer listener.Close()
	connection, err := net.Dial("tcp", address)
	if err != nil {
		t.Fatal(err)
	}
	defer connection.Close()
	accepted, err := listener.Accept()
	if err != nil {
		t.Fatal(err)
	}
	_ = accepted.Close()
}
