package faults

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"runtime"
	"slices"
	"strconv"
	"strings"
	"testing"

	"github.com/sessiongate/sessiongate/tests/harness"
	"golang.org/x/sys/unix"
)

// connectAs connects to a unix socket with the file permissions of another user. They apply
// to one thread, which ends with the goroutine that is locked to it.
func connectAs(uid int, path string) error {
	result := make(chan error)
	go func() {
		runtime.LockOSThread() // and never unlocked
		socket, err := unix.Socket(unix.AF_UNIX, unix.SOCK_STREAM|unix.SOCK_CLOEXEC, 0)
		if err != nil {
			result <- err
			return
		}
		defer unix.Close(socket)
		if _, err = unix.SetfsuidRetUid(uid); err == nil {
			if now, _ := unix.SetfsuidRetUid(-1); now != uid {
				err = fmt.Errorf("the thread acts for user %d, not %d", now, uid)
			} else {
				err = unix.Connect(socket, &unix.SockaddrUnix{Name: path})
			}
		}
		result <- err
	}()
	return <-result
}

// listening returns the TCP ports on which the process listens.
func listening(t *testing.T, g *harness.Gate) (ports []int) {
	t.Helper()
	process := fmt.Sprintf("/proc/%d", g.PID())
	files, err := filepath.Glob(process + "/fd/*")
	if err != nil {
		t.Fatal(err)
	}
	var sockets []string
	for _, file := range files {
		name, _ := os.Readlink(file) // it may have been closed meanwhile
		sockets = append(sockets, name)
	}
	for _, table := range []string{"/net/tcp", "/net/tcp6"} {
		content, err := os.ReadFile(process + table)
		if err != nil && !errors.Is(err, os.ErrNotExist) { // without IPv6
			t.Fatal(err)
		}
		for line := range strings.Lines(string(content)) {
			// sl local_address rem_address st … inode, which is the tenth (proc(5)).
			fields := strings.Fields(line)
			if len(fields) < 10 || fields[3] != "0A" || !slices.Contains(sockets, "socket:["+fields[9]+"]") {
				continue
			}
			_, hex, _ := strings.Cut(fields[1], ":")
			port, err := strconv.ParseUint(hex, 16, 16)
			if err != nil {
				t.Fatalf("reading %q: %v", line, err)
			}
			ports = append(ports, int(port))
		}
	}
	return ports
}

// Attack: another user of the machine posts a configuration without a gate to the admin
// API, or stops it. The admin API has no password. With the address in every shipped
// Caddyfile, no TCP port leads to it, and only the gate's own user can connect to the socket.
func TestNeighbourCannotReachTheAdminAPI(t *testing.T) {
	t.Parallel()
	const nobody = 65534
	g := harness.Start(t, harness.Config{})
	path := filepath.Join(g.Dir(), "admin.sock")
	file, err := os.Stat(path)
	if err != nil {
		t.Fatal(err)
	}
	if mode := file.Mode(); mode.Type() != os.ModeSocket || mode.Perm() != 0o600 {
		t.Errorf("the admin API listens on a file of mode %v, want a socket of 0600", mode)
	}
	if ports := listening(t, g); len(ports) != 2 || slices.Contains(ports, 2019) {
		t.Errorf("the gate listens on the TCP ports %d, want the site's and the health's", ports)
	}
	if err := connectAs(os.Getuid(), path); err != nil {
		t.Errorf("the gate's own user cannot connect: %v", err)
	}
	if os.Getuid() == 0 { // other users cannot change their user id; the mode shows the same
		// The directory is open, so that only the socket keeps the other user out.
		if err := os.Chmod(g.Dir(), 0o755); err != nil {
			t.Fatal(err)
		}
		if err := connectAs(nobody, path); !errors.Is(err, unix.EACCES) {
			t.Errorf("another user connects: %v, want %v", err, unix.EACCES)
		}
	}
	harness.CheckAdmitted(t, harness.Get(t, g, g.Token(nil)))
}
