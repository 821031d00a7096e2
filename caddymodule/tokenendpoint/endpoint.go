package tokenendpoint

import (
	"log/slog"
	"net/http"
	"net/url"
	"sync"
	"sync/atomic"
	"time"

	"github.com/sessiongate/sessiongate/caddymodule/caller"
	"github.com/sessiongate/sessiongate/caddymodule/hub"
	"github.com/sessiongate/sessiongate/caddymodule/oauth"
	"github.com/sessiongate/sessiongate/caddymodule/paths"
	"github.com/sessiongate/sessiongate/caddymodule/reply"
	"github.com/sessiongate/sessiongate/caddymodule/token"
)

// Options are the options of an Endpoint. All but Public, Origins and Counters are required.
type Options struct {
	// Names are the token endpoints, by their paths in the one spelling that is served, and
	// the names that each has for its tokens.
	Names map[string]oauth.Names
	// Public are the paths that need no token. Default: none.
	Public *paths.Public
	// Verifier reads tokens that the gate's issuers have signed.
	Verifier *token.Verifier
	// Hub knows what is revoked, and what was learned about tokens.
	Hub *hub.Hub
	// Origins are the origins whose pages may read why a request is refused. Default: none.
	Origins caller.Origins
	// Leeway is how far the issuers' clocks may be off.
	Leeway time.Duration
	// Retention is how long this gate keeps revocations. A fleet may keep them longer.
	Retention time.Duration
	// Logger logs why tokens were withheld, and answers in which no token was found.
	Logger *slog.Logger
	// Refuse writes denials.
	Refuse reply.Refuse
	// Counters count what became of requests. Default: its own.
	Counters *Counters
}

// Next passes a request to the upstream.
type Next func(http.ResponseWriter, *http.Request) error

// Endpoint stands before the token endpoints of one upstream. It may be used concurrently.
type Endpoint struct {
	o Options
	// outlived logs the warning about refresh tokens that outlive the retention only once.
	outlived sync.Once
	// warned is the Unix second of the last warning about an answer without tokens.
	warned atomic.Int64
	// lookups are those that the store did not answer. withheld are answers of the upstream
	// that cannot be checked.
	lookups, withheld seldom
}

// New returns an Endpoint.
func New(o Options) *Endpoint {
	if o.Counters == nil {
		o.Counters = new(Counters)
	}
	return &Endpoint{o: o}
}

// Serve passes a request to the token endpoint of the upstream, unless the request presents
// a revoked token. It passes the answer back, unless the answer contains tokens of a
// revoked session. It answers both with 400 invalid_grant. It answers 503 if it cannot
// check a token, and 502 if it cannot read the upstream's answer.
//
// The endpoint is public: its callers have no valid access token yet. So every request is
// served. The error is that of next.
func (e *Endpoint) Serve(w http.ResponseWriter, r *http.Request, next Next) error {
	switch {
	case caller.IsPreflight(r):
		// A page sends a preflight for its POST, without a query. Only the endpoint could
		// use one.
		r.URL.RawQuery, r.URL.ForceQuery = "", false
		r.RequestURI = r.URL.RequestURI()
		reply.DropBody(r)
		return next(w, r)
	case !e.isAddress(r):
		e.o.Counters.Malformed.Add(1)
		return e.refuse(w, r, denyAddress)
	case !MayGrant(r.Method, r.URL, r):
		reply.DropBody(r)
		return next(w, r)
	}
	x := &exchange{Endpoint: e, asked: time.Now(), names: e.o.Names[r.URL.Path]}
	if deny := x.checkRequest(w, r); deny != nil {
		e.o.Counters.refused(deny).Add(1)
		return e.refuse(w, r, deny)
	}
	response, err := buffer(w, r, next)
	if err != nil || response.passing {
		e.o.Counters.NoTokens.Add(1)
		return err
	}
	if deny := x.checkResponse(r, response); deny != nil {
		e.o.Counters.Withheld.Add(1)
		return e.refuse(w, r, deny)
	}
	if x.issued {
		e.o.Counters.Issued.Add(1)
	} else {
		e.o.Counters.NoTokens.Add(1)
	}
	response.send(r)
	return nil
}

// MayGrant reports whether the token endpoint could issue tokens for a request, by its
// method and URL: it is a POST, or has a query or a body. Other requests could hold a token
// only in a header field, which the gate does not read. Over HTTP/3 a body is not known
// beforehand. There, a request for a page counts as one without a body, and goes upstream
// without a body. MayGrant is the paths.Guards of a token endpoint.
//
// Attack: a preflight with the refresh token in its query. It needs no token here. For an
// endpoint that ignores the method it is a grant.
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
// Attack: POST /oauth/token with X-Original-URL: /admin. It needs no token here, and is
// /admin for the upstream.
func (e *Endpoint) isAddress(r *http.Request) bool {
	return paths.EveryNamed(r, func(u *url.URL) bool {
		_, isEndpoint := e.o.Names[u.Path]
		isEndpoint = isEndpoint && (u.RawQuery == "" || u.RawQuery == r.URL.RawQuery)
		return isEndpoint || e.o.Public != nil && e.o.Public.MatchURL(u)
	})
}

// refuse writes a denial that pages of allowed origins may read, and that caches must not
// store (RFC 6749 §5.1).
func (e *Endpoint) refuse(w http.ResponseWriter, r *http.Request, deny *reply.Denial) error {
	e.o.Origins.Allow(w, r)
	w.Header().Set("Pragma", "no-cache")
	return e.o.Refuse(w, r, deny)
}
