package floods

import (
	"io"
	"net"
	"strings"
	"testing"

	"github.com/sessiongate/sessiongate/tests/answers"
	"github.com/sessiongate/sessiongate/tests/harness"
	"golang.org/x/sys/unix"
)

const (
	// idle, silent and halfOpen are the numbers of inactive connections of three kinds.
	idle, silent, halfOpen = 8_000, 1_000, 1_000
	// files is how many files a process of this test must be able to open: each connection
	// is one file here and one at the gate.
	files = idle + silent + halfOpen + 1_000
	// memoryOfIdle is how much of the gate's resident memory a connection may take, in
	// bytes. Measured: 22 to 25 KiB. Most of it is two buffers of 4 KiB, a stack of 8 KiB,
	// and the request, which net/http keeps.
	memoryOfIdle = 48 << 10
)

// raiseFiles raises the limit of open files of this process and its children. Go raises the
// soft limit to the hard one by itself.
func raiseFiles(t *testing.T) {
	t.Helper()
	var limit unix.Rlimit
	if err := unix.Getrlimit(unix.RLIMIT_NOFILE, &limit); err != nil {
		t.Fatal(err)
	}
	if limit.Max >= files {
		return
	}
	if err := unix.Setrlimit(unix.RLIMIT_NOFILE, &unix.Rlimit{Cur: files, Max: files}); err != nil {
		t.Fatalf("raising the limit of open files from %d to %d, for which root is needed or `ulimit -Hn`: %v", limit.Max, files, err)
	}
}

// hold opens connections, sends begin on each, and reads the answer up to end, if there is
// one. They stay open until the test closes them.
func hold(t *testing.T, g *harness.Gate, n int, begin, end string) (close func()) {
	t.Helper()
	held := make([]net.Conn, 0, n)
	close = func() {
		for _, connection := range held {
			_ = connection.Close()
		}
	}
	t.Cleanup(close)
	for range n {
		connection, err := net.Dial("tcp", g.Addr())
		if err != nil {
			t.Fatalf("opening connection %d: %v", len(held), err)
		}
		held = append(held, connection)
		if _, err := io.WriteString(connection, begin); err != nil {
			t.Fatalf("sending %q: %v", begin, err)
		}
		var answer strings.Builder
		for room := make([]byte, 4<<10); end != "" && !strings.HasSuffix(answer.String(), end); {
			read, err := connection.Read(room)
			if err != nil {
				t.Fatalf("reading the answer on connection %d: %v", len(held), err)
			}
			answer.Write(room[:read])
		}
	}
	return close
}

// Attack: ten thousand connections to one gate without configured timeouts. Some have had
// an answer and stay, some send nothing, some stop within the fields. Each takes less than
// 48 KiB of memory. Users are served, and end their sessions, as without these connections.
// When they close, nothing of them is left.
func TestTenThousandIdleConnectionsAreTolerated(t *testing.T) {
	raiseFiles(t)
	g := harness.Start(t, harness.Config{Routes: "session_gate\nreverse_proxy {$UPSTREAM} {\ntransport http {\nkeepalive off\n}\n}"})
	owner := g.Token(harness.Session("of the idle"))
	harness.See(t, g, owner)
	before, use := g.Peak(t), g.Use(t)

	head := "GET / HTTP/1.1\r\nHost: gate.test\r\nAuthorization: Bearer " + owner + "\r\n"
	closes := []func(){
		hold(t, g, idle/2, head+"\r\n", harness.UpstreamBody),
		hold(t, g, idle/2, harness.Lines("GET / HTTP/1.1", "Authorization: Bearer "+owner+"A"), "}"),
		hold(t, g, silent, "", ""),
		hold(t, g, halfOpen, head+"X-Half: ", ""),
	}
	if open := g.Use(t).Files; open < files-1_000 {
		t.Fatalf("the gate has %d files open: the connections are not there", open)
	}
	for i := range 20 {
		token := g.Token(harness.Session(string(rune('a' + i))))
		harness.CheckAdmitted(t, harness.Get(t, g, token))
		answers.Invalidated.Check(t, harness.End(t, g, token))
		answers.BadToken.Check(t, harness.Get(t, g, token))
	}
	grown := g.Peak(t) - before
	each := grown / (idle + silent + halfOpen)
	t.Logf("%d MiB more at the peak, %d bytes for each connection", grown>>20, each)
	if each > memoryOfIdle {
		t.Errorf("a connection takes %d bytes, want %d at the most", each, memoryOfIdle)
	}
	for _, close := range closes {
		close()
	}
	harness.Settled(t, g, use, 0, func() int { return 0 })
	harness.CheckAdmitted(t, harness.Get(t, g, owner))
}
