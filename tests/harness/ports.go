package harness

import (
	"fmt"
	"strconv"
	"testing"

	"golang.org/x/sys/unix"
)

// reservePorts returns ports of the loopback interface that only this test uses until it
// ends.
//
// A socket is bound to each and does not listen, so that the system assigns the port to no
// other process. A gate can still listen there, because it sets SO_REUSEPORT as those
// sockets do. Two gates with the same port would both listen on it, and share its
// connections without an error.
func reservePorts(tb testing.TB, n int) []int {
	tb.Helper()
	ports := make([]int, n)
	for i := range ports {
		port, err := reservePort(tb)
		if err != nil {
			tb.Fatalf("reserving a port: %v", err)
		}
		ports[i] = port
	}
	return ports
}

// Ports returns ports, as text, for a gate that the test starts itself. Nobody else gets them
// until the test ends.
func Ports(tb testing.TB, n int) (ports []string) {
	tb.Helper()
	for _, port := range reservePorts(tb, n) {
		ports = append(ports, strconv.Itoa(port))
	}
	return ports
}

func reservePort(tb testing.TB) (int, error) {
	socket, err := unix.Socket(unix.AF_INET, unix.SOCK_STREAM, 0)
	if err != nil {
		return 0, err
	}
	unix.CloseOnExec(socket)
	tb.Cleanup(func() { _ = unix.Close(socket) })
	if err := unix.SetsockoptInt(socket, unix.SOL_SOCKET, unix.SO_REUSEPORT, 1); err != nil {
		return 0, err
	}
	if err := unix.Bind(socket, &unix.SockaddrInet4{Addr: [4]byte{127, 0, 0, 1}}); err != nil {
		return 0, err
	}
	name, err := unix.Getsockname(socket)
	if err != nil {
		return 0, err
	}
	bound, ok := name.(*unix.SockaddrInet4)
	if !ok {
		return 0, fmt.Errorf("bound to an address of type %T", name)
	}
	return bound.Port, nil
}
