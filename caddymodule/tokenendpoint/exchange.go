package tokenendpoint

import (
	"errors"
	"math"
	"net/http"
	"time"

	"github.com/sessiongate/sessiongate/caddymodule/oauth"
	"github.com/sessiongate/sessiongate/caddymodule/reply"
	"github.com/sessiongate/sessiongate/store"
	"github.com/sessiongate/sessiongate/store/replica"
)

// exchange is one request to a token endpoint that could issue tokens.
type exchange struct {
	*Endpoint
	// names are the names that the endpoint has for its tokens.
	names oauth.Names
	// asked is when the gate received the request, before the upstream did. A token without
	// an `iat` was issued at asked or later.
	asked time.Time
	// refresh is the refresh token that the request presents, or empty.
	refresh string
	// known is what the gate knows about the token whose session continues: its sessions,
	// its subject, its age and its login. If no session continues, one begins at asked.
	known store.Grant
	// issued reports whether the upstream's answer has tokens.
	issued bool
}

// checkRequest decides whether a request may go upstream.
//
// Invariant 7: the gate does not pass on a token that it cannot check. Then it does not
// pass on a login either: it could not check the answer, and a code is valid only once.
func (x *exchange) checkRequest(w http.ResponseWriter, r *http.Request) *reply.Denial {
	parameters, deny := readParameters(w, r, x.names)
	if deny != nil {
		return deny
	}
	if parameters.Refreshes() && parameters.Refresh() == "" || parameters.Contradicts() {
		return denyRequest // RFC 6749 §6: it is required
	}
	if x.check(&store.Keys{IssuedAt: math.MaxInt64, Expires: math.MaxInt64}) != replica.Clear {
		return denyUnavailable
	}
	x.refresh, x.known = parameters.Refresh(), store.Grant{IssuedAt: x.asked.Unix()}
	if deny := x.checkPresented(r.Context(), parameters); deny != nil {
		return deny
	}
	prepareHeader(r.Header)
	return nil
}

// prepareHeader makes the upstream read the request as the gate has read it. It also makes
// the answer one that the gate can read: complete, and not encoded.
//
// Attack: `Connection: Content-Type`, by which reverse_proxy drops that field. The upstream
// then guesses the type of the body. php_fastcgi assumes a form.
func prepareHeader(header http.Header) {
	header.Set("Accept-Encoding", "identity")
	for _, field := range []string{"Connection", "Range", "If-Range", "Upgrade", "Expect"} {
		header.Del(field)
	}
}

var errBroken = errors.New("reading token answer: it is too large, or broke off")

// checkResponse decides whether an answer may go back.
func (x *exchange) checkResponse(r *http.Request, response *bufferedResponse) *reply.Denial {
	switch {
	case response.broken:
		return x.withhold(errBroken)
	case response.body.Len() == 0:
		x.warnOfNoToken(r)
		return nil // the answer contains no tokens, whatever its fields say
	}
	content, err := oauth.Decode(response.header["Content-Encoding"], response.body.Bytes(), maxAnswer)
	if err != nil {
		return x.withhold(err)
	}
	answer, err := x.names.ParseAnswer(response.header.Get("Content-Type"), content)
	if err != nil {
		return x.withhold(err)
	}
	if answer.IsEmpty() {
		x.warnOfNoToken(r)
		return nil
	}
	x.issued = true
	return x.checkTokens(r.Context(), answer)
}

// warnEvery is the shortest time between two warnings about an answer without tokens.
const warnEvery = time.Minute

// warnOfNoToken logs that the gate found no token in an answer, once a minute at most. An
// endpoint that uses other names, or cookies, hands out tokens that the gate does not check.
func (x *exchange) warnOfNoToken(r *http.Request) {
	now, before := x.asked.Unix(), x.warned.Load()
	if r.Method == http.MethodHead || now-before < int64(warnEvery/time.Second) || !x.warned.CompareAndSwap(before, now) {
		return
	}
	x.o.Logger.Warn("the upstream's token endpoint answered 2xx, and the gate found no token in the body; if tokens have other names there, "+
		"name these in the block of token_endpoint; the gate does not check tokens in cookies", "path", r.URL.Path)
}

// withhold logs why an answer cannot be checked.
func (x *exchange) withhold(err error) *reply.Denial {
	if leftOut, ok := x.withheld.take(); ok {
		x.o.Logger.Error("an answer of the upstream's token endpoint was withheld and answered 502, because the tokens in it cannot be checked; "+
			"it must be one JSON object, or a form, of at most 256 KiB, plain or in gzip or deflate", "error", err, "left_out", leftOut)
	}
	return denyAnswer
}
