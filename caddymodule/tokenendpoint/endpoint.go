package tokenendpoint

import (
	"log/slog"
	"net/http"
	"net/url"
	"slices"
	"sync"
	"time"

	"github.com/sessiongate/sessiongate/caddymodule/caller"
	"github.com/sessiongate/sessiongate/caddymodule/hub"
	"github.com/sessiongate/sessiongate/caddymodule/paths"
	"github.com/sessiongate/sessiongate/caddymodule/reply"
	"github.com/sessiongate/sessiongate/caddymodule/token"
)

// Options are what an Endpoint needs. All but Public and Origins are required.
type Options struct {
	// Paths are those of the token endpoints, in the one spelling that is served.
	Paths []string
	// Public are the paths that need no token. Default: none.
	Public *paths.Public
	// Verifier reads tokens that issuers of the gate have signed.
	Verifier *token.Verifier
	// Hub knows what is revoked, and what was learned about tokens.
	Hub *hub.Hub
	// Origins are those whose pages may read why a request is refused. Default: none.
	Origins caller.Origins
	// Leeway is how far the issuers' clocks may be off.
	Leeway time.Duration
	// Retention is how long this gate keeps revocations. A fleet may keep them longer.
	Retention time.Duration
	// Logger is told why tokens were withheld.
	Logger *slog.Logger
	// Refuse writes denials.
	Refuse reply.Refuse
}

// Next serves a request in the place of the upstream.
type Next func(http.ResponseWriter, *http.Request) error

// Endpoint stands before the token endpoints of one upstream. It may be used concurrently.
type Endpoint struct {
	o Options
	// outlived: the warning of refresh tokens that outlive the retention is logged once.
	outlived sync.Once
}

// New returns an Endpoint.
func New(o Options) *Endpoint { return &Endpoint{o: o} }

// Serve passes a request on to the token endpoint of the upstream, unless it presents a
// revoked token, and passes the answer back, unless it hands out tokens of a revoked session.
// Both are answered 400 invalid_grant. What cannot be checked is answered 503, and an answer
// that cannot be read 502.
//
// The endpoint is public: its callers have no access token yet, or no good one. So every
// request is served. The error is that of next.
func (e *Endpoint) Serve(w http.ResponseWriter, r *http.Request, next Next) error {
	switch {
	case caller.IsPreflight(r):
		// The page asks about its POST. A query would be for the endpoint alone.
		r.URL.RawQuery, r.URL.ForceQuery = "", false
		r.RequestURI = r.URL.RequestURI()
		reply.DropBody(r)
		return next(w, r)
	case !e.isAddress(r):
		return e.refuse(w, r, denyAddress)
	case !MayGrant(r.Method, r.URL, r):
		reply.DropBody(r)
		return next(w, r)
	}
	x := &exchange{Endpoint: e, asked: time.Now()}
	if deny := x.checkRequest(w, r); deny != nil {
		return e.refuse(w, r, deny)
	}
	response, err := buffer(w, r, next)
	if err != nil || response.passing {
		return err
	}
	if deny := x.checkResponse(r, response); deny != nil {
		return e.refuse(w, r, deny)
	}
	response.send(r)
	return nil
}

// MayGrant reports whether a request to a token endpoint, by its method and URL, could be
// granted something: it is a POST, or has a query or a body. A request with neither could
// have a token in other fields only, where the gate looks for none. Over HTTP/3, where a body
// is not known beforehand, a request for a page is taken to have none, and goes upstream
// without. MayGrant is the paths.Guards of a token endpoint.
//
// Attack: a preflight with the refresh token in its query, which needs no token here, and is
// a grant to an endpoint that does not look at the method.
func MayGrant(method string, u *url.URL, r *http.Request) bool {
	switch {
	case u.RawQuery != "" || reply.IsMethod(method, http.MethodPost) || reply.HasBody(r):
		return true
	case reply.MayHaveBody(r) && method != http.MethodGet && method != http.MethodHead && method != http.MethodOptions:
		return true
	}
	return !paths.EveryNamed(r, func(named *url.URL) bool { return named.RawQuery == "" })
}

// isAddress reports whether every address that a trusted proxy names is public, or a token
// endpoint with the query that the gate reads.
//
// Attack: POST /oauth/token with X-Original-URL: /admin, which needs no token here, and is
// /admin for the upstream.
func (e *Endpoint) isAddress(r *http.Request) bool {
	return paths.EveryNamed(r, func(u *url.URL) bool {
		isEndpoint := slices.Contains(e.o.Paths, u.Path) && (u.RawQuery == "" || u.RawQuery == r.URL.RawQuery)
		return isEndpoint || e.o.Public != nil && e.o.Public.MatchURL(u)
	})
}

// refuse writes a denial that allowed pages may read, and that nobody may keep (RFC 6749
// §5.1).
func (e *Endpoint) refuse(w http.ResponseWriter, r *http.Request, deny *reply.Denial) error {
	e.o.Origins.Allow(w, r)
	w.Header().Set("Pragma", "no-cache")
	return e.o.Refuse(w, r, deny)
}
