package keys

import (
	"context"
	"fmt"
	"net"
	"net/http"
	"net/netip"
	"syscall"
	"time"
)

// newClient returns a client with no proxy and no shared connections or settings. It keeps no
// connection, since the next fetch is minutes away. control may refuse an address that the
// client is about to connect to.
func newClient(control func(context.Context, string, string, syscall.RawConn) error) *http.Client {
	dialer := &net.Dialer{Timeout: fetchTimeout, ControlContext: control}
	return &http.Client{
		Timeout:       fetchTimeout,
		CheckRedirect: checkRedirect,
		Transport: &http.Transport{
			Proxy:                  nil,
			DialContext:            dialer.DialContext,
			DisableKeepAlives:      true,
			ForceAttemptHTTP2:      true, // a custom DialContext turns it off
			TLSHandshakeTimeout:    fetchTimeout,
			MaxResponseHeaderBytes: 64 << 10,
		},
	}
}

// outward refuses connections to this machine and to its links, where metadata services of
// clouds and admin interfaces listen. It sees the address after the name was resolved, so it
// also refuses names that lead there. Private networks are allowed, because issuers live in
// them.
func outward(_ context.Context, _, address string, _ syscall.RawConn) error {
	endpoint, err := netip.ParseAddrPort(address)
	if err != nil {
		return fmt.Errorf("connecting: %q is no address", address)
	}
	ip := endpoint.Addr().Unmap()
	if ip.IsLoopback() || ip.IsUnspecified() || ip.IsLinkLocalUnicast() || ip.IsMulticast() {
		return fmt.Errorf("connecting to %s: a discovery document must not name this machine or its links; configure the URL of the key set instead", ip)
	}
	return nil
}

// checkRedirect lets an issuer move a document on its own host, over TLS.
//
// Attack: a redirect to another host would choose the keys that are trusted, or make the
// gate send requests to services inside its own network.
func checkRedirect(next *http.Request, via []*http.Request) error {
	first := via[0].URL
	switch {
	case len(via) > maxRedirects:
		return fmt.Errorf("following redirect: more than %d", maxRedirects)
	case first.Scheme != "https" || next.URL.Scheme != "https":
		return fmt.Errorf("following redirect: refused outside https")
	// For a URL with a user, the client would send a password that the endpoint chose.
	case next.URL.Host != first.Host || next.URL.User != nil:
		return fmt.Errorf("following redirect: refused to another host, port or user")
	default:
		return nil
	}
}

const (
	fetchTimeout = 5 * time.Second
	maxRedirects = 3
)
