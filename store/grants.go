package store

import (
	"context"
	"errors"
	"fmt"
	"slices"
)

// ErrFullFamily: the session has MaxMembers access tokens that have not expired, and
// one more could not be found again.
var ErrFullFamily = errors.New("the session has too many access tokens")

// ErrManyFamilies: the token would belong to more than MaxFamilies sessions, and one
// of them could not end it.
var ErrManyFamilies = errors.New("the token belongs to too many sessions")

const (
	// MaxFamilies is how many sessions one token may belong to.
	MaxFamilies = 32
	// MaxMembers is how many unexpired access tokens one session may have.
	MaxMembers = 1024
)

// Grant is what a gate learned about one token from an answer of the upstream's
// token endpoint. It holds no token and no id: names are hashes.
type Grant struct {
	// Token names the token. An access token has the name by which it is revoked
	// (Keys.Token).
	Token Key
	// Access says that it is an access token, which Members then lists. Other
	// tokens are found by their name only.
	Access bool
	// Families are the sessions that the token belongs to, as they are revoked
	// (KindSession); 1 to MaxFamilies, those learned last at the end.
	Families []Key
	// Subject and Issuer are the names of whom it was issued to and by, zero if
	// nobody said.
	Subject, Issuer Key
	// IssuedAt is the second, in Unix time, at which it was issued or, where the
	// token does not say, asked for.
	IssuedAt int64
	// Expires is the second, in Unix time, from which it may be forgotten.
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
	case g.Expires <= 0 || g.Expires > maxUnix:
		return fmt.Errorf("checking grant: expiry %d is out of range", g.Expires)
	}
	return nil
}

// After returns what is known of a token that is learned again, where known is
// what was learned before. It belongs to the families of both, was issued at the
// earlier second and is kept for longer. The families may be more than MaxFamilies.
//
// Invariant 2: revocation is monotone. A token that is handed out once
// more does not leave a session that is over.
func (g Grant) After(known Grant) Grant {
	g.Families = JoinFamilies(known.Families, g.Families)
	g.IssuedAt = min(g.IssuedAt, known.IssuedAt)
	g.Expires = max(g.Expires, known.Expires)
	if g.Subject.IsZero() {
		g.Subject = known.Subject
	}
	if g.Issuer.IsZero() {
		g.Issuer = known.Issuer
	}
	return g
}

// JoinFamilies returns each family of the lists once, in the order in which they
// come first, without zero ones.
func JoinFamilies(lists ...[]Key) []Key {
	var joined []Key
	for _, family := range slices.Concat(lists...) {
		if !family.IsZero() && !slices.Contains(joined, family) {
			joined = append(joined, family)
		}
	}
	return joined
}

// Grants remembers which session the tokens belong to that say nothing of one, or
// nothing that a gate can read. A store may implement it; those of this project
// do. It is written when the upstream's token endpoint has answered, and read when
// a refresh token is presented or a session revoked, never on the path of an
// ordinary request. All methods may be called concurrently, take one round trip
// or commit, honour ctx, and return ErrClosed after Close.
//
// A grant is kept until it expires, over restarts too, as well as the store can
// keep it. What a store lost is not put back by the gates, as revocations are: a
// token that was forgotten is one that was never learned.
type Grants interface {
	// Learn records grants, all of them or none; a token that is learned again
	// is as Grant.After says. When it returns nil they are durable. ErrFullFamily
	// means that an access token was one too many, and ErrManyFamilies that a
	// session was; after another error the outcome is unknown, and learning again
	// is safe.
	Learn(ctx context.Context, grants ...Grant) error

	// Known returns what was learned about tokens, in their order, and leaves out
	// those that were not learned, or that have expired.
	Known(ctx context.Context, tokens ...Key) ([]Grant, error)

	// Members returns the names of the access tokens of a session that have not
	// expired, in no order; at most MaxMembers.
	Members(ctx context.Context, family Key) ([]Key, error)
}
