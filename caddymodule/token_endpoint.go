package caddymodule

import (
	"math"
	"net/http"
	"net/url"
	"slices"
	"time"

	"github.com/caddyserver/caddy/v2/modules/caddyhttp"

	"github.com/sessiongate/sessiongate/caddymodule/caller"
	"github.com/sessiongate/sessiongate/caddymodule/oauth"
	"github.com/sessiongate/sessiongate/caddymodule/paths"
	"github.com/sessiongate/sessiongate/caddymodule/reply"
	"github.com/sessiongate/sessiongate/store"
	"github.com/sessiongate/sessiongate/store/replica"
)

// exchange is one request to a token endpoint that may hand out tokens.
type exchange struct {
	gate *Gate
	// asked is when the gate took the request up, before the upstream had it. A
	// token that does not say when it was issued was issued then at the earliest.
	asked time.Time
	// refresh is the refresh token that the request presents, or "".
	refresh string
	// known is what the gate knows of the token whose session goes on: which
	// sessions it belongs to, whose it is, and how old. Where none goes on, one
	// begins when it is asked for.
	known store.Grant
}

// serveToken passes a request on to the token endpoint of the upstream, unless it
// presents a token that is revoked, and the answer back, unless it hands out tokens
// of a session that is.
//
// The endpoint is public: whoever calls it has no access token yet, or none that is
// still good.
func (g *Gate) serveToken(w http.ResponseWriter, r *http.Request, next caddyhttp.Handler) (bool, error) {
	switch {
	case caller.IsPreflight(r):
		// The page asks about its POST. A query would be for the endpoint alone.
		r.URL.RawQuery, r.URL.ForceQuery = "", false
		r.RequestURI = r.URL.RequestURI()
		reply.DropBody(r)
		return true, next.ServeHTTP(w, r)
	case !g.isTokenAddress(r):
		return true, g.writeGrant(w, r, denyGrantAddress)
	case !mayGrant(r.Method, r.URL, r):
		reply.DropBody(r)
		return true, next.ServeHTTP(w, r)
	}
	x := &exchange{gate: g, asked: time.Now()}
	if deny := x.open(w, r); deny != nil {
		return true, g.writeGrant(w, r, deny)
	}
	held, err := hold(w, r, next)
	if err != nil || held.passing {
		return true, err
	}
	if deny := x.close(r, held); deny != nil {
		return true, g.writeGrant(w, r, deny)
	}
	return true, held.release(r)
}

// mayGrant reports whether a request to a token endpoint, by its method and URL, could
// be granted something: it is a POST, or has a query or a body. One that has neither
// could have a token in other fields only, where the gate looks for none. Over HTTP/3,
// where a body is not known beforehand, one that asks for a page is taken to have none,
// and goes up without.
//
// Attack: a preflight with the refresh token in its query, which needs no token here,
// and is a grant to an endpoint that does not look at the method.
func mayGrant(method string, u *url.URL, r *http.Request) bool {
	switch {
	case u.RawQuery != "" || reply.IsMethod(method, http.MethodPost) || reply.HasBody(r):
		return true
	case reply.MayHaveBody(r) && method != http.MethodGet && method != http.MethodHead && method != http.MethodOptions:
		return true
	}
	return !paths.EveryNamed(r, func(named *url.URL) bool { return named.RawQuery == "" })
}

// isTokenAddress reports whether every address that a trusted proxy names is public,
// or a token endpoint with the query that the gate reads.
//
// Attack: POST /oauth/token with X-Original-URL: /admin, which needs no token here,
// and is /admin for the upstream.
func (g *Gate) isTokenAddress(r *http.Request) bool {
	return paths.EveryNamed(r, func(u *url.URL) bool {
		isEndpoint := slices.Contains(g.TokenEndpoint, u.Path) && (u.RawQuery == "" || u.RawQuery == r.URL.RawQuery)
		return isEndpoint || g.public.MatchURL(u)
	})
}

// open decides whether a request may go up.
//
// Invariant 7: what cannot be checked is not passed. A login, too: its
// answer could not be checked, and a code is good once.
func (x *exchange) open(w http.ResponseWriter, r *http.Request) *reply.Denial {
	parameters, deny := readParameters(w, r)
	if deny != nil {
		return deny
	}
	if parameters.Refreshes() && parameters.Refresh() == "" || parameters.Contradicts() {
		return denyGrantRequest // RFC 6749 §6: it is required
	}
	if x.check(&store.Keys{IssuedAt: math.MaxInt64, Expires: math.MaxInt64}) != replica.Clear {
		return denyGrantUnavailable
	}
	x.refresh, x.known = parameters.Refresh(), store.Grant{IssuedAt: x.asked.Unix()}
	if deny := x.checkPresented(r.Context(), parameters); deny != nil {
		return deny
	}
	prepareExchange(r.Header)
	return nil
}

// prepareExchange sees to it that the request is read as the gate has read it, and
// that the answer can be read: whole, and as it is.
//
// Attack: `Connection: Content-Type`, by which reverse_proxy drops that field, and the
// upstream takes the body for what it likes. php_fastcgi takes it for a form.
func prepareExchange(header http.Header) {
	header.Set("Accept-Encoding", "identity")
	for _, field := range []string{"Connection", "Range", "If-Range", "Upgrade", "Expect"} {
		header.Del(field)
	}
}

// close decides whether an answer may go back.
func (x *exchange) close(r *http.Request, held *heldAnswer) *reply.Denial {
	switch {
	case held.broken:
		return x.withhold(errBroken)
	case held.body.Len() == 0:
		return nil // nothing is handed out, whatever its fields say
	}
	content, err := oauth.Decode(held.header["Content-Encoding"], held.body.Bytes(), maxAnswer)
	if err != nil {
		return x.withhold(err)
	}
	answer, err := oauth.ParseAnswer(held.header.Get("Content-Type"), content)
	if err != nil {
		return x.withhold(err)
	}
	return x.judge(r.Context(), answer)
}

// withhold logs why an answer cannot be checked.
func (x *exchange) withhold(err error) *reply.Denial {
	x.gate.logger.Error("an answer of the upstream's token endpoint was withheld and answered 502, because the tokens in it cannot be checked; "+
		"it must be one JSON object, or a form, of at most 256 KiB, plain or in gzip or deflate", "error", err)
	return denyGrantAnswer
}
