package operator

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/sessiongate/sessiongate/caddymodule/token"
	"github.com/sessiongate/sessiongate/store"
)

const (
	// knownWithin is how long the fleet may take to learn of a new session.
	knownWithin = time.Second
	// lookPause is the pause between two looks for a session that may be new.
	lookPause = 250 * time.Millisecond
	// lookTimeout bounds the wait for the store, so that a revocation never waits for it longer.
	lookTimeout = time.Second
)

// notNoted is why nobody can look for a token by its id.
const notNoted = "gates do not note token ids, so a wrong id looks like a right one; a whole token is verified"

// checkSeen refuses to revoke a session or a subject that no gate has seen, unless the request
// says that it may be unseen. unlooked is why nobody could look, "" if somebody could.
//
// Fault: an operator mistypes a session or a subject at night. The receipt says that it is
// revoked everywhere, and the stolen session goes on.
//
// A revocation is never refused because of a store that cannot be asked.
func (g gate) checkSeen(ctx context.Context, o RevokeRequest) (unlooked string, err error) {
	if o.Unseen || o.IssuerBefore || token.IsSigned(o.Token) {
		return "", nil
	}
	issuer, err := g.issuerNamed(o.Issuer)
	if err != nil {
		return "", err
	}
	if o.Token != "" {
		return notNoted, nil
	}
	for began := time.Now(); ; {
		seen, err := g.seen(ctx, issuer, o)
		switch {
		case err != nil:
			return err.Error(), nil
		case seen:
			return "", nil
		case time.Since(began) >= knownWithin || ctx.Err() != nil:
			return "", g.unseen(o)
		}
		pause := time.NewTimer(lookPause)
		select {
		case <-ctx.Done(): // nobody waits for the answer
		case <-pause.C:
		}
		pause.Stop()
	}
}

// seen reports whether a gate of the fleet has seen the session, or a session of the subject,
// that a request names, or whether it is revoked already. It asks the store.
func (g gate) seen(ctx context.Context, issuer string, o RevokeRequest) (bool, error) {
	ctx, cancel := context.WithTimeout(ctx, lookTimeout)
	defer cancel()
	if o.Subject != "" {
		if _, set := g.Hub().Store(); set.NotBefore(&store.Keys{Subject: g.Hub().Key(store.KindSubject, issuer, o.Subject)}) > 0 {
			return true, nil
		}
		sessions, err := g.Hub().SessionsOf(ctx, issuer, o.Subject)
		return len(sessions) > 0, err
	}
	if g.Hub().Holds(g.Hub().SessionKey(issuer, o.Session)) {
		return true, nil
	}
	err := g.Hub().Owned(ctx, issuer, o.Session, func(string) bool { return true })
	if errors.Is(err, store.ErrUnknownSession) {
		return false, nil
	}
	return err == nil, err
}

// unseen is the answer about something that no gate has seen. It names nothing, because Caddy
// logs it.
func (g gate) unseen(o RevokeRequest) error {
	what, hint := "a session with this id", "the id"
	if o.Subject != "" {
		what, hint = "a session of this subject", "the subject, whose tokens may name no session,"
	}
	return conflict(fmt.Errorf("revoking: nothing was revoked, because no gate has seen %s of this issuer within %v (max_token_lifetime); "+
		"check %s and the issuer; to revoke it all the same, add --unseen (in a call, \"unseen\": true); "+
		"the fleet knows a new session after a second", what, g.settings.MaxTokenLifetime, hint))
}
