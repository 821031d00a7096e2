package chaos

import (
	"bufio"
	"errors"
	"io"
	"net"
	"os"
	"syscall"
	"testing"
	"time"
)

// prompt is how long data that passes may take. soon is how long a test waits for data that
// must not arrive.
const prompt, soon = 5 * time.Second, 50 * time.Millisecond

// linked returns a link to a server that answers each line with "got " and the line, and
// the lines that reach the server.
func linked(t *testing.T) (l *Link, reached <-chan string) {
	t.Helper()
	server, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = server.Close() })
	lines := make(chan string, 100)
	go func() {
		for {
			connection, err := server.Accept()
			if err != nil {
				return
			}
			go func() {
				defer connection.Close()
				for r := bufio.NewReader(connection); ; {
					line, err := r.ReadString('\n')
					if err != nil {
						return
					}
					lines <- line
					_, _ = io.WriteString(connection, "got "+line) // the link may be cut
				}
			}()
		}
	}()
	return NewLink(t, server.Addr().String()), lines
}

func dial(t *testing.T, l *Link) net.Conn {
	t.Helper()
	connection, err := net.Dial("tcp", l.Addr())
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = connection.Close() })
	return connection
}

// say sends a line and returns the answer within a time.
func say(t *testing.T, connection net.Conn, line string, within time.Duration) (string, error) {
	t.Helper()
	if _, err := io.WriteString(connection, line); err != nil {
		return "", err
	}
	return hear(t, connection, within)
}

func hear(t *testing.T, connection net.Conn, within time.Duration) (string, error) {
	t.Helper()
	if err := connection.SetReadDeadline(time.Now().Add(within)); err != nil {
		t.Fatal(err)
	}
	buffer := make([]byte, 64)
	n, err := connection.Read(buffer)
	return string(buffer[:n]), err
}

// arrives reports whether a line reaches the server within a time.
func arrives(reached <-chan string, within time.Duration) bool {
	late := make(chan struct{})
	timer := time.AfterFunc(within, func() { close(late) })
	defer timer.Stop()
	return await(late, reached)
}

func checkSaid(t *testing.T, connection net.Conn, line string) {
	t.Helper()
	if got, err := say(t, connection, line, prompt); got != "got "+line || err != nil {
		t.Errorf("said %q, heard %q, %v", line, got, err)
	}
}

func TestLinkHoldsBackAndReleases(t *testing.T) {
	for name, c := range map[string]struct {
		held    []Direction
		reaches bool
		within  time.Duration
	}{
		"both directions":     {[]Direction{ToRedis, ToGate}, false, soon},
		"what goes to redis":  {[]Direction{ToRedis}, false, soon},
		"what goes to a gate": {[]Direction{ToGate}, true, prompt},
	} {
		t.Run(name, func(t *testing.T) {
			l, reached := linked(t)
			connection := dial(t, l)
			checkSaid(t, connection, "one\n")
			<-reached
			l.Hold(c.held...)
			if got, err := say(t, connection, "two\n", soon); !errors.Is(err, os.ErrDeadlineExceeded) {
				t.Errorf("heard %q, %v, want silence", got, err)
			}
			if got := arrives(reached, c.within); got != c.reaches {
				t.Errorf("it arrived: %t, want %t", got, c.reaches)
			}
			// A new connection is accepted, and gets no data either.
			fresh := dial(t, l)
			if got, err := say(t, fresh, "new\n", soon); !errors.Is(err, os.ErrDeadlineExceeded) {
				t.Errorf("heard %q, %v, want silence", got, err)
			}
			l.Release()
			for connection, want := range map[net.Conn]string{connection: "got two\n", fresh: "got new\n"} {
				if got, err := hear(t, connection, prompt); got != want || err != nil {
					t.Errorf("heard %q late, %v, want %q", got, err, want)
				}
			}
			checkSaid(t, connection, "three\n")
		})
	}
}

// A request is on its way when its sender gives up. It is carried out all the same, as by a
// server behind a network that lost packets for a while.
func TestLinkDeliversWhatItsSenderGaveUp(t *testing.T) {
	l, reached := linked(t)
	connection := dial(t, l)
	checkSaid(t, connection, "one\n")
	<-reached
	l.Hold(ToRedis)
	if _, err := io.WriteString(connection, "two\n"); err != nil {
		t.Fatal(err)
	}
	_ = connection.Close()
	l.Release()
	if !arrives(reached, prompt) {
		t.Error("it did not arrive")
	}
}

func TestLinkDelays(t *testing.T) {
	l, _ := linked(t)
	connection := dial(t, l)
	checkSaid(t, connection, "one\n")
	l.Delay(soon)
	began := time.Now()
	checkSaid(t, connection, "two\n")
	if took := time.Since(began); took < 2*soon {
		t.Errorf("there and back took %v, want twice %v", took, soon)
	}
}

func TestLinkCutsAndRefuses(t *testing.T) {
	l, _ := linked(t)
	connection := dial(t, l)
	checkSaid(t, connection, "one\n")
	l.Cut()
	if got, err := hear(t, connection, prompt); !errors.Is(err, syscall.ECONNRESET) {
		t.Errorf("cut, it heard %q, %v, want a reset", got, err)
	}
	connection = dial(t, l)
	checkSaid(t, connection, "two\n")
	l.Refuse(true)
	if got, err := hear(t, connection, prompt); !errors.Is(err, syscall.ECONNRESET) {
		t.Errorf("refused, it heard %q, %v, want a reset", got, err)
	}
	// The reset may come before Dial has returned.
	fresh, err := net.Dial("tcp", l.Addr())
	if err == nil {
		_, err = hear(t, fresh, prompt)
		_ = fresh.Close()
	}
	if !errors.Is(err, syscall.ECONNRESET) {
		t.Errorf("a new connection ended with %v, want a reset", err)
	}
	l.Refuse(false)
	checkSaid(t, dial(t, l), "three\n")
}
