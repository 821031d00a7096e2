package token

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/url"
	"strings"
	"time"

	"github.com/sessiongate/sessiongate/caddymodule/strictjson"
)

const (
	fetchTimeout  = 5 * time.Second
	maxDocument   = 1 << 20
	maxRedirects  = 3
	wellKnownPath = "/.well-known/openid-configuration"
)

// fetcher gets the documents of an issuer.
type fetcher struct {
	client       *http.Client
	insecureHTTP bool
}

// newFetcher returns a fetcher with a client of its own, which shares neither
// connections nor proxies nor settings with anybody, and keeps no connection:
// the next fetch is minutes away.
func newFetcher(insecureHTTP bool) *fetcher {
	return &fetcher{
		insecureHTTP: insecureHTTP,
		client: &http.Client{
			Timeout:       fetchTimeout,
			CheckRedirect: checkRedirect,
			Transport: &http.Transport{
				Proxy:                  nil,
				DisableKeepAlives:      true,
				TLSHandshakeTimeout:    fetchTimeout,
				MaxResponseHeaderBytes: 64 << 10,
			},
		},
	}
}

// checkRedirect lets an issuer move a document about on its own host, over
// TLS. Elsewhere a redirect would choose whose keys are trusted, or make the
// gate knock at doors inside its own network.
func checkRedirect(next *http.Request, via []*http.Request) error {
	first := via[0].URL
	if len(via) > maxRedirects || first.Scheme != "https" || next.URL.Scheme != "https" || next.URL.Host != first.Host {
		return fmt.Errorf("following redirect: refused")
	}
	return nil
}

// checkURL accepts https, and http to this very machine or where the operator
// said so aloud.
func (f *fetcher) checkURL(address string) (*url.URL, error) {
	u, err := url.Parse(address)
	switch {
	case err != nil:
		return nil, fmt.Errorf("checking URL: it cannot be parsed")
	case u.User != nil:
		return nil, fmt.Errorf("checking URL: it holds a user or a password")
	case u.Host == "":
		return nil, fmt.Errorf("checking URL %q: no host", shown(address))
	case u.Fragment != "":
		return nil, fmt.Errorf("checking URL %q: it has a fragment", shown(address))
	case u.Scheme == "https":
		return u, nil
	case u.Scheme == "http" && (f.insecureHTTP || isLoopback(u.Hostname())):
		return u, nil
	default:
		return nil, fmt.Errorf("checking URL %q: https is required", shown(address))
	}
}

func isLoopback(host string) bool {
	return host == "localhost" || net.ParseIP(host).IsLoopback()
}

// get returns the document at a URL, of at most maxDocument bytes. The
// Content-Type does not matter.
func (f *fetcher) get(ctx context.Context, address string) ([]byte, error) {
	request, err := http.NewRequestWithContext(ctx, http.MethodGet, address, nil)
	if err != nil {
		return nil, fmt.Errorf("fetching document: %w", err)
	}
	request.Header.Set("Accept", "application/json, application/jwk-set+json")
	response, err := f.client.Do(request)
	if err != nil {
		// The client's own error quotes the whole URL.
		if outer := (*url.Error)(nil); errors.As(err, &outer) {
			err = outer.Err
		}
		if query := request.URL.RawQuery; query != "" && strings.Contains(err.Error(), query) {
			// So does what an endpoint gives back that repeats it.
			err = errors.New("the answer cannot be read or followed, and quotes the query")
		}
		return nil, fmt.Errorf("fetching %q: %w", shown(address), err)
	}
	defer response.Body.Close()
	if response.StatusCode != http.StatusOK {
		return nil, fmt.Errorf("fetching %q: status %d", shown(address), response.StatusCode)
	}
	document, err := io.ReadAll(io.LimitReader(response.Body, maxDocument+1))
	if err != nil {
		return nil, fmt.Errorf("fetching %q: %w", shown(address), err)
	}
	if len(document) > maxDocument {
		return nil, fmt.Errorf("fetching %q: more than %d bytes", shown(address), maxDocument)
	}
	return document, nil
}

// shown is a URL as it may be logged: without the query, which may hold an API
// key, and what follows it.
func shown(address string) string {
	if i := strings.IndexAny(address, "?#"); i >= 0 {
		return address[:i]
	}
	return address
}

// discover returns the URL of the issuer's key set (OpenID Connect Discovery
// 1.0 §4).
func (f *fetcher) discover(ctx context.Context, issuer string) (string, error) {
	document, err := f.get(ctx, strings.TrimSuffix(issuer, "/")+wellKnownPath)
	if err != nil {
		return "", err
	}
	address, err := parseDiscovery(document, issuer)
	if err != nil {
		return "", fmt.Errorf("reading discovery document: %w", err)
	}
	u, err := f.checkURL(address)
	if err != nil {
		return "", fmt.Errorf("reading discovery document: %w", err)
	}
	if strings.HasPrefix(issuer, "https:") && u.Scheme != "https" {
		return "", fmt.Errorf("reading discovery document: its jwks_uri leaves https")
	}
	return address, nil
}

// parseDiscovery returns `jwks_uri`. `issuer` has to be exactly the one asked
// for (§4.3): a document about somebody else would lend that one's keys.
func parseDiscovery(document []byte, issuer string) (address string, err error) {
	var names strictjson.Names
	var named string
	err = strictjson.Scan(document, strictjson.MaxDepth, func(name string, value json.RawMessage) error {
		switch name {
		case "issuer":
			named, _ = strictjson.Text(value)
		case "jwks_uri":
			address, _ = strictjson.Text(value)
		}
		return names.Add(name)
	})
	switch {
	case err != nil:
		return "", err
	case named != issuer:
		return "", fmt.Errorf("comparing issuer: it is about %q, want %q", named, issuer)
	case address == "":
		return "", fmt.Errorf("looking for jwks_uri: there is none")
	}
	return address, nil
}
