package keys_test

import (
	"compress/gzip"
	"fmt"
	"io"
	"log"
	"net"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"

	"github.com/sessiongate/sessiongate/caddymodule/keys"
	"github.com/sessiongate/sessiongate/caddymodule/token/tokentest"
)

// secureEndpoint serves over TLS, and over HTTP/2 if the client supports it.
func secureEndpoint(t *testing.T, handler http.Handler) *httptest.Server {
	t.Helper()
	server := httptest.NewUnstartedServer(handler)
	server.EnableHTTP2 = true
	server.Config.ErrorLog = log.New(io.Discard, "", 0) // some handshakes are meant to fail
	server.StartTLS()
	t.Cleanup(server.Close)
	return server
}

// fetchOver is fetchOnce with the product's own client, which trusts the server.
func fetchOver(t *testing.T, server *httptest.Server, options keys.RemoteOptions) (*keys.Remote, string) {
	t.Helper()
	o := &outcome{first: make(chan string, 1)}
	options.Logger = o.logger()
	remote, err := keys.NewRemote(options)
	if err != nil {
		t.Fatal(err)
	}
	remote.Trust(server.Certificate())
	remote.Start()
	defer remote.Close()
	return remote, <-o.first
}

// Attack: an endpoint redirects the gate to keys of the attacker's, or to services inside the
// gate's network and on its own machine. An issuer may move its document on its own host,
// over TLS.
func TestRedirects(t *testing.T) {
	key := tokentest.NewKey(t, "ES256", "a")
	mux := http.NewServeMux()
	mux.Handle(tokentest.KeySetPath, tokentest.NewEndpoint(t, key))
	endpoint := tokentest.NewEndpoint(t)
	server := secureEndpoint(t, endpoint)
	elsewhere := tokentest.NewEndpoint(t, key)
	plain, other := elsewhere.Serve(t), secureEndpoint(t, elsewhere)
	host := strings.TrimPrefix(server.URL, "https://")
	_, port, err := net.SplitHostPort(host)
	if err != nil {
		t.Fatal(err)
	}
	for i := range 4 {
		to := fmt.Sprint("/chain/", i)
		mux.Handle(fmt.Sprint("/chain/", i+1), http.RedirectHandler(to, http.StatusTemporaryRedirect))
	}
	mux.Handle("/chain/0", http.RedirectHandler(tokentest.KeySetPath, http.StatusPermanentRedirect))

	for name, tt := range map[string]struct {
		to    string
		loads bool
	}{
		"another path":            {tokentest.KeySetPath, true},
		"a relative path":         {"../jwks.json", true},
		"the same in full":        {server.URL + tokentest.KeySetPath, true},
		"without the scheme":      {"//" + host + tokentest.KeySetPath, true},
		"two more":                {"/chain/1", true},
		"three more":              {"/chain/2", false},
		"a loop":                  {"/moved", false},
		"plain http":              {plain + tokentest.KeySetPath, false},
		"the same in plain http":  {"http://" + host + tokentest.KeySetPath, false},
		"another port":            {other.URL + tokentest.KeySetPath, false},
		"another name":            {"https://localhost:" + port + tokentest.KeySetPath, false},
		"another name, no scheme": {"//localhost:" + port + tokentest.KeySetPath, false},
		"a user":                  {"https://admin:password@" + host + tokentest.KeySetPath, false},
		"the metadata of a cloud": {"http://169.254.169.254/latest/meta-data/", false},
		"the same over TLS":       {"https://169.254.169.254/latest/meta-data/", false},
		"the admin interface":     {"http://127.0.0.1:2019/config/", false},
		"a file":                  {"file:///etc/passwd", false},
		"data":                    {`data:application/json,{"keys":[]}`, false},
		"an opaque place":         {"https:jwks.json", false},
	} {
		endpoint.Behave(func(w http.ResponseWriter, r *http.Request) {
			if r.URL.Path == "/moved" {
				w.Header().Set("Location", tt.to)
				w.WriteHeader(http.StatusFound)
				return
			}
			mux.ServeHTTP(w, r)
		})
		remote, line := fetchOver(t, server, keys.RemoteOptions{URL: server.URL + "/moved"})
		if remote.Loaded() != tt.loads || !tt.loads && (!strings.Contains(line, "redirect") || strings.Contains(line, "password")) {
			t.Errorf("%s: loaded %t, log %s", name, remote.Loaded(), line)
		}
		// The same for a discovery document, which names the keys to trust.
		endpoint.Behave(func(w http.ResponseWriter, r *http.Request) {
			switch r.URL.Path {
			case tokentest.DiscoveryPath:
				w.Header().Set("Location", strings.Replace(tt.to, "jwks.json", "discovery.json", 1))
				w.WriteHeader(http.StatusFound)
			case "/chain/0":
				http.Redirect(w, r, "/discovery.json", http.StatusFound)
			case "/discovery.json":
				_, _ = w.Write([]byte(marshalled(map[string]any{"issuer": server.URL, "jwks_uri": server.URL + tokentest.KeySetPath})))
			default:
				mux.ServeHTTP(w, r)
			}
		})
		remote, line = fetchOver(t, server, keys.RemoteOptions{Discover: server.URL})
		if remote.Loaded() != tt.loads {
			t.Errorf("%s, of a discovery document: loaded %t, log %s", name, remote.Loaded(), line)
		}
	}
	if got := elsewhere.Fetches(tokentest.KeySetPath); got != 0 {
		t.Errorf("%d requests followed a redirect to another host", got)
	}
}

