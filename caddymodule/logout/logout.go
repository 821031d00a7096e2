package logout

import (
	"context"
	"errors"
	"log/slog"
	"net/http"
	"sync/atomic"
	"time"

	"github.com/sessiongate/sessiongate/caddymodule/hub"
	"github.com/sessiongate/sessiongate/caddymodule/reply"
	"github.com/sessiongate/sessiongate/caddymodule/token"
	"github.com/sessiongate/sessiongate/store"
)

// secondTimeout bounds the time that an issuer waits until the second of its logout has
// passed.
const secondTimeout = time.Second

// learnedTimeout bounds the look-up of what was learned about a session.
const learnedTimeout = time.Second

// Options are what a Receiver needs. All but Answered and Counters are required.
type Options struct {
	// Verifier verifies logout tokens.
	Verifier *token.Verifier
	// Hub revokes.
	Hub *hub.Hub
	// Logger logs why logout tokens of issuers are refused, that a logout has ended no access
	// token, and that a logout token may be replayed.
	Logger *slog.Logger
	// Refuse writes denials.
	Refuse reply.Refuse
	// Answered is told of logouts, with the subject if the token names it. Default: nobody is.
	Answered reply.Answered
	// Counters count what became of logout tokens. Default: its own.
	Counters *Counters
}

// Receiver answers the requests by which issuers log sessions out. It may be used
// concurrently.
type Receiver struct {
	o Options
	// warned is the Unix second of the last warning about a refused token, and unmatched that
	// of the last one about a session that no access token names.
	warned, unmatched atomic.Int64
}

// New returns a Receiver.
func New(o Options) *Receiver {
	if o.Answered == nil {
		o.Answered = func(*http.Request, string) {}
	}
	if o.Counters == nil {
		o.Counters = new(Counters)
	}
	return &Receiver{o: o}
}

// Serve answers a POST with a logout token (OpenID Connect Back-Channel Logout 1.0 §2.5).
// The token is the credential. Serve does not serve other methods: the gate guards them
// like any request.
//
// It answers 200 without a body if the revocation holds at every gate, 400 if the token is
// not valid or was received before, and 503 if the revocation is not confirmed.
func (c *Receiver) Serve(w http.ResponseWriter, r *http.Request) (served bool, err error) {
	if r.Method != http.MethodPost {
		return false, nil
	}
	deny, about := c.logOut(w, r)
	if c.o.Counters.of(deny).Add(1); deny != nil {
		if about.Err == nil {
			about.Err = deny.Detail.Err
		}
		return true, c.o.Refuse(w, r, deny.With(about))
	}
	c.o.Answered(r, about.Subject)
	w.Header().Set("Cache-Control", "no-store") // §2.8
	w.WriteHeader(http.StatusOK)
	return true, nil
}

// logOut does what a logout token asks for, or returns why not, and whom it is about, for logs. When
// it returns no denial, the revocation holds at every gate, as at the session endpoint.
func (c *Receiver) logOut(w http.ResponseWriter, r *http.Request) (deny *reply.Denial, about reply.Detail) {
	raw, deny := readToken(w, r)
	if deny != nil {
		return deny, about
	}
	l, err := c.o.Verifier.VerifyLogoutWaiting(r.Context(), raw, time.Now())
	switch {
	case errors.Is(err, token.ErrUnavailable):
		issuer, _ := token.Named(err)
		return denyUnavailable, reply.Detail{Issuer: issuer, Err: err}
	case err != nil:
		if signed := (*token.SignedError)(nil); errors.As(err, &signed) {
			c.warnOfRefusal(signed.Issuer, signed.Err)
		}
		issuer, subject := token.Named(err)
		return denyToken, reply.Detail{Issuer: issuer, Subject: subject, Err: err}
	}
	return c.obey(r, l), reply.Detail{Issuer: l.Configured, Subject: l.Subject}
}

// obey is logOut for a valid token.
func (c *Receiver) obey(r *http.Request, l *token.Logout) *reply.Denial {
	if !c.o.Hub.Status().Synced {
		return denyUnavailable
	}
	marker := c.replayMarker(l)
	if c.o.Hub.Holds(marker.Key) {
		c.warnOfRefusal(l.Issuer, errReceived)
		return denyReplayed
	}
	revocation := c.revocationOf(l)
	if deny := c.revoke(r, hub.Cause{Source: store.SourceIssuer, Issuer: l.Issuer, Subject: l.Subject}, revocation, marker); deny != nil {
		return deny
	}
	if revocation.Kind == store.KindSession {
		c.warnOfUnmatched(r.Context(), l.Issuer, revocation.Key)
	}
	return nil
}

