// Package running has requests that run until they are ended, for black-box tests: the
// upstream's side and the client's.
package running

import (
	"bufio"
	"context"
	"fmt"
	"io"
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/sessiongate/sessiongate/tests/harness"
)

// Limit is how long a running request may continue after its revocation: the promised
// second, and one for a machine that is busy with other tests.
const Limit = 2 * time.Second

// Request is a request that has reached the upstream, and has not ended.
type Request struct {
	Cancel context.CancelFunc
	Lines  chan string // of the answer; they need not be read
	Ended  chan error  // the client's error at the end; nil for a complete answer
}

// Serve makes the upstream answer with endless responses. begun receives the id of a
// request that has begun, told the id of one whose end reached the upstream.
func Serve(u *harness.Upstream) (begun, told chan string) {
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

// Receive waits for a value from the upstream.
func Receive(t *testing.T, from chan string) string {
	t.Helper()
	select {
	case id := <-from:
		return id
	case <-time.After(harness.StreamLimit):
		t.Fatal("the upstream was not told that a request is over")
		return ""
	}
}

// Start sends a request, and returns when the upstream has it.
func Start(t *testing.T, client *http.Client, url, id, token string, begun chan string) *Request {
	t.Helper()
	ctx, cancel := context.WithCancel(t.Context())
	s := &Request{Cancel: cancel, Lines: make(chan string, 1), Ended: make(chan error, 1)}
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
	go func() { s.Ended <- s.read(client, request) }()
	select {
	case <-begun:
	case err := <-s.Ended:
		t.Fatalf("%s ended before the upstream had it: %v", url, err)
	case <-time.After(harness.StreamLimit):
		t.Fatalf("%s does not reach the upstream", url)
	}
	return s
}

// read reads the answer until it ends.
func (s *Request) read(client *http.Client, request *http.Request) error {
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
		case s.Lines <- line:
		default:
		}
	}
}

// GoesOn waits for data that was sent after this call.
func (s *Request) GoesOn(t *testing.T) {
	t.Helper()
	select { // a line may be waiting
	case <-s.Lines:
	default:
	}
	for range 2 {
		select {
		case <-s.Lines:
		case err := <-s.Ended:
			t.Fatalf("a stream ended: %v", err)
		case <-time.After(harness.StreamLimit):
			t.Fatal("a stream stands still")
		}
	}
}

// IsCut waits for the end. It fails the test if the end is late, or looks like the end of a
// complete answer. It returns how long the cut took.
func (s *Request) IsCut(t *testing.T, since time.Time) (took time.Duration) {
	t.Helper()
	select {
	case err := <-s.Ended:
		if took = time.Since(since); took > Limit {
			t.Errorf("cut after %v, want %v", took, Limit)
		}
		if err == nil {
			t.Error("the client takes the answer for a whole one")
		}
	case <-time.After(harness.StreamLimit):
		t.Error("a request goes on after its session was revoked")
	}
	return took
}

// steady is an endless body.
type steady struct{ ctx context.Context }

func (e *steady) Read(p []byte) (int, error) {
	select {
	case <-e.ctx.Done():
		return 0, e.ctx.Err()
	case <-time.After(time.Millisecond): // limits the load on the machine
		return copy(p, "more\n"), nil
	}
}
