package caddymodule

import (
	"errors"
	"net/http"
	"time"

	"github.com/caddyserver/caddy/v2"

	"github.com/sessiongate/sessiongate/caddymodule/credential"
	"github.com/sessiongate/sessiongate/caddymodule/reply"
	"github.com/sessiongate/sessiongate/caddymodule/streams"
	"github.com/sessiongate/sessiongate/caddymodule/token"
	"github.com/sessiongate/sessiongate/store"
	"github.com/sessiongate/sessiongate/store/sessions"
)

// admit decides whether a guarded request may go on, and prepares it for the
// upstream. A request that goes on has a place among those that are running.
func (g *Gate) admit(w http.ResponseWriter, r *http.Request) (*streams.Request, *reply.Denial) {
	now := time.Now()
	t, _, deny := g.bearer(r, now)
	if deny != nil {
		return nil, deny
	}
	running, verdict := g.app.hub.Enter(w, r, &t.Keys, g.until, now)
	if deny := denyVerdict(verdict); deny != nil {
		return nil, deny
	}
	g.note(t, now.Unix())
	if replacer, ok := r.Context().Value(caddy.ReplacerCtxKey).(*caddy.Replacer); ok {
		replacer.Map(t.View(g.view))
	}
	if g.StripToken {
		g.extractor.Strip(r)
	}
	g.identity.Set(r.Header, t)
	return running, nil
}

// note remembers the session of an admitted token, off the path of requests.
func (g *Gate) note(t *token.Verified, now int64) {
	if t.SessionID == "" || !sessions.Due(t.Noted.Load(), now) {
		return
	}
	if g.app.hub.Note(&t.Keys, store.Session{Issuer: t.Issuer, ID: t.SessionID, Subject: t.Subject, LastSeen: now}) {
		t.Noted.Store(now)
	}
}

// denyCredential maps what is wrong with a credential to an answer.
func denyCredential(err error) *reply.Denial {
	switch {
	case errors.Is(err, credential.ErrMissing):
		return denyMissing
	case errors.Is(err, credential.ErrSeveral):
		return denySeveral
	case errors.Is(err, token.ErrMalformed):
		return denyMalformed
	case errors.Is(err, token.ErrExpired):
		return denyExpired
	case errors.Is(err, token.ErrUnavailable):
		return denyUnavailable
	default:
		return denyInvalid
	}
}
