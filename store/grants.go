package store

import (
	"context"
	"errors"
	"fmt"
	"slices"
)

// ErrFullFamily: the session has MaxMembers unexpired access tokens. One more could not
// be found again.
var ErrFullFamily = errors.New("the session has too many access tokens")

// ErrManyFamilies: the token would belong to more than MaxFamilies sessions. Ending one
// of them would not end the token.
var ErrManyFamilies = errors.New("the token belongs to too many sessions")

const (
	// MaxFamilies is how many sessions one token may belong to.
	MaxFamilies = 32
	// MaxMembers is how many unexpired access tokens one session may have.
	MaxMembers = 1024
)

// Grant is what a gate learned about one token from a response of the upstream's token
// endpoint. It holds no token and no id: names are hashes.
type Grant struct {
	// Token names the token. An access token has the name by which it is revoked
	// (Keys.Token).
	Token Key
	// Access reports whether it is an access token, which Members then lists. Other
	// tokens are found by their name only.
	Access bool
	// Families are the sessions that the token belongs to, as they are revoked
	// (KindSession); 1 to MaxFamilies, those learned last at the end.
	Families []Key
	// Subject and Issuer are the names of the subject and the issuer of the token, zero
	// if they are not known.
	Subject, Issuer Key
	// IssuedAt is the Unix second at which the token was issued. If the token does not
	// say, it is the second at which it was requested.
	IssuedAt int64
	// AuthTime is the Unix second of the login that the token belongs to (Keys.AuthTime),
	// zero if it is not known. A token of a login stays in it, whatever a refresh says.
	AuthTime int64
	// Expires is the Unix second from which the grant may be forgotten.
	Expires int64
}

// Validate reports what makes g impossible to store.
func (g Grant) Validate() error {
	switch {
	case g.Token.IsZero():
		return errors.New("checking grant: no name")
	case len(g.Families) == 0:
		return errors.New("checking grant: no family")
	case len(g.Families) > MaxFamilies:
		return fmt.Errorf("checking grant: %w: %d", ErrManyFamilies, len(g.Families))
	case slices.Contains(g.Families, Key{}):
		return errors.New("checking grant: a family without a name")
	case g.IssuedAt < 0 || g.IssuedAt > maxUnix:
		return fmt.Errorf("checking grant: second of issue %d is out of range", g.IssuedAt)
	case g.AuthTime < 0 || g.AuthTime > maxUnix:
		return fmt.Errorf("checking grant: second of login %d is out of range", g.AuthTime)
	case g.Expires <= 0 || g.Expires > maxUnix:
		return fmt.Errorf("checking grant: expiry %d is out of range", g.Expires)
	}
	return nil
}

// After returns what is known about a token that is learned again; known is what was
// learned before. The token belongs to the families of both, was issued at the earlier
// second, belongs to the earlier login, and is kept until the later expiry. A login that is
// not known is the earliest. The families may be more than MaxFamilies.
//
// Invariant 2: revocation is monotone. A token that is handed out again stays in a
// session, and in a login, that has ended.
func (g Grant) After(known Grant) Grant {
	g.Families = JoinFamilies(known.Families, g.Families)
	g.IssuedAt = min(g.IssuedAt, known.IssuedAt)
	g.AuthTime = min(g.AuthTime, known.AuthTime)
	g.Expires = max(g.Expires, known.Expires)
	if g.Subject.IsZero() {
		g.Subject = known.Subject
	}
	if g.Issuer.IsZero() {
		g.Issuer = known.Issuer
	}
	return g
}

// JoinFamilies returns each family of the lists once, in the order of their first
// occurrence, without zero ones.
func JoinFamilies(lists ...[]Key) []Key {
	var joined []Key
	for _, family := range slices.Concat(lists...) {
		if !family.IsZero() && !slices.Contains(joined, family) {
			joined = append(joined, family)
		}
	}
	return joined
}

// Grants remembers the session of tokens that name no session, or none that a gate can
// read. A store may implement it; those of this project do. It is written when the
// upstream's token endpoint has answered. It is read when a refresh token is presented
// or a session is revoked, never on the path of an ordinary request. All methods may be
// called concurrently, take one round trip or commit, honour ctx, and return ErrClosed
// after Close.
//
// A grant is kept until it expires, over restarts too, as well as the store can keep
// it. Gates restore lost revocations, but not lost grants: a forgotten token counts as
// one that was never learned.
type Grants interface {
	// Learn records grants, all of them or none. A token that is learned again becomes
	// what Grant.After returns. When Learn returns nil the grants are durable.
	// ErrFullFamily means that an access token was one too many, and ErrManyFamilies
	// that a session was. After another error the outcome is unknown, and learning
	// again is safe.
	Learn(ctx context.Context, grants ...Grant) error

	// Known returns what was learned about tokens, in their order. It leaves out tokens
	// that were not learned or have expired.
	Known(ctx context.Context, tokens ...Key) ([]Grant, error)

	// Members returns the names of the unexpired access tokens of a session, in no
	// order; at most MaxMembers.
	Members(ctx context.Context, family Key) ([]Key, error)
}
