package keys_test

import (
	"net"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"

	"github.com/sessiongate/sessiongate/caddymodule/keys"
	"github.com/sessiongate/sessiongate/caddymodule/token/tokentest"
)

// Attack: a discovery document names another issuer, or makes the gate load keys from a
// place where anybody can change them.
func TestHostileDiscovery(t *testing.T) {
	key := tokentest.NewKey(t, "ES256", "a")
	const issuer = "https://id.example.com/realm/"
	for name, tt := range map[string]struct{ document, want string }{
		"another issuer":     {`{"issuer":"https://evil.example.com","jwks_uri":"https://id.example.com/jwks.json"}`, "comparing issuer"},
		"without the slash":  {`{"issuer":"https://id.example.com/realm","jwks_uri":"https://id.example.com/jwks.json"}`, "comparing issuer"},
		"no issuer":          {`{"jwks_uri":"https://id.example.com/jwks.json"}`, "comparing issuer"},
		"two issuers":        {`{"issuer":"x","Issuer":"y","jwks_uri":"z"}`, "share a name"},
		"no key set":         {`{"issuer":"` + issuer + `"}`, "there is none"},
		"key set in plain":   {`{"issuer":"` + issuer + `","jwks_uri":"http://id.example.com/jwks.json"}`, "https is required"},
		"key set on the box": {`{"issuer":"` + issuer + `","jwks_uri":"http://127.0.0.1:2019/jwks.json"}`, "leaves https"},
		"key set in a file":  {`{"issuer":"` + issuer + `","jwks_uri":"file:///jwks.json"}`, "no host"},
		"HTML":               {"<html>", "not valid JSON"},
		"good":               {`{"issuer":"` + issuer + `","jwks_uri":"https://keys.example.com/jwks.json"}`, ""},
	} {
		t.Run(name, func(t *testing.T) {
			discovery := http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) { _, _ = w.Write([]byte(tt.document)) })
			endpoint := tokentest.NewEndpoint(t, key)
			remote, line := fetchOnce(t, keys.RemoteOptions{Discover: issuer}, roundTripper(func(r *http.Request) (*http.Response, error) {
				if r.URL.Path == "/realm"+tokentest.DiscoveryPath {
					recorder := httptest.NewRecorder()
					discovery(recorder, r)
					return recorder.Result(), nil
				}
				return endpoint.RoundTrip(r)
			}))
			if good := tt.want == ""; remote.Loaded() != good || !strings.Contains(line, tt.want) {
				t.Errorf("loaded %t, log %s", remote.Loaded(), line)
			}
		})
	}
}

// Attack: a compromised issuer makes the gate send requests to services on its own machine,
// or to the metadata service of its cloud, by naming them as its key set. The name is
// resolved first, so an attacker's name cannot lead there.
func TestDiscoveredKeySetIsNotOnThisMachine(t *testing.T) {
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer listener.Close()
	_, port, err := net.SplitHostPort(listener.Addr().String())
	if err != nil {
		t.Fatal(err)
	}
	connected := make(chan struct{})
	go func() {
		if c, err := listener.Accept(); err == nil {
			c.Close()
			close(connected)
		}
	}()
	for _, host := range []string{"127.0.0.1", "127.1.2.3", "localhost", "0.0.0.0", "[::1]", "[::]", "[::ffff:127.0.0.1]"} {
		document := map[string]any{"issuer": tokentest.Issuer, "jwks_uri": "https://" + host + ":" + port + tokentest.KeySetPath}
		o := &outcome{first: make(chan string, 1)}
		remote, err := keys.NewRemote(keys.RemoteOptions{Discover: tokentest.Issuer, Logger: o.logger()})
		if err != nil {
			t.Fatal(err)
		}
		remote.SetIssuerTransport(answering(map[string]any{tokentest.DiscoveryPath: document}))
		remote.Start()
		// A machine without IPv6 cannot even try.
		if line := <-o.first; !strings.Contains(line, "must not name this machine") && !strings.HasPrefix(host, "[::") {
			t.Errorf("%s: log %s", host, line)
		}
		remote.Close()
	}
	select {
	case <-connected:
		t.Error("the gate connected to its own machine")
	default:
	}
}

func TestAddressesThatADocumentMayName(t *testing.T) {
	for address, allowed := range map[string]bool{
		"127.0.0.1:443":            false,
		"127.255.255.254:443":      false,
		"[::1]:443":                false,
		"[::ffff:127.0.0.1]:443":   false,
		"0.0.0.0:443":              false,
		"[::]:443":                 false,
		"[::ffff:0.0.0.0]:443":     false,
		"169.254.169.254:443":      false,
		"[::ffff:169.254.1.1]:443": false,
		"[fe80::1%eth0]:443":       false,
		"224.0.0.1:443":            false,
		"[ff02::1]:443":            false,
		"localhost:443":            false, // not an address, since it was not resolved
		"/run/service.sock":        false,
		"10.0.0.1:443":             true,
		"192.168.1.1:8443":         true,
		"[fd00::1]:443":            true,
		"203.0.113.1:443":          true,
		"[2001:db8::1]:443":        true,
	} {
		if err := keys.Outward(address); (err == nil) != allowed {
			t.Errorf("%s: allowed %t, want %t: %v", address, err == nil, allowed, err)
		}
	}
}

// An address that the operator named may be anywhere. An issuer on this machine may keep
// its keys on this machine, as in development.
func TestIssuerOnThisMachineMayNameItsNeighbour(t *testing.T) {
	key := tokentest.NewKey(t, "ES256", "a")
	neighbour := tokentest.NewEndpoint(t, key).Serve(t)
	var issuer string
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		_, _ = w.Write([]byte(marshalled(map[string]any{"issuer": issuer, "jwks_uri": neighbour + tokentest.KeySetPath})))
	}))
	defer server.Close()
	issuer = server.URL
	if remote, line := fetchOnce(t, keys.RemoteOptions{Discover: issuer}, nil); !remote.Loaded() {
		t.Errorf("log %s", line)
	}
	// On another machine an attacker on the path could change the keys.
	neighbour = "http://id.example.com"
	if remote, line := fetchOnce(t, keys.RemoteOptions{Discover: issuer}, nil); remote.Loaded() || !strings.Contains(line, "https is required") {
		t.Errorf("loaded %t, log %s", remote.Loaded(), line)
	}
}
