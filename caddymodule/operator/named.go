package operator

import (
	"fmt"
	"net/http"
	"slices"
	"strings"

	"github.com/caddyserver/caddy/v2"

	"github.com/sessiongate/sessiongate/caddymodule/token"
)

// wantID describes a valid session id, token id or subject.
const wantID = "a string of 1 to 1024 bytes without control characters"

// issuerNamed returns the issuer of that name. If the name is "", it returns the only
// issuer.
//
// Attack, or mistake: an operator revokes a session by the name with the asterisk, and is told
// that it is done. No token has that issuer, so the session would stay. An issuer with tenants
// is named with its tenant.
func (g gate) issuerNamed(name string) (string, error) {
	configured := g.settings.Issuers
	switch {
	case name == "" && len(configured) == 1 && strings.Contains(configured[0], "*"):
		return "", badRequest(fmt.Errorf("finding the issuer: it has tenants; name one with --issuer (in a call, \"issuer\"), with its value for the * in %s", configured[0]))
	case name == "" && len(configured) == 1:
		return configured[0], nil
	case name == "":
		return "", badRequest(fmt.Errorf("finding the issuer: there are several; name one with --issuer (in a call, \"issuer\"): %s", strings.Join(configured, ", ")))
	case !slices.ContainsFunc(configured, func(c string) bool { return token.IsIssuerOf(c, name) }):
		return "", badRequest(fmt.Errorf("finding the issuer: it is not configured; the issuers are %s", strings.Join(configured, ", ")))
	}
	return name, nil
}

// checkOpen refuses a call that needs an open store, if there is none.
func (g gate) checkOpen(doing string) error {
	if _, set := g.Hub().Store(); set == nil {
		return unavailable(fmt.Errorf("%s: the store is not open: %s", doing, g.state().Error))
	}
	return nil
}

func badRequest(err error) error {
	return caddy.APIError{HTTPStatus: http.StatusBadRequest, Err: err}
}

func conflict(err error) error {
	return caddy.APIError{HTTPStatus: http.StatusConflict, Err: err}
}

func unavailable(err error) error {
	return caddy.APIError{HTTPStatus: http.StatusServiceUnavailable, Err: err}
}
