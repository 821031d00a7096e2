package caddymodule

import (
	"encoding/pem"
	"io"
	"log"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"runtime"
	"strings"
	"testing"
	"time"

	"github.com/sessiongate/sessiongate/caddymodule/token/tokentest"
)

// An issuer has a certificate of its own authority, and a firewall that knows user agents. Only
// with tls_ca does the gate trust it.
func TestKeySetsAreFetchedFromAPrivateAuthority(t *testing.T) {
	key := tokentest.NewKey(t, "ES256", "a")
	published := tokentest.NewEndpoint(t, key)
	agents := make(chan string, 100)
	server := httptest.NewUnstartedServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		agents <- r.UserAgent()
		published.ServeHTTP(w, r)
	}))
	server.Config.ErrorLog = log.New(io.Discard, "", 0) // one handshake is meant to fail
	server.StartTLS()
	t.Cleanup(server.Close)
	ca := filepath.Join(t.TempDir(), "ca.pem")
	if err := os.WriteFile(ca, pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: server.Certificate().Raw}), 0o600); err != nil {
		t.Fatal(err)
	}
	for _, tt := range []struct {
		ca     string
		status int
	}{{"", http.StatusServiceUnavailable}, {ca, http.StatusOK}} {
		g := new(gateTest)
		g.start(t, Gate{}, &Issuer{
			Issuer: tokentest.Issuer, JWKS: URLs{server.URL + tokentest.KeySetPath}, TLSCA: tt.ca, Audience: []string{tokentest.Audience},
		})
		raw := tokentest.Mint(t, key, tokentest.Claims(time.Now(), nil))
		status := g.get(t, "/", raw).Code
		for tt.status == http.StatusOK && status == http.StatusServiceUnavailable {
			runtime.Gosched()
			status = g.get(t, "/", raw).Code
		}
		if status != tt.status {
			t.Errorf("tls_ca %q: answered %d, want %d", tt.ca, status, tt.status)
		}
	}
	if agent := <-agents; agent != "sessiongate/"+version() || !strings.HasPrefix(agent, "sessiongate/v") {
		t.Errorf("the User-Agent is %q", agent)
	}
}
