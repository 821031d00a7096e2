package caddymodule

import (
	"net/http"
	"slices"
	"strings"

	"github.com/sessiongate/sessiongate/caddymodule/fieldname"
)

// stripUpgrade ignores a client's wish to go on in HTTP itself, or in TLS, on the
// connection to the upstream, as a server may (RFC 9110 §7.8); HTTP/2 no longer
// has such an upgrade (RFC 9113 §3.1). WebSockets and other protocols pass.
//
// Attack: one request that is admitted, or public, asks for `Upgrade: h2c`. An
// upstream that agrees gets a tunnel from the proxy, and in it every further
// request of the client, with any path and identity, which no gate ever sees.
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

// offersHTTP reports whether a list of protocols names one that carries requests.
func offersHTTP(list string) bool {
	for protocol := range fieldname.Members(list) {
		if isHTTP(protocol) {
			return true
		}
	}
	return false
}

// isHTTP reports whether a protocol is some HTTP, or TLS, in which there would be
// one. The version does not matter.
func isHTTP(protocol string) bool {
	name := strings.ReplaceAll(strings.ToLower(protocol), " ", "")
	if end := strings.IndexAny(name, "/;-"); end >= 0 {
		name = name[:end] // h2c-14 is what drafts called it, and some servers still do
	}
	switch name {
	case "h2c", "h2", "h3", "http", "https", "tls":
		return true
	}
	return false
}