// unmatchedEvery is the shortest time between two warnings about a session that no access token
// names, in seconds.
const unmatchedEvery = 60

// warnOfUnmatched logs, once a minute at most, that a logout by `sid` has ended no access token,
// because those of the issuer have no session claim. Those that a token endpoint of the gate
// handed out have ended.
func (c *Receiver) warnOfUnmatched(ctx context.Context, issuer string, session store.Key) {
	now, before := time.Now().Unix(), c.unmatched.Load()
	if now-before < unmatchedEvery || !c.o.Verifier.LacksSessions(issuer) {
		return
	}
	ctx, cancel := context.WithTimeout(ctx, learnedTimeout)
	defer cancel()
	if learned, err := c.o.Hub.Tokens().Members(ctx, session); err != nil || len(learned) > 0 || !c.unmatched.CompareAndSwap(before, now) {
		return
	}
	c.o.Logger.Warn("a logout token names its session by sid, and no access token of the issuer does: the logout has ended none; "+
		"name their claim in session_claim, or let the issuer leave sid out; see docs/backchannel-logout.md", "issuer", issuer, "key", session)
}

var errReceived = errors.New("the token was received before")

// warnOfRefusal logs why a logout token is refused that an issuer has signed. Its users are
// not logged out here, and only this line tells the operator. It logs once a second at most.
//
// Attack: fill the log with tokens that are no logout tokens. Only tokens that an issuer has
// signed get here, and somebody may have one of those.
func (c *Receiver) warnOfRefusal(issuer string, reason error) {
	now, before := time.Now().Unix(), c.warned.Load()
	if now == before || !c.warned.CompareAndSwap(before, now) {
		return
	}
	c.o.Logger.Warn("a logout token that an issuer has signed was refused; it ends no session here", "issuer", issuer, "error", reason)
}

// revoke makes a logout hold at every gate, and then marks its token as received.
//
// §2.6: every gate refuses another token with the same `jti`. Attack: replay a logout token
// that was intercepted. The replay could do no harm: the token names one session, or tokens
// up to its own `iat`, and nothing more than before. So the logout counts also if the marker
// is not confirmed.
//
// A call that is not confirmed leaves no marker, so that the issuer may retry.
func (c *Receiver) revoke(r *http.Request, cause hub.Cause, logout, marker store.Revocation) *reply.Denial {
	if c.o.Hub.Status().Fenced {
		c.o.Hub.RevokeLater(cause, logout)
		return denyUnavailable
	}
	if err := c.o.Hub.Revoke(r.Context(), cause, logout); err != nil {
		return denyUnavailable
	}
	if err := c.o.Hub.Mark(r.Context(), marker); err != nil {
		c.o.Logger.Warn("a logout token was obeyed, but may be taken once more", "key", marker.Key, "error", err)
	}
	if logout.Kind == store.KindSubject {
		// The second has nearly always passed. The user may log in next.
		ctx, cancel := context.WithTimeout(r.Context(), secondTimeout)
		defer cancel()
		hub.AwaitAfter(ctx, logout.NotBefore)
	}
	return nil
}

// revocationOf returns the revocation that a logout token asks for (§2.7): of the session
// that it names, also if it names the subject, or else of all sessions of the subject. The
// latter leaves sessions that began after the token was issued.
func (c *Receiver) revocationOf(l *token.Logout) store.Revocation {
	if l.SessionID != "" {
		return store.Revocation{
			Kind: store.KindSession, Key: c.o.Hub.Key(store.KindSession, l.Issuer, l.SessionID), Expires: c.o.Hub.Expires(time.Now()),
		}
	}
	return store.Revocation{
		Kind: store.KindSubject, Key: c.o.Hub.Key(store.KindSubject, l.Issuer, l.Subject),
		NotBefore: l.IssuedAt, Expires: c.o.Hub.Expires(time.Unix(l.IssuedAt, 0)),
	}
}

// replayMarker returns the revocation of a logout token itself. No access token has an id
// with NUL in it (Invariant 6), so the marker names none.
func (c *Receiver) replayMarker(l *token.Logout) store.Revocation {
	over := time.Unix(l.ExpiresAt, 0).Add(hub.MaxLeeway + store.ClockSkew).Unix()
	return store.Revocation{
		Kind: store.KindToken, Key: c.o.Hub.Key(store.KindToken, l.Issuer, "logout\x00"+l.TokenID),
		Expires: max(over, c.o.Hub.Expires(time.Now())),
	}
}
