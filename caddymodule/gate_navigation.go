package caddymodule

import (
	"fmt"
	"net/http"
	"net/url"
	"slices"
	"strings"

	"github.com/caddyserver/caddy/v2/caddyconfig/caddyfile"

	"github.com/sessiongate/sessiongate/caddymodule/config"
	"github.com/sessiongate/sessiongate/caddymodule/navigation"
	"github.com/sessiongate/sessiongate/caddymodule/reply"
)

// requestURI is what Caddy makes of navigation.URI in a Caddyfile.
const requestURI = "{http.request.uri}"

// readURL reads an address of another page.
func readURL(to *string) func(*caddyfile.Dispenser) error {
	return func(d *caddyfile.Dispenser) error {
		if err := config.Text(to)(d); err != nil {
			return err
		}
		*to = strings.ReplaceAll(*to, requestURI, navigation.URI)
		if config.HasPlaceholder(*to) {
			return nil // known at the start of the gate
		}
		_, err := navigation.NewRedirect(*to)
		return err
	}
}

// warnOfPages warns of a login page after which a browser has no token where the gate looks: when
// it opens a page, it sends cookies, and no Authorization. Each login would lead to the next.
func (g *Gate) warnOfPages(d *caddyfile.Dispenser) {
	if g.LoginURL != "" && (g.Token == nil || g.Token.Cookie == "") {
		config.WarnAt(d, "login_url without token cookie is a loop, unless a proxy in front adds the token: "+
			"a browser that opens a page sends a token in a cookie only; use token cookie <name>")
	}
}

// resolveURL resolves the placeholders in an address, but for navigation.URI.
func resolveURL(field string, address *string) error {
	parts := strings.Split(strings.ReplaceAll(*address, requestURI, navigation.URI), navigation.URI)
	if err := config.ResolveAll(field, parts); err != nil {
		return err
	}
	*address = strings.Join(parts, navigation.URI)
	return nil
}

// prepareRedirects prepares the addresses of other pages.
func (g *Gate) prepareRedirects() error {
	for _, page := range []struct {
		field, address string
		to             **navigation.Redirect
	}{{"login_url", g.LoginURL, &g.login}, {"revoked_url", g.RevokedURL, &g.revoked}} {
		if page.address == "" {
			continue
		}
		redirect, err := navigation.NewRedirect(page.address)
		if err != nil {
			return fmt.Errorf("checking session_gate: %s %w", page.field, err)
		}
		*page.to = redirect
	}
	return nil
}

// redirectPage sends a page navigation that is not admitted to the login or, with a revoked
// token, to the logout at the issuer: the issuer's own session would only give another token of
// the revoked session. It reports whether it did. It writes nothing otherwise.
func (g *Gate) redirectPage(w http.ResponseWriter, r *http.Request, deny *reply.Denial) bool {
	page := g.login
	if deny.Is(reply.Revoked) {
		page = g.revoked
	}
	if page == nil || deny.Status != http.StatusUnauthorized {
		return false
	}
	sent := *r.URL
	if original := originalOf(r); original.URL != nil {
		sent = *original.URL
	}
	if g.Token.Query != "" {
		sent.RawQuery = "" // it may hold a token, which belongs into no other URL
	}
	if g.isOwn(r.URL) || g.isOwn(&sent) {
		return false
	}
	note(r, deny)
	if !page.Serve(w, r, &sent) {
		return false
	}
	g.report(r, deny)
	return true
}

// isOwn reports whether a URL is that of a route, for any method.
func (g *Gate) isOwn(u *url.URL) bool {
	return slices.ContainsFunc(g.routes, func(own route) bool { return own.Is(u) })
}
