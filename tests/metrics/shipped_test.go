package metrics

import (
	"crypto/rand"
	"io"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/sessiongate/sessiongate/caddymodule/token/tokentest"
	"github.com/sessiongate/sessiongate/store/storetest/logtest"
	"github.com/sessiongate/sessiongate/tests/harness"
)

// fetch sends a request and returns the status and the body, 0 without an answer.
func fetch(t *testing.T, url, token string) (status int, body string) {
	t.Helper()
	r, err := http.NewRequest(http.MethodGet, url, nil)
	if err != nil {
		t.Fatal(err)
	}
	if token != "" {
		r.Header.Set("Authorization", "Bearer "+token)
		r.Header.Set("Referer", "https://app.example.com/?code=s3cret-code")
	}
	answer, err := http.DefaultClient.Do(r)
	if err != nil {
		return 0, ""
	}
	defer answer.Body.Close()
	text, err := io.ReadAll(answer.Body)
	if err != nil {
		t.Fatal(err)
	}
	return answer.StatusCode, string(text)
}

// The shipped Caddyfile shows the metrics of the gate and of Caddy at the port of the probes, and
// has an access log. No line of the log holds a token, or what a query holds.
func TestTheShippedCaddyfileShowsMetricsAndLogsRequests(t *testing.T) {
	t.Parallel()
	root, err := harness.Root()
	if err != nil {
		t.Fatal(err)
	}
	key := &tokentest.Key{Algorithm: "HS256", Secret: []byte(rand.Text() + rand.Text())}
	dir := t.TempDir()
	if err := os.Mkdir(filepath.Join(dir, ".dev"), 0o700); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(filepath.Join(dir, ".dev/hmac_secret"), key.Secret, 0o600); err != nil {
		t.Fatal(err)
	}
	ports := harness.Ports(t, 3)
	var log logtest.Text
	gate := exec.Command(harness.Binary(t), "run", "--config", filepath.Join(root, "Caddyfile"), "--adapter", "caddyfile")
	gate.Dir, gate.Stdout, gate.Stderr = dir, &log, &log
	gate.Env = append(os.Environ(), "XDG_DATA_HOME="+dir, "XDG_CONFIG_HOME="+dir,
		"SESSION_GATE_PORT="+ports[0], "SESSION_GATE_OPS_PORT="+ports[1], "SESSION_GATE_UPSTREAM_PORT="+ports[2])
	if err := gate.Start(); err != nil {
		t.Fatal(err)
	}
	defer func() {
		_ = gate.Process.Kill()
		_ = gate.Wait() // it was killed
		if t.Failed() {
			t.Log(log.String())
		}
	}()
	token := tokentest.Mint(t, key, tokentest.Claims(time.Now(), nil))
	site, ops := "http://127.0.0.1:"+ports[0], "http://127.0.0.1:"+ports[1]
	harness.Eventually(t, 30*time.Second, "the gate admits", func() bool {
		status, _ := fetch(t, site+"/orders?code=s3cret-code", token)
		return status == http.StatusOK
	})
	for _, path := range []string{"/livez", "/readyz", "/startupz"} {
		if status, _ := fetch(t, ops+path, ""); status != http.StatusOK {
			t.Errorf("%s is %d", path, status)
		}
	}
	status, text := fetch(t, ops+"/metrics", "")
	if status != http.StatusOK || !strings.Contains(text, "caddy_http_requests_total{") {
		t.Errorf("/metrics is %d, without Caddy's own metrics", status)
	}
	harness.ReadMetrics(t, text).Check(t, harness.Metrics{"fenced": 0, "store_up": 1, `requests_total{outcome="admitted"}`: 1})
	if status, _ := fetch(t, site+"/metrics", ""); status != http.StatusUnauthorized {
		t.Errorf("the guarded port answers /metrics with %d", status)
	}
	harness.Eventually(t, 10*time.Second, "the request is logged", func() bool { return strings.Contains(log.String(), `"uri":"/orders"`) })
	for _, secret := range []string{token, "s3cret-code"} {
		if strings.Contains(log.String(), secret) {
			t.Errorf("the log holds %q", secret)
		}
	}
}
