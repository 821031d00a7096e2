package keys_test

import (
	"io"
	"log/slog"
	"net/http"
	"strings"
	"sync"
	"testing"

	"github.com/sessiongate/sessiongate/caddymodule/keys"
	"github.com/sessiongate/sessiongate/caddymodule/token/tokentest"
)

// outcome receives the first log line of remote keys: they were loaded, or the fetch failed
// and why.
type outcome struct {
	once  sync.Once
	first chan string
}

func (o *outcome) Write(line []byte) (int, error) {
	o.once.Do(func() { o.first <- string(line) })
	return len(line), nil
}

func (o *outcome) logger() *slog.Logger { return slog.New(slog.NewTextHandler(o, nil)) }

// fetchOnce starts remote keys and returns the first line of their log.
func fetchOnce(t *testing.T, options keys.RemoteOptions, transport http.RoundTripper) (*keys.Remote, string) {
	t.Helper()
	o := &outcome{first: make(chan string, 1)}
	options.Logger = o.logger()
	remote, err := keys.NewRemote(options)
	if err != nil {
		t.Fatal(err)
	}
	if transport != nil {
		remote.SetTransport(transport)
	}
	remote.Start()
	line := <-o.first
	remote.Close()
	return remote, line
}

func TestKeysOverARealConnection(t *testing.T) {
	key := tokentest.NewKey(t, "ES256", "a")
	base := tokentest.NewEndpoint(t, key).Serve(t)
	for name, options := range map[string]keys.RemoteOptions{
		"key set":   {URL: base + tokentest.KeySetPath + "?api_key=canary"},
		"discovery": {Discover: base},
	} {
		remote, line := fetchOnce(t, options, nil)
		if !remote.Loaded() || strings.Contains(line, "canary") {
			t.Errorf("%s: %s", name, line)
		}
		mustVerify(t, remote, signed(t, key))
	}
}

// Attack: the endpoint, or somebody on the network path to it, is hostile.
func TestHostileEndpoint(t *testing.T) {
	key := tokentest.NewKey(t, "ES256", "a")
	elsewhere := tokentest.NewEndpoint(t, key)
	elsewhereURL := elsewhere.Serve(t)
	body := func(text string) http.HandlerFunc {
		return func(w http.ResponseWriter, _ *http.Request) { _, _ = w.Write([]byte(text)) }
	}
	redirect := func(to string) http.HandlerFunc {
		return func(w http.ResponseWriter, r *http.Request) { http.Redirect(w, r, to, http.StatusFound) }
	}
	for name, tt := range map[string]struct {
		behave http.HandlerFunc
		want   string
	}{
		"error page":             {func(w http.ResponseWriter, _ *http.Request) { w.WriteHeader(500) }, "status 500"},
		"no content":             {func(w http.ResponseWriter, _ *http.Request) { w.WriteHeader(204) }, "status 204"},
		"HTML":                   {body("<html>sign in</html>"), "parsing key set"},
		"empty":                  {body(""), "parsing key set"},
		"no keys":                {body(`{"keys":[]}`), "none of its 0 keys"},
		"another object":         {body(`{"issuer":"x"}`), "there are none"},
		"null":                   {body("null"), "not a JSON object"},
		"huge":                   {body(`{"keys":[` + strings.Repeat(" ", 1<<20) + `]}`), "more than 1048576 bytes"},
		"deep":                   {body(`{"keys":` + strings.Repeat("[", 100_000)), "parsing key set"},
		"redirect elsewhere":     {redirect(elsewhereURL + tokentest.KeySetPath), "following redirect"},
		"redirect to itself":     {redirect(tokentest.KeySetPath), "following redirect"},
		"connection closed":      {func(http.ResponseWriter, *http.Request) { panic(http.ErrAbortHandler) }, "EOF"},
		"redirect to a file":     {redirect("file:///etc/passwd"), "following redirect"},
		"redirect without place": {func(w http.ResponseWriter, _ *http.Request) { w.WriteHeader(302) }, "status 302"},
		// Go's client quotes text that it cannot follow, or cannot read.
		"redirect that quotes": {func(w http.ResponseWriter, r *http.Request) {
			w.Header().Set("Location", "https://id.example.com:port/?"+r.URL.RawQuery)
			w.WriteHeader(http.StatusFound)
		}, "quotes the query"},
		"answer that quotes": {func(w http.ResponseWriter, r *http.Request) {
			connection, _, _ := w.(http.Hijacker).Hijack()
			_, _ = io.WriteString(connection, "HTTP/1.1 "+r.URL.RawQuery+"\r\n\r\n")
			_ = connection.Close()
		}, "quotes the query"},
	} {
		t.Run(name, func(t *testing.T) {
			endpoint := tokentest.NewEndpoint(t, key)
			endpoint.Behave(tt.behave)
			base := endpoint.Serve(t)
			remote, line := fetchOnce(t, keys.RemoteOptions{URL: base + tokentest.KeySetPath + "?api_key=canary"}, nil)
			if remote.Loaded() || !strings.Contains(line, tt.want) || strings.Contains(line, "canary") {
				t.Errorf("loaded %t, log %s", remote.Loaded(), line)
			}
		})
	}
	if got := elsewhere.Fetches(tokentest.KeySetPath); got != 0 {
		t.Errorf("%d requests followed a redirect to another host", got)
	}
}

type roundTripper func(*http.Request) (*http.Response, error)

func (f roundTripper) RoundTrip(r *http.Request) (*http.Response, error) { return f(r) }

func TestRemoteOptionsRefused(t *testing.T) {
	for want, options := range map[string]keys.RemoteOptions{
		"exactly one":            {},
		"exactly one of":         {URL: keySetURL, Discover: tokentest.Issuer},
		"https is required":      {URL: "http://id.example.com/jwks.json"},
		"https is":               {Discover: "http://id.example.com"},
		`"ftp://id.example.com"`: {URL: "ftp://id.example.com?api_key=canary"},
		"user or a password":     {URL: "https://user:canary@id.example.com/jwks.json"},
		"no host":                {URL: "https:///jwks.json"},
		"cannot be parsed":       {URL: "https://id.example.com/%zz"},
		"fragment":               {URL: keySetURL + "#canary"},
		"query":                  {Discover: tokentest.Issuer + "?canary"},
		"127.0.0.1.example.com":  {URL: "http://127.0.0.1.example.com/jwks.json"},
	} {
		_, err := keys.NewRemote(options)
		wantError(t, err, want)
		if err != nil && strings.Contains(err.Error(), "canary") {
			t.Errorf("error %q holds a secret", err)
		}
	}
	for _, options := range []keys.RemoteOptions{
		{URL: "http://127.0.0.1:8080/jwks.json"},
		{URL: "http://[::1]/jwks.json"},
		{Discover: "http://localhost:8080"},
		{URL: "http://id.internal/jwks.json", InsecureHTTP: true},
		{URL: keySetURL + "?tenant=1"},
	} {
		if _, err := keys.NewRemote(options); err != nil {
			t.Errorf("%+v: %v", options, err)
		}
	}
}
