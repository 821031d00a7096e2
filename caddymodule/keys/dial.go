package keys

import (
	"context"
	"crypto/tls"
	"crypto/x509"
	"fmt"
	"net"
	"net/http"
	"net/netip"
	"net/url"
	"strings"
	"syscall"
	"time"
)

// dialing is how a client connects. The zero value connects directly and trusts the
// certificate authorities of the system.
type dialing struct {
	// roots are the authorities that are trusted instead of the system's, or nil.
	roots *x509.CertPool
	// proxy returns the proxy of a request, or nil for none.
	proxy func(*http.Request) (*url.URL, error)
	// control may refuse an address that the client is about to connect to.
	control func(context.Context, string, string, syscall.RawConn) error
}

// client returns a client with no shared connections or settings. It keeps no connection,
// since the next fetch is minutes away.
func (d dialing) client() *http.Client {
	dialer := &net.Dialer{Timeout: fetchTimeout, ControlContext: d.control}
	return &http.Client{
		Timeout:       fetchTimeout,
		CheckRedirect: checkRedirect,
		Transport: &http.Transport{
			Proxy:                  d.proxy,
			DialContext:            dialer.DialContext,
			TLSClientConfig:        &tls.Config{RootCAs: d.roots, MinVersion: tls.VersionTLS12},
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
	return checkOutward(endpoint.Addr())
}

func checkOutward(ip netip.Addr) error {
	ip = ip.Unmap()
	if ip.IsLoopback() || ip.IsUnspecified() || ip.IsLinkLocalUnicast() || ip.IsMulticast() {
		return fmt.Errorf("connecting to %s: a discovery document must not name this machine or its links; configure the URL of the key set instead", ip)
	}
	return nil
}

// checkOutwardHost is outward for a host that a proxy connects to. The proxy resolves the name,
// so only its text can be judged.
//
// Attack: a discovery document names a metadata service by its address, or in a spelling that
// only the proxy's resolver reads as an address (0xa9fea9fe, 169.254.43518).
func checkOutwardHost(host string) error {
	if ip, err := netip.ParseAddr(host); err == nil {
		return checkOutward(ip)
	}
	labels := strings.Split(strings.TrimSuffix(strings.ToLower(host), "."), ".")
	last := labels[len(labels)-1]
	isNumber := strings.Trim(last, "0123456789") == "" || strings.HasPrefix(last, "0x")
	if isNumber || last == "localhost" {
		return fmt.Errorf("connecting to %q: a discovery document must not name this machine or an unusual address; configure the URL of the key set instead", host)
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
