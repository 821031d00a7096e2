package caddymodule

import (
	"net/http"
	"slices"
	"strings"

	"github.com/sessiongate/sessiongate/caddymodule/fieldname"
)

// stripUpgrade removes a client's wish to switch the connection to the upstream to HTTP or
// TLS. A server may ignore an upgrade (RFC 9110 §7.8), and HTTP/2 no longer has this one
// (RFC 9113 §3.1). WebSockets and other protocols pass.
//
// Attack: one admitted or public request asks for `Upgrade: h2c`. If the upstream agrees,
// the proxy opens a tunnel to it. The client then sends further requests through the
// tunnel, with any path and identity, and no gate sees them.
func stripUpgrade(header http.Header) {
	values := header["Upgrade"]
	if len(values) == 0 || !slices.ContainsFunc(values, offersHTTP) {
		return
	}
	var kept []string
	for _, value := range values {
		for protocol := range fieldname.Members(value) {
			if !isHTTP(protocol) {
				kept = append(kept, protocol)
			}
		}
	}
	delete(header, "Http2-Settings")
	if len(kept) == 0 {
		delete(header, "Upgrade")
		return
	}
	header["Upgrade"] = []string{strings.Join(kept, ", ")}
}

// offersHTTP reports whether a list of protocols names a protocol that carries requests.
func offersHTTP(list string) bool {
	for protocol := range fieldname.Members(list) {
		if isHTTP(protocol) {
			return true
		}
	}
	return false
}

// isHTTP reports whether a protocol is a version of HTTP, or TLS, which could carry HTTP.
func isHTTP(protocol string) bool {
	name := strings.ReplaceAll(strings.ToLower(protocol), " ", "")
	if end := strings.IndexAny(name, "/;-"); end >= 0 {
		name = name[:end] // h2c-14 is the name in drafts, and some servers still accept it
	}
	switch name {
	case "h2c", "h2", "h3", "http", "https", "tls":
		return true
	}
	return false
}
