package upstreams

import (
	"bufio"
	"bytes"
	"encoding/json"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"os"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/sessiongate/sessiongate/tests/harness"
)

// answerLimit is how long a server may take to answer.
const answerLimit = 10 * time.Second

// seen is a request as an application saw it. The applications record it when they run it,
// and answer with it.
type seen struct {
	Method string `json:"method"`
	Path   string `json:"path"` // decoded and resolved as far as the server does that
	User   string `json:"user"` // of the field Remote-User
	// Sessions are the values of the cookie session, by the library that read it.
	Sessions map[string]string `json:"sessions"`
}

// take returns the requests that the application has run since the last take,
// oldest first.
func (s *server) take() ([]seen, error) {
	file, err := os.Open(s.file())
	if err != nil {
		return nil, err
	}
	defer file.Close()
	if _, err := file.Seek(s.read, io.SeekStart); err != nil {
		return nil, err
	}
	text, err := io.ReadAll(file)
	if err != nil {
		return nil, err
	}
	text = text[:bytes.LastIndexByte(text, '\n')+1]
	s.read += int64(len(text))
	var all []seen
	for line := range bytes.Lines(text) {
		var one seen
		if err := json.Unmarshal(line, &one); err != nil {
			return nil, fmt.Errorf("reading what %s saw: %w: %q", s.name, err, line)
		}
		all = append(all, one)
	}
	return all, nil
}

// takeAll is take that fails the test on errors.
func (s *server) takeAll(t *testing.T) []seen {
	t.Helper()
	all, err := s.take()
	if err != nil {
		t.Fatal(err)
	}
	return all
}

// ask sends a request to the server directly, over a new connection, and returns the
// application's answer.
func (s *server) ask(method, target string, fields ...string) (seen, error) {
	connection, err := dial(s.addr)
	if err != nil {
		return seen{}, err
	}
	defer connection.Close()
	if _, err := io.WriteString(connection, harness.Lines(method+" "+target+" HTTP/1.1", fields...)); err != nil {
		return seen{}, err
	}
	one, _, err := readSeen(bufio.NewReader(connection), method)
	return one, err
}

// dial opens a connection with a deadline.
func dial(addr string) (net.Conn, error) {
	connection, err := net.DialTimeout("tcp", addr, answerLimit)
	if err != nil {
		return nil, err
	}
	return connection, connection.SetDeadline(time.Now().Add(answerLimit))
}

// readSeen reads an answer of an application, and reports whether the server then
// closes the connection.
func readSeen(reader *bufio.Reader, method string) (one seen, last bool, err error) {
	response, err := http.ReadResponse(reader, &http.Request{Method: method})
	if err != nil {
		return seen{}, true, err
	}
	defer response.Body.Close()
	body, err := io.ReadAll(response.Body)
	if err != nil {
		return seen{}, true, err
	}
	if response.StatusCode != http.StatusOK {
		return seen{}, response.Close, fmt.Errorf("answer is %d", response.StatusCode)
	}
	return one, response.Close, json.Unmarshal(body, &one)
}

// startGo starts a server of net/http in this process, with the same application.
func startGo(dir string) (*server, func(), error) {
	s := &server{name: "go", dir: dir}
	if err := s.prepare("", strings.NewReplacer()); err != nil {
		return nil, nil, err
	}
	file, err := os.OpenFile(s.file(), os.O_WRONLY|os.O_APPEND, 0)
	if err != nil {
		return nil, nil, err
	}
	var mu sync.Mutex
	own := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		one := seen{Method: r.Method, Path: r.URL.Path, User: r.Header.Get("Remote-User"), Sessions: map[string]string{}}
		if cookies := r.CookiesNamed("session"); len(cookies) > 0 {
			one.Sessions["net/http"] = cookies[0].Value
		}
		text, err := json.Marshal(one)
		if err != nil {
			panic(err)
		}
		mu.Lock()
		defer mu.Unlock()
		if _, err := file.Write(append(text, '\n')); err != nil {
			panic(err)
		}
		_, _ = w.Write(text) // the gate may have gone
	}))
	s.addr = own.Listener.Addr().String()
	return s, func() {
		own.Close()
		_ = file.Close()
	}, nil
}

// byName returns the servers of these names.
func byName(t *testing.T, names ...string) (found []*server) {
	t.Helper()
	for _, s := range servers {
		if slices.Contains(names, s.name) {
			found = append(found, s)
		}
	}
	if len(found) != len(names) {
		t.Fatalf("%d servers of %q", len(found), names)
	}
	return found
}
