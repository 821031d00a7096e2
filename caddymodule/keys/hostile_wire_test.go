package keys_test

import (
	"bufio"
	"context"
	"fmt"
	"io"
	"log/slog"
	"net"
	"net/http"
	"strings"
	"testing"
	"testing/synctest"
	"time"
	"unicode/utf8"

	"github.com/sessiongate/sessiongate/caddymodule/keys"
	"github.com/sessiongate/sessiongate/caddymodule/token/tokentest"
)

// wire serves connections without a network: it reads a request, and then sends whatever
// the test writes, byte by byte.
func wire(answer func(io.ReadWriter)) func(context.Context, string, string) (net.Conn, error) {
	return func(context.Context, string, string) (net.Conn, error) {
		client, server := net.Pipe()
		go func() {
			defer server.Close()
			if _, err := http.ReadRequest(bufio.NewReader(server)); err == nil {
				answer(server)
			}
		}()
		return client, nil
	}
}

// repeat sends the same text again and again until the other side closes.
func repeat(w io.Writer, text string, pause time.Duration) {
	for {
		if _, err := io.WriteString(w, text); err != nil {
			return
		}
		if pause > 0 {
			time.Sleep(pause)
		}
	}
}

// Attack (invariant 12): an endpoint never ends its answer, or does not speak HTTP. The
// gate would wait, fill its memory, or write the endpoint's text into its log.
func TestHostileWire(t *testing.T) {
	const start = "HTTP/1.1 200 OK\r\n"
	canary := "canary\x1b[2J\u202e" + strings.Repeat("canary", 5000)
	say := func(text string) func(io.ReadWriter) {
		return func(w io.ReadWriter) { _, _ = io.WriteString(w, text) }
	}
	endless := func(first, then string, pause time.Duration) func(io.ReadWriter) {
		return func(w io.ReadWriter) {
			_, _ = io.WriteString(w, first)
			repeat(w, then, pause)
		}
	}
	listen := func(w io.ReadWriter) { _, _ = io.Copy(io.Discard, w) }
	for name, tt := range map[string]struct {
		answer func(io.ReadWriter)
		want   string
		takes  time.Duration
	}{
		"a byte a second":            {endless(start+"Content-Length: 100\r\n\r\n{", " ", time.Second), "exceeded", 5 * time.Second},
		"a header byte a second":     {endless(start+"X: ", "x", time.Second), "exceeded", 5 * time.Second},
		"a chunk a second":           {endless(start+"Transfer-Encoding: chunked\r\n\r\n", "1\r\n \r\n", time.Second), "exceeded", 5 * time.Second},
		"silence":                    {listen, "exceeded", 5 * time.Second},
		"silence after the start":    {func(w io.ReadWriter) { say(start)(w); listen(w) }, "exceeded", 5 * time.Second},
		"endless headers":            {endless(start, "X: "+strings.Repeat("x", 1000)+"\r\n", 0), "exceeded 65536 bytes", 0},
		"one endless header":         {endless(start+"X: ", strings.Repeat("x", 1000), 0), "exceeded 65536 bytes", 0},
		"endless status line":        {endless("HTTP/1.1 200 ", strings.Repeat("x", 1000), 0), "exceeded 65536 bytes", 0},
		"endless early hints":        {endless("", "HTTP/1.1 103 Early Hints\r\nLink: <x>\r\n\r\n", 0), "exceeded 65536 bytes", 0},
		"endless hints, slowly":      {endless("", "HTTP/1.1 102 Processing\r\n\r\n", time.Second), "exceeded", 5 * time.Second},
		"endless body":               {endless(start+"\r\n", strings.Repeat(" ", 1000), 0), "more than 1048576 bytes", 0},
		"endless chunks":             {endless(start+"Transfer-Encoding: chunked\r\n\r\n", "40\r\n"+strings.Repeat(" ", 64)+"\r\n", 0), "more than 1048576 bytes", 0},
		"endless trailers":           {endless(start+"Transfer-Encoding: chunked\r\n\r\n0\r\n", "X: x\r\n", 0), "", 0},
		"length too long":            {say(start + "Content-Length: 1000\r\n\r\n{}"), "EOF", 0},
		"length too short":           {say(start + "Content-Length: 3\r\n\r\n" + `{"keys":[]}`), "not valid JSON", 0},
		"two lengths":                {say(start + "Content-Length: 2\r\nContent-Length: 3\r\n\r\n{}"), "", 0},
		"switching protocols":        {say("HTTP/1.1 101 Switching Protocols\r\nUpgrade: x\r\nConnection: upgrade\r\n\r\n{}"), "status 101", 0},
		"no HTTP":                    {say(canary + "\r\n\r\n"), "malformed HTTP", 0},
		"a status that is none":      {say("HTTP/1.1 " + canary + "\r\n\r\n"), "malformed HTTP", 0},
		"a reason of its own":        {say("HTTP/1.1 500 " + canary + "\r\n\r\n"), "status 500", 0},
		"a header that is none":      {say(start + canary + "\r\n\r\n"), "malformed", 0},
		"a place that is none":       {say("HTTP/1.1 302 Found\r\nLocation: http://[" + canary + "\r\n\r\n"), "Location", 0},
		"a place elsewhere":          {say("HTTP/1.1 302 Found\r\nLocation: https://evil.example.com/" + strings.Repeat("canary", 5000) + "\r\n\r\n"), "following redirect", 0},
		"a transfer coding, unknown": {say(start + "Transfer-Encoding: " + strings.Repeat("canary", 5000) + "\r\n\r\n"), "unsupported transfer encoding", 0},
		"a length that is none":      {say(start + "Content-Length: " + strings.Repeat("canary", 5000) + "\r\n\r\n"), "bad Content-Length", 0},
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				o := &outcome{first: make(chan string, 1)}
				remote, err := keys.NewRemote(keys.RemoteOptions{
					URL: "http://127.0.0.1/jwks.json", Logger: slog.New(slog.NewTextHandler(o, nil)),
				})
				if err != nil {
					t.Fatal(err)
				}
				remote.SetDial(wire(tt.answer))
				began := time.Now()
				remote.Start()
				defer time.Sleep(2 * time.Second) // time for the endpoint to notice that nobody reads
				defer remote.Close()
				line := <-o.first
				if took := time.Since(began); took > 5*time.Second || tt.takes > 0 && took != tt.takes {
					t.Errorf("given up after %s, want %s", took, tt.takes)
				}
				if remote.Loaded() || !strings.Contains(line, tt.want) {
					t.Errorf("loaded %t, log %.1000s", remote.Loaded(), line)
				}
				if len(line) > 1000 || strings.ContainsAny(line, "\x1b\u202e") || strings.Count(line, "\n") != 1 {
					t.Errorf("log of %d bytes: %.1000q", len(line), line)
				}
			})
		})
	}
}

