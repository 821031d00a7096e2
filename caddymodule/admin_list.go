package caddymodule

import (
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"slices"
	"strings"
	"time"

	"github.com/caddyserver/caddy/v2"

	"github.com/sessiongate/sessiongate/caddymodule/strictjson"
)

const (
	// defaultPage and maxPage are how many lines a list has.
	defaultPage = 100
	maxPage     = 1000
)

// page is which part of a list is asked for.
type page struct {
	limit int
	// after is what the page before said that this one begins after; empty for the
	// first.
	after []byte
}

// parameters adds those of a page to others. What it begins after has a size.
func (p *page) parameters(size int, more parameters) parameters {
	p.limit = defaultPage
	more["limit"] = numberMember(&p.limit, maxPage)
	more["after"] = func(value json.RawMessage) error {
		text, ok := strictjson.Text(value)
		raw, err := hex.DecodeString(text)
		if !ok || err != nil || len(raw) != size {
			return errors.New("it has to be what the page before calls next")
		}
		p.after = raw
		return nil
	}
	return more
}

func unix(seconds int64) time.Time { return time.Unix(seconds, 0).UTC() }

// issuerNamed is the issuer that an operator means: the only one if none is named.
func (a *App) issuerNamed(name string) (string, error) {
	configured := make([]string, len(a.Issuer))
	for i, issuer := range a.Issuer {
		configured[i] = issuer.Issuer
	}
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

// open returns the open store.
func (a *App) open(doing string) (*live, error) {
	live := a.shared.live.Load()
	if live == nil {
		return nil, unavailable(fmt.Errorf("%s: the store is not open: %s", doing, a.state().Error))
	}
	return live, nil
}

func unavailable(err error) error {
	return caddy.APIError{HTTPStatus: http.StatusServiceUnavailable, Err: err}
}

// wantID is what ids of sessions, tokens and subjects are.
const wantID = "a string of 1 to 256 bytes without control characters"
