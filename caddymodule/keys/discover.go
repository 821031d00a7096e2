package keys

import (
	"context"
	"encoding/json"
	"fmt"
	"net/http"
	"net/url"
	"strings"

	"github.com/sessiongate/sessiongate/caddymodule/strictjson"
)

const wellKnownPath = "/.well-known/openid-configuration"

// location is the URL of a document, and the client that fetches it.
type location struct {
	address string
	client  *http.Client
}

// discover returns the location of the issuer's key set (OpenID Connect Discovery 1.0 §4).
func (f *fetcher) discover(ctx context.Context, issuer string) (location, error) {
	document, err := f.get(ctx, location{strings.TrimSuffix(issuer, "/") + wellKnownPath, f.named})
	if err != nil {
		return location{}, err
	}
	address, err := parseDiscovery(document, issuer)
	if err != nil {
		return location{}, fmt.Errorf("reading discovery document: %w", err)
	}
	u, err := f.checkURL(address)
	if err != nil {
		return location{}, fmt.Errorf("reading discovery document: %w", err)
	}
	if strings.HasPrefix(issuer, "https:") && u.Scheme != "https" {
		return location{}, fmt.Errorf("reading discovery document: its jwks_uri leaves https")
	}
	client, err := f.clientFor(issuer, u)
	if err != nil {
		return location{}, fmt.Errorf("reading discovery document: %w", err)
	}
	return location{address, client}, nil
}

// clientFor chooses the client for an address that a discovery document names. An issuer may
// keep its keys at another host, as Google does. Only the operator can make the gate ask
// something on this machine, by naming it or by trusting an issuer on this machine. Behind a
// proxy, the proxy decides which names it connects to.
func (f *fetcher) clientFor(issuer string, found *url.URL) (*http.Client, error) {
	own, err := url.Parse(issuer)
	if err == nil && (own.Host == found.Host || isLoopback(own.Hostname())) {
		return f.named, nil
	}
	proxy, err := f.proxy(&http.Request{URL: found})
	switch {
	case err != nil:
		return nil, err
	case proxy == nil:
		return f.found, nil
	}
	if err := checkOutwardHost(found.Hostname()); err != nil {
		return nil, err
	}
	return f.named, nil
}

// parseDiscovery returns `jwks_uri`. `issuer` must be exactly the one that was asked for
// (§4.3), because a document about another issuer would bring the keys of that one.
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
		return "", fmt.Errorf("%w: it is about %q, want %q", errOtherIssuer, named, issuer)
	case address == "":
		return "", fmt.Errorf("looking for jwks_uri: there is none")
	}
	return address, nil
}
