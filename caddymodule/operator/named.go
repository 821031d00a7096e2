package operator

import (
	"fmt"
	"net/http"
	"slices"
	"strings"

	"github.com/caddyserver/caddy/v2"
)

// wantID describes a valid session id, token id or subject.
const wantID = "a string of 1 to 1024 bytes without control characters"

// issuerNamed returns the issuer of that name. If the name is "", it returns the only
// issuer.
func (g gate) issuerNamed(name string) (string, error) {
	configured := g.settings.Issuers
	switch {
	case name == "" && len(configured) == 1:
		return configured[0], nil
	case name == "":
		return "", badRequest(fmt.Errorf("finding the issuer: there are several; name one of %s", strings.Join(configured, ", ")))
	case !slices.Contains(configured, name):
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