// Attack: an endpoint states its address in a document of a megabyte, which would become
// one log line.
func TestHostileDocumentsAreNotLogged(t *testing.T) {
	canary := strings.Repeat("canary\n", 100_000)
	for name, documents := range map[string]map[string]any{
		"issuer":         {tokentest.DiscoveryPath: map[string]any{"issuer": canary, "jwks_uri": keySetURL}},
		"jwks_uri":       {tokentest.DiscoveryPath: map[string]any{"issuer": tokentest.Issuer, "jwks_uri": "ftp://" + canary}},
		"jwks_uri, path": {tokentest.DiscoveryPath: map[string]any{"issuer": tokentest.Issuer, "jwks_uri": keySetURL + strings.Repeat("/canary", 50_000)}},
		"kty":            {"/": map[string]any{"keys": []any{map[string]any{"kty": canary}}}},
		"crv":            {"/": map[string]any{"keys": []any{map[string]any{"kty": "EC", "crv": canary}}}},
		"kid and alg":    {"/": map[string]any{"keys": []any{map[string]any{"kid": canary, "alg": canary, "use": canary}}}},
		"another name":   {"/": map[string]any{canary: 1}},
	} {
		t.Run(name, func(t *testing.T) {
			options := keys.RemoteOptions{Discover: tokentest.Issuer}
			if documents["/"] != nil {
				options = keys.RemoteOptions{URL: "https://id.example.com/"}
			}
			var log strings.Builder
			synctest.Test(t, func(t *testing.T) {
				options.Logger = slog.New(slog.NewTextHandler(&log, &slog.HandlerOptions{Level: slog.LevelDebug}))
				remote := remoteKeys(t, answering(documents), options)
				time.Sleep(10 * time.Second)
				synctest.Wait()
				remote.Close()
			})
			if !strings.Contains(log.String(), "level=WARN") && !strings.Contains(log.String(), "level=ERROR") {
				t.Errorf("nothing was logged of it:\n%s", log.String())
			}
			for line := range strings.Lines(log.String()) {
				if len(line) > 1200 || strings.HasPrefix(line, "canary") {
					t.Errorf("line of %d bytes: %.300s", len(line), line)
				}
			}
		})
	}
}

// Attack: an endpoint writes a second line into the log, or moves the cursor of the terminal
// that shows it.
func TestLoggedTextIsOneShortLineOfPrintableCharacters(t *testing.T) {
	for text, want := range map[string]string{
		"fetching: EOF":           "fetching: EOF",
		"a\nlevel=INFO\r\tb":      "a\ufffdlevel=INFO\ufffd\ufffdb",
		"\x1b[2J\u202e\u2028\x00": "\ufffd[2J\ufffd\ufffd\ufffd",
		"\xff":                    "\ufffd",
		"é":                       "é",
	} {
		if got := keys.Loggable(text); got != want {
			t.Errorf("%q is logged as %q, want %q", text, got, want)
		}
	}
	for _, letter := range []string{"x", "é", "€", "\xff"} {
		if got := keys.Loggable(strings.Repeat(letter, 100_000)); len(got) > 500 || !utf8.ValidString(got) {
			t.Errorf("%d bytes are logged: %q", len(got), got)
		}
	}
}

// answering returns the documents of an issuer, by their paths.
func answering(documents map[string]any) roundTripper {
	return func(r *http.Request) (*http.Response, error) {
		document, ok := documents[r.URL.Path]
		if !ok {
			return nil, fmt.Errorf("fetching: no such document")
		}
		text := marshalled(document)
		return &http.Response{StatusCode: http.StatusOK, Body: io.NopCloser(strings.NewReader(text)), Request: r}, nil
	}
}