// Attack: somebody on the network path answers instead of the issuer.
func TestUnknownCertificateIsNotTrusted(t *testing.T) {
	server := secureEndpoint(t, tokentest.NewEndpoint(t, tokentest.NewKey(t, "ES256", "a")))
	if remote, line := fetchOnce(t, keys.RemoteOptions{URL: server.URL + tokentest.KeySetPath}, nil); remote.Loaded() {
		t.Errorf("log %s", line)
	}
	// A certificate that the machine trusts, but for another name.
	named := strings.Replace(server.URL, "127.0.0.1", "localhost", 1)
	if remote, line := fetchOver(t, server, keys.RemoteOptions{URL: named + tokentest.KeySetPath}); remote.Loaded() || len(line) > 1000 {
		t.Errorf("log %s", line)
	}
}

// Attack (invariant 12): a megabyte that decompresses to a gigabyte.
func TestCompressedDocumentIsCountedUnpacked(t *testing.T) {
	blank := zipped(t, strings.Repeat(" ", 16<<20))
	bomb := strings.Repeat(blank, 64) // concatenated streams are one document
	if len(bomb) > 2<<20 {
		t.Fatalf("a bomb of %d bytes", len(bomb))
	}
	key := tokentest.NewKey(t, "ES256", "a")
	for name, tt := range map[string]struct {
		body  string
		loads bool
		want  string
	}{
		"bomb":         {bomb, false, "more than 1048576 bytes"},
		"honest":       {zipped(t, marshalled(map[string]any{"keys": []any{key.JWK(t)}})), true, ""},
		"packed twice": {zipped(t, bomb), false, ""},
		"cut short":    {bomb[:1000], false, ""},
		"not packed":   {`{"keys":[]}`, false, "gzip"},
	} {
		server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
			w.Header().Set("Content-Encoding", "gzip")
			_, _ = w.Write([]byte(tt.body))
		}))
		var remote *keys.Remote
		var line string
		allocated := allocatedBy(func() { remote, line = fetchOnce(t, keys.RemoteOptions{URL: server.URL}, nil) })
		server.Close()
		if remote.Loaded() != tt.loads || !strings.Contains(line, tt.want) || allocated > 32<<20 {
			t.Errorf("%s: loaded %t, %d bytes allocated, log %s", name, remote.Loaded(), allocated, line)
		}
	}
}

func zipped(t *testing.T, text string) string {
	t.Helper()
	packed := &strings.Builder{}
	compressor := gzip.NewWriter(packed)
	if _, err := compressor.Write([]byte(text)); err != nil {
		t.Fatal(err)
	}
	if err := compressor.Close(); err != nil {
		t.Fatal(err)
	}
	return packed.String()
}
