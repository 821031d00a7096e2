package hub

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"time"

	"github.com/sessiongate/sessiongate/store"
)

// relatedTimeout bounds the look-up of the sessions or tokens that belong to one token
// or session.
const relatedTimeout = time.Second

// withSessions adds, for each token, revocations of the sessions that were learned for it.
// A token without a session id counts as its own session.
func (h *Hub) withSessions(ctx context.Context, named []store.Revocation) ([]store.Revocation, error) {
	all := make([]store.Revocation, 0, len(named))
	for _, revocation := range named {
		all = append(all, revocation)
		if revocation.Kind != store.KindToken {
			continue
		}
		bounded, cancel := context.WithTimeout(ctx, relatedTimeout)
		learned, err := h.tokens.Known(bounded, revocation.Key)
		cancel()
		if err != nil {
			return nil, fmt.Errorf("looking up the sessions of a token: %w", err)
		}
		for _, grant := range learned {
			for _, session := range grant.Families {
				all = append(all, store.Revocation{Kind: store.KindSession, Key: session, Expires: revocation.Expires, Origin: revocation.Origin})
			}
		}
	}
	return all, nil
}

// Learned returns the sessions that were learned for a token, from the upstream's token
// endpoint, and the Unix second of its login, or 0 if that is not known. It asks the store, for
// at most a second.
func (h *Hub) Learned(ctx context.Context, name store.Key) (sessions []store.Key, login int64, err error) {
	ctx, cancel := context.WithTimeout(ctx, relatedTimeout)
	defer cancel()
	learned, err := h.Tokens().Known(ctx, name)
	for _, grant := range learned {
		sessions, login = store.JoinFamilies(sessions, grant.Families), max(login, grant.AuthTime)
	}
	return sessions, login, err
}

// revokeTokensOf revokes the access tokens that belong to revoked sessions but do not
// name them. It asks the store at every gate, because another gate of the fleet may
// have a token endpoint.
//
// Attack: refresh while the session is being revoked. The sessions must be revoked
// everywhere before their tokens are read. An answer of the token endpoint is learned
// first and checked afterwards. So the gate withholds an answer if its tokens were not
// learned when they were read.
func (h *Hub) revokeTokensOf(ctx context.Context, revoked ...store.Revocation) error {
	var tokens []store.Revocation
	for _, session := range revoked {
		if session.Kind != store.KindSession {
			continue
		}
		names, err := h.tokensUpTo(ctx, session)
		if err != nil {
			return fmt.Errorf("revoking the tokens of a session: %w", err)
		}
		for _, name := range names {
			tokens = append(tokens, store.Revocation{Kind: store.KindToken, Key: name, Expires: session.Expires, Origin: session.Origin})
		}
	}
	for entry := range slices.Chunk(tokens, store.MaxRevocations) {
		if err := h.replica.Revoke(ctx, entry...); err != nil {
			return fmt.Errorf("revoking the tokens of a session: %w", err)
		}
	}
	return nil
}

// tokensUpTo returns the access tokens that belong to a revoked session but do not name it: up
// to its instant, if it has one, and those of no known login.
//
// Attack: the user has logged in again in the session. Send another DELETE with an old token,
// and end the tokens of the new login.
func (h *Hub) tokensUpTo(ctx context.Context, session store.Revocation) ([]store.Key, error) {
	ctx, cancel := context.WithTimeout(ctx, relatedTimeout)
	defer cancel()
	names, err := h.tokens.Members(ctx, session.Key)
	if err != nil || session.NotBefore == 0 || len(names) == 0 {
		return names, err
	}
	learned, err := h.tokens.Known(ctx, names...)
	for _, grant := range learned {
		if grant.AuthTime > session.NotBefore {
			names = slices.DeleteFunc(names, func(name store.Key) bool { return name == grant.Token })
		}
	}
	return names, err
}

// complete makes revocations hold everywhere, and then revokes all tokens of the
// sessions. It returns the revocations with those of the sessions that a token belongs
// to.
func (h *Hub) complete(ctx context.Context, named ...store.Revocation) (all []store.Revocation, err error) {
	if all, err = h.withSessions(ctx, named); err != nil {
		return nil, err
	}
	if err := h.replica.Revoke(ctx, all...); err != nil {
		return nil, err
	}
	return all, h.revokeTokensOf(ctx, all...)
}

// Tokens returns what was learned about tokens from the upstream's token endpoint. It
// is never nil. Until the store is open, its methods return store.ErrClosed. If a store
// of another author cannot keep what is learned, it knows nothing, and refuses to
// learn.
func (h *Hub) Tokens() store.Grants {
	if !h.isOpen.Load() {
		return closedTokens{}
	}
	return h.tokens
}

// tokensOf returns what a store keeps about tokens.
func (h *Hub) tokensOf(backend store.Backend) store.Grants {
	if tokens, ok := backend.(store.Grants); ok {
		return countedTokens{tokens, &h.counters.Tokens}
	}
	return noTokens{}
}

// errNoTokens: a store of another author that cannot keep what is learned.
var errNoTokens = errors.New("the store cannot keep what is learned about tokens")

type noTokens struct{}

func (noTokens) Learn(context.Context, ...store.Grant) error                { return errNoTokens }
func (noTokens) Known(context.Context, ...store.Key) ([]store.Grant, error) { return nil, nil }
func (noTokens) Members(context.Context, store.Key) ([]store.Key, error)    { return nil, nil }

type closedTokens struct{}

func (closedTokens) Learn(context.Context, ...store.Grant) error { return store.ErrClosed }

func (closedTokens) Known(context.Context, ...store.Key) ([]store.Grant, error) {
	return nil, store.ErrClosed
}

func (closedTokens) Members(context.Context, store.Key) ([]store.Key, error) {
	return nil, store.ErrClosed
}
