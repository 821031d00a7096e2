package upstreams

import (
	"bufio"
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"net/url"
	"os/exec"
	"path"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/sessiongate/sessiongate/tests/harness"
)

// scripts are the child processes that read targets from their standard input. Each writes
// the path for each of its readers.
var scripts = map[string][]string{
	"Python":  {"/usr/bin/python3", "testdata/decode.py"},
	"Node.js": {"node", "testdata/decode.mjs"},
	"PHP":     {"php", "testdata/decode.php"},
}

// asked are the servers that resolve paths themselves. They get a request with the target,
// and answer with the path by which they choose a location or a handler. `location =
// /v1/auth/session` of nginx compares with it, and so do <Location> of Apache and the
// servlet mapping of Jetty.
var asked = []string{"nginx", "apache", "jetty", "uwsgi", "php"}

// decode returns, for each decoder, which targets end at exactly the wanted path, letter
// case aside.
func decode(t *testing.T, targets []string, wanted string) map[string][]bool {
	t.Helper()
	var (
		wait sync.WaitGroup
		mu   sync.Mutex
		ends = make(map[string][]bool)
		note = func(name string, paths []string) {
			mu.Lock()
			defer mu.Unlock()
			ends[name] = make([]bool, len(targets))
			for i, p := range paths {
				ends[name][i] = strings.EqualFold(p, wanted)
			}
		}
	)
	for name, command := range scripts {
		wait.Go(func() {
			read, err := runScript(t.Context(), append(command, wanted), targets)
			if err != nil {
				t.Errorf("decoding with %s: %v", name, err)
			}
			for reader, paths := range read {
				note(name+" "+reader, paths)
			}
		})
	}
	for _, s := range byName(t, asked...) {
		wait.Go(func() {
			paths, err := s.decode(targets)
			if err != nil {
				t.Errorf("decoding with %s: %v", s.name, err)
			}
			note("server "+s.name, paths)
		})
	}
	for name, read := range goReaders {
		paths := make([]string, len(targets))
		for i, target := range targets {
			paths[i] = read(target, wanted)
		}
		note("Go "+name, paths)
	}
	wait.Wait()
	return ends
}

// goReaders are the readers of Go's standard library.
var goReaders = map[string]func(target, wanted string) string{
	"url.ParseRequestURI": func(target, _ string) string {
		u, err := url.ParseRequestURI(target)
		if err != nil {
			return ""
		}
		return path.Clean(u.Path)
	},
	"url.Parse": func(target, _ string) string {
		u, err := url.Parse(target)
		if err != nil {
			return ""
		}
		return path.Clean(u.Path)
	},
	"url.ResolveReference": func(target, _ string) string {
		u, err := (&url.URL{Scheme: "http", Host: "gate.test"}).Parse(target)
		if err != nil {
			return ""
		}
		return u.Path
	},
	"http.ServeMux": func(target, wanted string) (served string) {
		request, err := http.ReadRequest(bufio.NewReader(strings.NewReader(harness.Lines("GET " + target + " HTTP/1.1"))))
		if err != nil {
			return ""
		}
		mux := http.NewServeMux()
		mux.HandleFunc(wanted, func(http.ResponseWriter, *http.Request) { served = wanted })
		mux.ServeHTTP(httptest.NewRecorder(), request)
		return served
	},
}

// runScript runs a script to its end. It returns the path that each of its readers finds in
// each target, or "" if the reader refuses the target.
func runScript(ctx context.Context, command, targets []string) (map[string][]string, error) {
	process := exec.CommandContext(ctx, command[0], command[1:]...)
	process.Env = append(process.Environ(), "PYTHONDONTWRITEBYTECODE=1", "NODE_NO_WARNINGS=1")
	process.Stdin = strings.NewReader(strings.Join(targets, "\n") + "\n")
	var complaint bytes.Buffer
	process.Stderr = &complaint
	output, err := process.Output()
	if err != nil {
		return nil, fmt.Errorf("%w\n%s", err, complaint.String())
	}
	paths := make(map[string][]string)
	n := 0
	for line := range bytes.Lines(output) {
		var read map[string]string
		if err := json.Unmarshal(line, &read); err != nil {
			return nil, fmt.Errorf("reading %q: %w", line, err)
		}
		for reader, p := range read {
			paths[reader] = append(paths[reader], p)
		}
		n++
	}
	if n != len(targets) {
		return nil, fmt.Errorf("%d of %d targets were read", n, len(targets))
	}
	return paths, nil
}

// decode sends the server a request for each target, over connections that it may keep.
func (s *server) decode(targets []string) (paths []string, err error) {
	paths = make([]string, len(targets))
	text := func(i int) string { return harness.Lines("GET " + targets[i] + " HTTP/1.1") }
	err = overConnection(s.addr, targets, text, func(i int, reader *bufio.Reader) (last bool, err error) {
		one, last, err := readSeen(reader, "GET")
		if err == nil {
			paths[i] = one.Path
		}
		return last, nil // A target that the server refuses has no path.
	})
	return paths, err
}

// overConnection sends a request for each target and reads its answer, one after the other,
// over one connection. After an answer that read reports as the last one, it opens a new
// connection.
func overConnection(
	addr string, targets []string,
	text func(i int) string, read func(i int, reader *bufio.Reader) (last bool, err error),
) error {
	var (
		connection net.Conn
		reader     *bufio.Reader
	)
	end := func() {
		if connection != nil {
			_ = connection.Close()
			connection = nil
		}
	}
	defer end()
	for i, target := range targets {
		if connection == nil {
			var err error
			if connection, err = dial(addr); err != nil {
				return err
			}
			reader = bufio.NewReader(connection)
		}
		if err := connection.SetDeadline(time.Now().Add(answerLimit)); err != nil {
			return err
		}
		if _, err := io.WriteString(connection, text(i)); err != nil {
			return fmt.Errorf("sending %q: %w", target, err)
		}
		last, err := read(i, reader)
		if err != nil {
			return fmt.Errorf("reading the answer to %q: %w", target, err)
		}
		if last {
			end()
		}
	}
	return nil
}
