package keys_test

import (
	"bytes"
	"encoding/pem"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"net/url"
	"os"
	"os/exec"
	"strings"
	"sync"
	"testing"

	"github.com/sessiongate/sessiongate/caddymodule/keys"
	"github.com/sessiongate/sessiongate/caddymodule/token/tokentest"
)

// proxy is an HTTP proxy that connects every tunnel to one server.
type proxy struct {
	*httptest.Server
	mu     sync.Mutex
	asked  []string // hosts of CONNECT
	server string
}

func startProxy(t *testing.T, server *httptest.Server) *proxy {
	t.Helper()
	p := &proxy{server: server.Listener.Addr().String()}
	p.Server = httptest.NewServer(http.HandlerFunc(p.connect))
	t.Cleanup(p.Close)
	return p
}

func (p *proxy) connect(w http.ResponseWriter, r *http.Request) {
	p.mu.Lock()
	p.asked = append(p.asked, r.Method+" "+r.Host)
	p.mu.Unlock()
	upstream, err := net.Dial("tcp", p.server)
	if err != nil {
		w.WriteHeader(http.StatusBadGateway)
		return
	}
	defer upstream.Close()
	client, _, err := w.(http.Hijacker).Hijack()
	if err != nil {
		return
	}
	defer client.Close()
	_, _ = io.WriteString(client, "HTTP/1.1 200 OK\r\n\r\n")
	go func() {
		_, _ = io.Copy(upstream, client)
		_ = upstream.Close()
	}()
	_, _ = io.Copy(client, upstream)
}

// hosts returns what the proxy was asked for.
func (p *proxy) hosts() string {
	p.mu.Lock()
	defer p.mu.Unlock()
	return strings.Join(p.asked, ", ")
}

// authorityOf returns the authority of a server, as a PEM file.
func authorityOf(server *httptest.Server) []byte {
	return pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: server.Certificate().Raw})
}

// Issuers sit behind proxies and private authorities. The environment is read once in the life
// of a process, so the fetch is made by another one: this test, with the URL in its environment.
func TestProxiesOfTheEnvironmentAreUsed(t *testing.T) {
	if address := os.Getenv("SESSION_GATE_TEST_KEYS"); address != "" {
		ca, err := os.ReadFile(os.Getenv("SESSION_GATE_TEST_CA"))
		if err != nil {
			t.Fatal(err)
		}
		remote, line := fetchOnce(t, keys.RemoteOptions{URL: address, CA: ca, UserAgent: "sessiongate/test"}, nil)
		t.Logf("loaded %t: %s", remote.Loaded(), line)
		return
	}
	key := tokentest.NewKey(t, "ES256", "a")
	endpoint := tokentest.NewEndpoint(t, key)
	agents := make(chan string, 10)
	server := secureEndpoint(t, http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		agents <- r.UserAgent()
		endpoint.ServeHTTP(w, r)
	}))
	p := startProxy(t, server)
	ca := t.TempDir() + "/ca.pem"
	if err := os.WriteFile(ca, authorityOf(server), 0o600); err != nil {
		t.Fatal(err)
	}
	fetch := func(address string, environment ...string) string {
		child := exec.Command(os.Args[0], "-test.run=^TestProxiesOfTheEnvironmentAreUsed$", "-test.v")
		child.Env = append(environment, "SESSION_GATE_TEST_KEYS="+address, "SESSION_GATE_TEST_CA="+ca)
		output, err := child.CombinedOutput()
		if err != nil {
			t.Errorf("%v\n%s", err, output)
		}
		return string(output)
	}
	got := fetch("https://example.com"+tokentest.KeySetPath, "HTTPS_PROXY="+p.URL)
	if !strings.Contains(got, "loaded true") || p.hosts() != "CONNECT example.com:443" || <-agents != "sessiongate/test" {
		t.Errorf("the proxy was asked for %q, output\n%s", p.hosts(), got)
	}
	got = fetch("https://keys.invalid"+tokentest.KeySetPath, "HTTPS_PROXY="+p.URL, "NO_PROXY=.invalid")
	if !strings.Contains(got, "loaded false") || p.hosts() != "CONNECT example.com:443" {
		t.Errorf("with NO_PROXY the proxy was asked for %q, output\n%s", p.hosts(), got)
	}
	// Attack: read the password of the proxy in the log, when the proxy cannot be reached.
	p.Close()
	got = fetch("https://keys.invalid"+tokentest.KeySetPath, "HTTPS_PROXY="+strings.Replace(p.URL, "http://", "http://user:canary@", 1))
	if !strings.Contains(got, "proxyconnect") || strings.Contains(got, "canary") {
		t.Errorf("output\n%s", got)
	}
}

