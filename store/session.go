package store

import "context"

// Session is a session as a gate saw it. Times are Unix seconds.
type Session struct {
	Issuer, ID, Subject string
	// FirstSeen and LastSeen are when a token of the session was admitted. A
	// store keeps the earliest of the one and the latest of the other.
	FirstSeen, LastSeen int64
	// Expires is when the session may be forgotten.
	Expires int64
}

const (
	// MaxSessionsOf is how many sessions of one subject a store keeps, and how many
	// Sessions.Of returns at the most.
	MaxSessionsOf = 1000
	// MaxSessions is how many sessions of one namespace a store keeps. With ids of 36
	// bytes a session takes 0.8 KB of memory in Redis 7 and 0.5 KB of a bbolt file, so
	// a full namespace takes 0.8 GB and 0.5 GB. With ids of 1 KiB it takes 3.7 KB of
	// memory in Redis. A million is more than most fleets see within the life of a token,
	// and a thousand accounts at their limit fill it.
	MaxSessions = 1_000_000
)

// SessionLimits bound how many sessions a store keeps. The zero SessionLimits are
// the defaults.
type SessionLimits struct {
	// Subject is how many sessions of one subject of one issuer are kept. Sessions of
	// tokens without a subject count as those of one subject. Default: MaxSessionsOf.
	Subject int
	// Total is how many sessions of the namespace are kept. Default: MaxSessions.
	Total int
}

// OrDefault returns the limits, with the default for each limit that is not set.
func (l SessionLimits) OrDefault() SessionLimits {
	if l.Subject <= 0 {
		l.Subject = MaxSessionsOf
	}
	if l.Total <= 0 {
		l.Total = MaxSessions
	}
	return l
}

// Sessions remembers the sessions that were seen, and their owners. It is soft state:
// it decides who may revoke a session, never whether a token is revoked. It is written
// in batches and never used on the path of an ordinary request. All methods may be
// called concurrently.
//
// Invariant: a store keeps at most as many sessions as its SessionLimits say. If
// there are more, Seen deletes those seen longest ago: first of the subject, then
// of the namespace. A deleted session is unknown until it is seen again. A store
// that holds more, because its limits were higher, deletes a bounded number in each
// call of Seen that adds a session.
//
// Attack: open sessions without end at an issuer that allows it, to fill the store
// or to push out the sessions of others. The subject's limit holds first, so one
// account pushes out its own sessions only.
type Sessions interface {
	// Seen records sessions. Recording one again moves its LastSeen, Expires
	// and Subject and keeps its FirstSeen.
	Seen(ctx context.Context, sessions ...Session) error

	// Owner returns the subject that owns the session, or ErrUnknownSession.
	Owner(ctx context.Context, issuer, id string) (subject string, err error)

	// Of returns the sessions of a subject that have not expired, those seen
	// last first, at most as many as a subject may have.
	Of(ctx context.Context, issuer, subject string) ([]Session, error)
}
