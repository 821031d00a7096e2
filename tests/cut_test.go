package tests

import (
	"bufio"
	"context"
	"fmt"
	"io"
	"net/http"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/sessiongate/sessiongate/store/redisstore/redistest"
	"github.com/sessiongate/sessiongate/tests/harness"
)

// cutLimit is how long after its revocation a running request may go on: the second
// that is promised, and one for a machine that is busy with other tests.
const cutLimit = 2 * time.Second

// running is a request that has reached the upstream, and is not at its end.
type running struct {
	cancel context.CancelFunc
	lines  chan string // of the answer; nobody has to read them
	ended  chan error  // how it ended, for the client; nil for a whole answer
}

// serveRunning lets the upstream answer requests that go on for ever. Each tells
// when it has begun, and when it was told of its end.
func serveRunning(u *harness.Upstream) (begun, told chan string) {
	begun, told = make(chan string, 1<<12), make(chan string, 1<<12)
	for path, answer := range map[string]http.HandlerFunc{
		"/poll": func(http.ResponseWriter, *http.Request) {},
		"/silent": func(w http.ResponseWriter, _ *http.Request) {
			w.(http.Flusher).Flush()
		},
		"/events": harness.Events(20 * time.Millisecond),
		"/download": func(w http.ResponseWriter, r *http.Request) {
			piece := strings.Repeat("x", 1<<15) + "\n"
			for r.Context().Err() == nil {
				_, _ = io.WriteString(w, piece)
			}
		},
		"/upload": func(_ http.ResponseWriter, r *http.Request) {
			_, _ = io.Copy(io.Discard, r.Body)
		},
	} {
		u.Handle(path, func(w http.ResponseWriter, r *http.Request) {
			id := r.Header.Get("X-Request-Id")
			begun <- id
			answer(w, r)
			<-r.Context().Done()
			told <- id
		})
	}
	return begun, told
}

// receive waits for what the upstream tells.
func receive(t *testing.T, from chan string) string {
	t.Helper()
	select {
	case id := <-from:
		return id
	case <-time.After(streamLimit):
		t.Fatal("the upstream was not told that a request is over")
		return ""
	}
}

// start sends a request, and returns when the upstream has it.
func start(t *testing.T, client *http.Client, url, id, token string, begun chan string) *running {
	t.Helper()
	ctx, cancel := context.WithCancel(t.Context())
	s := &running{cancel: cancel, lines: make(chan string, 1), ended: make(chan error, 1)}
	t.Cleanup(cancel)
	method, body := http.MethodGet, io.Reader(nil)
	if strings.HasSuffix(url, "/upload") {
		method, body = http.MethodPost, &steady{ctx: ctx}
	}
	request, err := http.NewRequestWithContext(ctx, method, url, body)
	if err != nil {
		t.Fatal(err)
	}
	request.Header.Set("Authorization", "Bearer "+token)
	request.Header.Set("X-Request-Id", id)
	go func() { s.ended <- s.read(client, request) }()
	select {
	case <-begun:
	case err := <-s.ended:
		t.Fatalf("%s ended before the upstream had it: %v", url, err)
	case <-time.After(streamLimit):
		t.Fatalf("%s does not reach the upstream", url)
	}
	return s
}

// read reads the answer to its end.
func (s *running) read(client *http.Client, request *http.Request) error {
	response, err := client.Do(request)
	if err != nil {
		return err
	}
	defer response.Body.Close()
	if response.StatusCode != http.StatusOK {
		return fmt.Errorf("answered %d", response.StatusCode)
	}
	reader := bufio.NewReader(response.Body)
	for {
		line, err := reader.ReadString('\n')
		if err == io.EOF {
			return nil
		}
		if err != nil {
			return err
		}
		select {
		case s.lines <- line:
		default:
		}
	}
}

// goesOn waits for something that was sent after now.
func (s *running) goesOn(t *testing.T) {
	t.Helper()
	select { // one may have waited
	case <-s.lines:
	default:
	}
	for range 2 {
		select {
		case <-s.lines:
		case err := <-s.ended:
			t.Fatalf("a stream ended: %v", err)
		case <-time.After(streamLimit):
			t.Fatal("a stream stands still")
		}
	}
}

