package hostile

import (
	"bufio"
	"fmt"
	"io"
	"net"
	"net/http"
	"strings"
	"sync"
	"testing"

	"github.com/sessiongate/sessiongate/tests/harness"
)

// pooled is an upstream whose connections stay open, as in a pool. It reads requests as
// strictly as RFC 9112 demands, and answers each with its X-Case field.
type pooled struct {
	listener net.Listener

	mu       sync.Mutex
	requests []harness.Reached
	odd      []string // data that is no request
}

func newPooled(t *testing.T) *pooled {
	t.Helper()
	u := new(pooled)
	u.listener = harness.ServeAll(t, u.serve)
	return u
}

func (u *pooled) serve(connection net.Conn) {
	var head strings.Builder
	reader := bufio.NewReader(io.TeeReader(connection, &head))
	for {
		head.Reset()
		request, err := http.ReadRequest(reader)
		if err == nil {
			var body []byte
			if body, err = io.ReadAll(request.Body); err == nil {
				u.note(request, string(body))
				name := request.Header.Get("X-Case")
				if request.Method == http.MethodHead {
					name = ""
				}
				_, err = fmt.Fprintf(connection, "HTTP/1.1 200 OK\r\nContent-Length: %d\r\n\r\n%s", len(name), name)
			}
		}
		if err != nil {
			if text := head.String(); text != "" {
				u.mu.Lock()
				u.odd = append(u.odd, err.Error()+": "+text)
				u.mu.Unlock()
			}
			return
		}
	}
}

func (u *pooled) note(r *http.Request, body string) {
	u.mu.Lock()
	defer u.mu.Unlock()
	u.requests = append(u.requests, harness.Reached{
		Method: r.Method, URI: r.RequestURI, Header: r.Header, Trailer: r.Trailer, Body: body,
	})
}

// take returns the requests that reached the upstream, and fails the test if it received
// anything else.
func (u *pooled) take(t *testing.T) []harness.Reached {
	t.Helper()
	u.mu.Lock()
	defer u.mu.Unlock()
	for _, odd := range u.odd {
		t.Errorf("the upstream was sent %q", odd)
	}
	return u.requests
}