// Attack: a discovery document sends the gate through its proxy to a metadata service, or to the
// proxy's own machine. Key sets at other hosts are fetched through the proxy.
func TestDiscoveredKeySetsAreFetchedThroughTheProxy(t *testing.T) {
	key := tokentest.NewKey(t, "ES256", "a")
	for host, allowed := range map[string]bool{
		"example.com":     true,
		"169.254.169.254": false,
		"127.0.0.1":       false,
		"localhost":       false,
		"0xa9fea9fe":      false,
	} {
		t.Run(host, func(t *testing.T) {
			server := secureEndpoint(t, answeringHandler(map[string]any{
				tokentest.DiscoveryPath: map[string]any{"issuer": "https://id.example.com", "jwks_uri": "https://" + host + tokentest.KeySetPath},
				tokentest.KeySetPath:    map[string]any{"keys": []any{key.JWK(t)}},
			}))
			p := startProxy(t, server)
			o := &outcome{first: make(chan string, 1)}
			remote, err := keys.NewRemote(keys.RemoteOptions{Discover: "https://id.example.com", CA: authorityOf(server), Logger: o.logger()})
			if err != nil {
				t.Fatal(err)
			}
			remote.SetProxy(func(*http.Request) (*url.URL, error) { return url.Parse(p.URL) })
			remote.Start()
			defer remote.Close()
			line := <-o.first
			if remote.Loaded() != allowed || !allowed && !strings.Contains(line, "must not name") {
				t.Errorf("loaded %t: %s", remote.Loaded(), line)
			}
			if strings.Contains(p.hosts(), host) != allowed {
				t.Errorf("the proxy was asked for %s", p.hosts())
			}
		})
	}
	for host, allowed := range map[string]bool{
		"id.example.com": true, "10.0.0.1": true, "id.internal": true, "id.3com": true, "id.xn--p1ai": true,
		"2130706433": false, "0x7f.1": false, "127.1": false, "169.254.43518": false, "LOCALHOST.": false, "a.localhost": false,
		"::1": false, "fe80::1%eth0": false, "0177.0.0.1": false, "1.2.3.4.": false, ".": false, "1.2.3.08": false,
	} {
		if err := keys.OutwardHost(host); (err == nil) != allowed {
			t.Errorf("%s: allowed %t, want %t: %v", host, err == nil, allowed, err)
		}
	}
}

// answeringHandler serves these documents.
func answeringHandler(documents map[string]any) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		document, ok := documents[r.URL.Path]
		if !ok {
			http.NotFound(w, r)
			return
		}
		_, _ = io.WriteString(w, marshalled(document))
	})
}

// Attack: another authority signs a certificate for the issuer's host. With authorities of its
// own, the issuer's server needs a certificate of theirs.
func TestOnlyTheNamedAuthoritiesAreTrusted(t *testing.T) {
	key := tokentest.NewKey(t, "ES256", "a")
	server := secureEndpoint(t, tokentest.NewEndpoint(t, key))
	address := server.URL + tokentest.KeySetPath
	if remote, line := fetchOnce(t, keys.RemoteOptions{URL: address, CA: authorityOf(server)}, nil); !remote.Loaded() {
		t.Errorf("not loaded: %s", line)
	}
	other := selfSigned(t)
	for name, ca := range map[string][]byte{"the system's": nil, "another": other} {
		if remote, line := fetchOnce(t, keys.RemoteOptions{URL: address, CA: ca}, nil); remote.Loaded() || !strings.Contains(line, "certificate") {
			t.Errorf("%s: loaded %t: %s", name, remote.Loaded(), line)
		}
	}
	if remote, _ := fetchOnce(t, keys.RemoteOptions{URL: address, CA: append(bytes.Clone(other), authorityOf(server)...)}, nil); !remote.Loaded() {
		t.Error("the second of two authorities is not trusted")
	}
	for _, ca := range [][]byte{{}, []byte("no PEM"), key.PublicPEM(t)} {
		_, err := keys.NewRemote(keys.RemoteOptions{URL: address, CA: ca})
		wantError(t, err, "no PEM block with a certificate")
	}
}

// selfSigned returns a certificate that signed nothing else.
func selfSigned(t *testing.T) []byte {
	t.Helper()
	return []byte("-----BEGIN CERTIFICATE-----\n" + certificate(t, tokentest.NewKey(t, "ES256", "")) + "\n-----END CERTIFICATE-----\n")
}
