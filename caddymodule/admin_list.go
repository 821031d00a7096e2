package caddymodule

import (
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/caddyserver/caddy/v2"

	"github.com/sessiongate/sessiongate/caddymodule/strictjson"
	"github.com/sessiongate/sessiongate/store"
)

const (
	// defaultLines and maxLines are how many lines a list has.
	defaultLines = 100
	maxLines     = 1000
)

// page is which part of a list is asked for.
type page struct {
	limit int
	// after is what the page before called next: the prefix of a key, and how many
	// lines with that prefix there were already. Empty for the first page. It is in
	// addresses, which are logged, so that it is no whole key.
	after string
	from  store.Key
	skip  int
}

// parameters adds those of a page to others.
func (p *page) parameters(more parameters) parameters {
	p.limit = defaultLines
	more["limit"] = numberMember(&p.limit, maxLines)
	more["after"] = func(value json.RawMessage) error {
		text, ok := strictjson.Text(value)
		prefix, skip, _ := strings.Cut(text, ".")
		raw, err := hex.DecodeString(prefix)
		if err == nil {
			p.skip, err = strconv.Atoi(skip)
		}
		if !ok || err != nil || len(raw) != prefixSize || p.skip < 1 || p.skip > maxSkip {
			return errors.New("it has to be what the page before calls next")
		}
		p.after = text
		copy(p.from[:], raw)
		return nil
	}
	return more
}

const (
	// prefixSize is how many bytes of a key may be shown.
	prefixSize = 4
	// maxSkip bounds how many lines are skipped that share a prefix.
	maxSkip = 1 << 16
)

// next is what the page after these keys begins after, the last page's beginning
// included.
func (p *page) next(keys []store.Key) string {
	last, n := keys[len(keys)-1], 0
	for _, k := range keys {
		if k.String() == last.String() {
			n++
		}
	}
	if n == len(keys) && p.after != "" && p.from.String() == last.String() {
		n += p.skip
	}
	return last.String() + "." + strconv.Itoa(n)
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

// checkOpen refuses a call that needs an open store, if there is none.
func (a *App) checkOpen(doing string) error {
	if _, set := a.hub.Store(); set == nil {
		return unavailable(fmt.Errorf("%s: the store is not open: %s", doing, a.state().Error))
	}
	return nil
}

func unavailable(err error) error {
	return caddy.APIError{HTTPStatus: http.StatusServiceUnavailable, Err: err}
}

// wantID is what ids of sessions, tokens and subjects are.
const wantID = "a string of 1 to 256 bytes without control characters"
