package caddymodule

import (
	"net/http"
	"strings"
	"testing"
)

// A token endpoint that is another one with a format is one of its own where it is
// named, in whatever order.
func TestATokenEndpointWithAFormatCanBeNamed(t *testing.T) {
	for _, paths := range [][]string{{tokenPath, tokenPath + ".json"}, {tokenPath + ".json", tokenPath}} {
		g := newGrantTest(t, Gate{TokenEndpoint: paths})
		g.hands(map[string]any{"access_token": "opaque"})
		for path, status := range map[string]int{tokenPath: 200, tokenPath + ".json": 200, tokenPath + ".xml": 400, tokenPath + ".json.gz": 400} {
			g.send(t, http.MethodPost, path, formMedia, "grant_type=password").want(t, status, "")
		}
	}
	g := newGate(t, "HS256", Gate{})
	for _, config := range []Gate{
		{TokenEndpoint: []string{tokenPath, tokenPath}},
		{TokenEndpoint: []string{tokenPath, "/OAuth/token"}},
		{TokenEndpoint: []string{defaultEndpoint}},
	} {
		err := config.provision(g.app, g.gate.logger)
		if err == nil || !strings.Contains(err.Error(), "one path to some readers") || strings.Contains(err.Error(), "*") {
			t.Errorf("%q: %v", config.TokenEndpoint, err)
		}
	}
}

// What a rewrite leaves of a token request counts, and what it made of a page does
// not.
func TestRewrittenTokenRequests(t *testing.T) {
	e := withFormats(tokenPath)
	for _, test := range []struct {
		name, originalMethod, original, method, now string
		want                                        claim
	}{
		{"the query taken off", "GET", tokenPath + "?refresh_token=r", "GET", tokenPath, exact},
		{"the query taken off, and the path", "GET", tokenPath + "?refresh_token=r", "GET", "/renew", misspelt},
		{"a query added, and a format taken off", "GET", tokenPath + ".json", "GET", tokenPath + "?x=1", exact},
		{"a query added, to one with a format", "GET", "/renew", "GET", tokenPath + ".json?x=1", misspelt},
		{"a page", "GET", tokenPath + ".html", "GET", "/pages/login.html", elsewhere},
		{"method rewritten", "POST", tokenPath, "GET", "/renew", misspelt},
	} {
		r := rewritten(t, test.originalMethod, test.original, test.method, test.now)
		if got := e.claimed(r, originalOf(r), mayGrant); got != test.want {
			t.Errorf("%s: %d, want %d", test.name, got, test.want)
		}
	}
}
