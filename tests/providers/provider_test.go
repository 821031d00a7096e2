package providers

import (
	"encoding/json"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"os"
	"os/exec"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/sessiongate/sessiongate/caddymodule/token/tokentest"
	"github.com/sessiongate/sessiongate/tests/harness"
)

const (
	// clientID is the one client of a provider. It is public, as a single-page application
	// or a phone's application is, so its refresh tokens are rotated.
	clientID = "web"
	// callback and goodbye are where the provider sends the browser back. Nobody is there.
	callback = "https://app.example.com/callback"
	goodbye  = "https://app.example.com/goodbye"
	// startLimit is how long a provider may take to serve.
	startLimit = 30 * time.Second
	// logoutPath is where gates receive logout tokens.
	logoutPath = "/v1/auth/logout"
)

// provider is a running identity provider.
type provider struct {
	// url is the issuer.
	url string
	// tokenEndpoint is where tokens are requested: at the provider, or at a gate in front of
	// it.
	tokenEndpoint string
	// logouts receives each logout token that the provider has sent, when it was answered.
	logouts chan logout

	mu   sync.Mutex
	gate *harness.Gate // receives the logout tokens, or nil
}

// logout is a request of the provider with a logout token, and the status of the answer.
type logout struct {
	form   string
	status int
}

// startProvider starts a provider that adds some of "sid" and "auth_time" to its access
// tokens. It ends with the test. What it prints is shown if the test fails.
func startProvider(t *testing.T, claims ...string) *provider {
	t.Helper()
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	// Connections wait in the socket's queue until the provider accepts them.
	socket, err := listener.(*net.TCPListener).File()
	if err != nil {
		t.Fatal(err)
	}
	issuer := "http://" + listener.Addr().String()
	p := &provider{url: issuer, tokenEndpoint: issuer + "/token", logouts: make(chan logout, 8)}
	_ = listener.Close() // the provider has a copy
	relay := httptest.NewServer(http.HandlerFunc(p.relay))
	t.Cleanup(relay.Close)
	p.run(t, socket, map[string]any{
		"issuer": p.url, "audience": tokentest.Audience, "claims": append([]string{}, claims...),
		"clients": []map[string]any{{
			"client_id": clientID, "token_endpoint_auth_method": "none", "grant_types": []string{"authorization_code", "refresh_token"},
			"redirect_uris": []string{callback}, "post_logout_redirect_uris": []string{goodbye},
			"backchannel_logout_uri": relay.URL, "backchannel_logout_session_required": true,
		}},
	})
	return p
}

// run starts the process and waits until it serves.
func (p *provider) run(t *testing.T, socket *os.File, config map[string]any) {
	t.Helper()
	argument, err := json.Marshal(config)
	if err != nil {
		t.Fatal(err)
	}
	var printed strings.Builder
	node := exec.Command("node", script, string(argument))
	node.ExtraFiles, node.Stdout, node.Stderr = []*os.File{socket}, &printed, &printed
	stdin, err := node.StdinPipe() // it is closed when this process ends, too
	if err != nil {
		t.Fatal(err)
	}
	if err := node.Start(); err != nil {
		t.Fatalf("starting the provider: %v", err)
	}
	_ = socket.Close()
	t.Cleanup(func() {
		_ = stdin.Close()
		late := time.AfterFunc(startLimit, func() { _ = node.Process.Kill() })
		defer late.Stop()
		if err := node.Wait(); err != nil || t.Failed() {
			t.Errorf("the provider ended with %v and has printed:\n%s", err, printed.String())
		}
	})
	response, err := (&http.Client{Timeout: startLimit}).Get(p.url + "/.well-known/openid-configuration")
	if err != nil {
		t.Fatalf("waiting for the provider: %v", err)
	}
	_ = response.Body.Close()
	if response.StatusCode != http.StatusOK {
		t.Fatalf("the provider answers %s", response.Status)
	}
}

// block returns the issuer block of a gate with these lines.
func (p *provider) block(lines ...string) string {
	return "issuer " + p.url + " {\naudience " + tokentest.Audience + "\n" + strings.Join(lines, "\n") + "\n}"
}

// logOutAt makes the provider send its logout tokens to a gate. They go through the relay,
// because a gate needs the address of its issuer before it has an address itself.
func (p *provider) logOutAt(g *harness.Gate) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.gate = g
}

// relay passes logout tokens on, and notes them. Without a gate, it accepts them itself.
func (p *provider) relay(w http.ResponseWriter, r *http.Request) {
	body, err := io.ReadAll(r.Body)
	if err != nil {
		http.Error(w, err.Error(), http.StatusBadRequest)
		return
	}
	p.mu.Lock()
	gate := p.gate
	p.mu.Unlock()
	answer := harness.Answer{Status: http.StatusOK}
	if gate != nil {
		answer, err = gate.Try(r.Method, logoutPath, harness.Body(r.Header.Get("Content-Type"), string(body)))
		if err != nil {
			http.Error(w, err.Error(), http.StatusBadGateway)
			return
		}
	}
	p.logouts <- logout{string(body), answer.Status}
	w.WriteHeader(answer.Status)
}