// isCut waits for the end, and fails the test if it is late or passes for the end
// of a whole answer. It returns how long that took.
func (s *running) isCut(t *testing.T, since time.Time) (took time.Duration) {
	t.Helper()
	select {
	case err := <-s.ended:
		if took = time.Since(since); took > cutLimit {
			t.Errorf("cut after %v, want %v", took, cutLimit)
		}
		if err == nil {
			t.Error("the client takes the answer for a whole one")
		}
	case <-time.After(streamLimit):
		t.Error("a request goes on after its session was revoked")
	}
	return took
}

// steady is a body without an end.
type steady struct{ ctx context.Context }

func (e *steady) Read(p []byte) (int, error) {
	select {
	case <-e.ctx.Done():
		return 0, e.ctx.Err()
	case <-time.After(time.Millisecond): // not to fill the machine
		return copy(p, "more\n"), nil
	}
}

// Attack: whoever was logged out goes on in a request that was admitted before:
// reads events, downloads, uploads, or waits for an answer. Each is cut on every
// gate, and the upstream is told.
func TestARevokedSessionsRequestsAreCut(t *testing.T) {
	store := harness.Redis(redistest.Address(t))
	a := harness.Start(t, harness.Config{Store: store, TLS: true})
	b := harness.Start(t, harness.Config{Store: store, Key: a.Key, Upstream: a.Upstream, TLS: true})
	begun, told := serveRunning(a.Upstream)
	harness.EachProtocol(t, func(t *testing.T, protocol harness.Protocol) {
		clients := []*http.Client{a.Client(t, protocol), b.Client(t, protocol)}
		for _, path := range []string{"/events", "/silent", "/poll", "/download", "/upload"} {
			t.Run(path[1:], func(t *testing.T) {
				name := string(protocol) + path
				leaves, stays := a.Token(session(name)), a.Token(session(name+" of another"))
				var cut []*running
				for i, client := range clients {
					cut = append(cut, start(t, client, []*harness.Gate{a, b}[i].TLSURL(path), name, leaves, begun))
				}
				other := start(t, clients[1], b.TLSURL("/events"), name+" of another", stays, begun)
				invalidated.check(t, end(t, a, leaves))
				since := time.Now()
				for _, s := range cut {
					s.isCut(t, since)
				}
				for range cut {
					if id := receive(t, told); id != name {
						t.Errorf("the upstream was told of the end of %q", id)
					}
				}
				other.goesOn(t)
				other.cancel()
				receive(t, told)
			})
		}
	})
}

// Several hundred streams on two gates, of which every second is cut, all at once.
func TestHundredsOfStreamsAreCut(t *testing.T) {
	const sessions, each = 60, 5
	a, b := startPair(t)
	begun, told := serveRunning(a.Upstream)
	client := &http.Client{Transport: &http.Transport{DisableKeepAlives: true}}
	streams := make([][]*running, sessions)
	tokens := make([]string, sessions)
	for i := range sessions {
		tokens[i] = a.Token(session(fmt.Sprint("session ", i)))
		for j := range 2 * each {
			g := []*harness.Gate{a, b}[j%2]
			streams[i] = append(streams[i], start(t, client, g.URL("/events"), "", tokens[i], begun))
		}
	}
	var ends sync.WaitGroup
	var mu sync.Mutex
	var slowest time.Duration
	for i := 0; i < sessions; i += 2 {
		ends.Go(func() {
			invalidated.check(t, end(t, []*harness.Gate{a, b}[i/2%2], tokens[i]))
			since := time.Now()
			for _, s := range streams[i] {
				took := s.isCut(t, since)
				mu.Lock()
				slowest = max(slowest, took)
				mu.Unlock()
			}
		})
	}
	ends.Wait()
	t.Logf("%d streams were cut, the last of a session %v after its 200", sessions*each, slowest)
	for i := 1; i < sessions; i += 2 {
		for _, s := range streams[i] {
			s.goesOn(t)
			s.cancel()
		}
	}
	for range sessions * 2 * each {
		receive(t, told)
	}
}
