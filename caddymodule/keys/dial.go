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

// newClient returns a client that shares neither connections nor proxies nor
// settings with anybody, and keeps no connection: the next fetch is minutes
// away. control may refuse the addresses that it connects to.
func newClient(control func(context.Context, string, string, syscall.RawConn) error) *http.Client {
	dialer := &net.Dialer{Timeout: fetchTimeout, ControlContext: control}
	return &http.Client{
		Timeout:       fetchTimeout,
		CheckRedirect: checkRedirect,
		Transport: &http.Transport{
			Proxy:                  nil,
			DialContext:            dialer.DialContext,
			DisableKeepAlives:      true,
			ForceAttemptHTTP2:      true, // a DialContext of one's own turns it off
			TLSHandshakeTimeout:    fetchTimeout,
			MaxResponseHeaderBytes: 64 << 10,
		},
	}
}

// outward refuses connections to this machine and to its links, where metadata
// services of clouds and admin interfaces listen. It sees the address after the
// name was resolved, so no name leads there either. Private networks are
// allowed: issuers live in them.
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

// checkRedirect lets an issuer move a document about on its own host, over
// TLS. Elsewhere a redirect would choose whose keys are trusted, or make the
// gate knock at doors inside its own network.
func checkRedirect(next *http.Request, via []*http.Request) error {
	first := via[0].URL
	switch {
	case len(via) > maxRedirects:
		return fmt.Errorf("following redirect: more than %d", maxRedirects)
	case first.Scheme != "https" || next.URL.Scheme != "https":
		return fmt.Errorf("following redirect: refused outside https")
	// With a user in it the client would send a password of the other's choice.
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
