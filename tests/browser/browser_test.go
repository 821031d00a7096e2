package browser

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"os"
	"os/exec"
	"path/filepath"
	"syscall"
	"testing"
	"time"
)

// browserLimit is how long a browser may take from its start to the result.
const browserLimit = 60 * time.Second

// site serves one page, and receives the page's report.
type site struct {
	*httptest.Server
	page    string
	cookie  string
	results chan string
}

// newSite starts a site on loopback. Its page is set before a browser opens it.
func newSite(t *testing.T) *site {
	t.Helper()
	s := &site{results: make(chan string, 1)}
	s.Server = httptest.NewServer(s)
	t.Cleanup(s.Close)
	return s
}

// ServeHTTP serves the page at /. At /cookie it sets the cookie of the host and redirects
// to the given address. At /result it receives the result.
func (s *site) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	switch r.URL.Path {
	case "/":
		w.Header().Set("Content-Type", "text/html; charset=utf-8")
		_, _ = io.WriteString(w, s.page) // the browser may have gone
	case "/cookie":
		w.Header().Set("Set-Cookie", s.cookie)
		http.Redirect(w, r, r.URL.Query().Get("next"), http.StatusSeeOther)
	case "/result":
		body, err := io.ReadAll(r.Body)
		if err == nil {
			s.results <- string(body)
		}
	default:
		http.NotFound(w, r)
	}
}

// at returns the URL of the site under another name of this machine.
func (s *site) at(host, path string) string {
	_, port, err := net.SplitHostPort(s.Listener.Addr().String())
	if err != nil {
		panic(err) // it listens
	}
	return "http://" + net.JoinHostPort(host, port) + path
}

// script returns a page with a module script. The page reports its console output and its
// final error.
func (s *site) script(lines string) {
	const page = `<!doctype html>
<script>
const printed = [];
console.log = (...values) => printed.push(values.join(" "));
const report = result => fetch("/result", {method: "POST", body: JSON.stringify({printed, ...result})});
addEventListener("unhandledrejection", event => report({error: String(event.reason)}));
addEventListener("error", event => report({error: String(event.message)}));
</script>
<script type="module">
%s
await report({});
</script>
`
	s.page = fmt.Sprintf(page, lines)
}

// result is the report of a page.
type result struct {
	Printed []string `json:"printed"`
	Error   string   `json:"error"`
}

// browse opens an address in a new headless browser, and returns the page's report to the
// site. The browser ends before browse returns.
func (s *site) browse(t *testing.T, address string, flags ...string) (r result) {
	t.Helper()
	profile, err := os.MkdirTemp("", "browser")
	if err != nil {
		t.Fatal(err)
	}
	defer os.RemoveAll(profile)
	// The default of most browsers: cookies of other sites are sent.
	if err := os.MkdirAll(filepath.Join(profile, "Default"), 0o700); err != nil {
		t.Fatal(err)
	}
	const preferences = `{"profile":{"cookie_controls_mode":0,"block_third_party_cookies":false}}`
	if err := os.WriteFile(filepath.Join(profile, "Default", "Preferences"), []byte(preferences), 0o600); err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithTimeout(t.Context(), browserLimit)
	defer cancel()
	browser := exec.CommandContext(ctx, "chromium", append([]string{
		"--headless", "--no-sandbox", "--disable-gpu", "--disable-quic", "--no-first-run", "--disable-background-networking",
		"--disable-component-update", "--disable-sync", "--disable-dev-shm-usage", "--user-data-dir=" + profile,
	}, append(flags, address)...)...)
	var log bytes.Buffer
	browser.Stdout, browser.Stderr = &log, &log
	// The browser's child processes must end with it, because they hold its log.
	browser.SysProcAttr = &syscall.SysProcAttr{Setpgid: true}
	browser.Cancel = func() error { return syscall.Kill(-browser.Process.Pid, syscall.SIGKILL) }
	browser.WaitDelay = 10 * time.Second
	if err := browser.Start(); err != nil {
		t.Fatalf("starting chromium: %v", err)
	}
	ended := make(chan error, 1)
	go func() { ended <- browser.Wait() }()
	select {
	case text := <-s.results:
		cancel()
		<-ended
		if err := json.Unmarshal([]byte(text), &r); err != nil {
			t.Fatalf("reading the result %q: %v", text, err)
		}
	case err := <-ended:
		t.Fatalf("browser ended without a result: %v\n%s", err, log.String())
	}
	return r
}
