package operator

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/sessiongate/sessiongate/store"
)

// historyTimeout bounds the reading of the revocation log for one answer. With the other waits
// of the call, it ends well before the command gives up.
const historyTimeout = 3 * time.Second

// Revocation is one revocation that refuses a token, or ends a session, for people who ask
// why. The revocation log keeps the origin of each. A gate decides without it.
type Revocation struct {
	// By is what is revoked: session (that the session claim names), login, learned (a login
	// that a token endpoint has issued), token, subject or issuer. Or it is floor, up to which
	// all tokens are refused after a loss, or forgotten, if a revocation may be forgotten.
	By string `json:"by"`
	// Key is the prefix of its hash, as logs and events show it. Absent for floor and
	// forgotten.
	Key string `json:"key,omitempty"`
	// NotBefore is the instant up to which tokens are revoked. Absent without one.
	NotBefore *time.Time `json:"not_before,omitempty"`
	Origin
}

// Origin says since when something is revoked, by what and why.
type Origin struct {
	// Since is when the revocation was asked for first. Absent if that is not known.
	Since *time.Time `json:"since,omitempty"`
	// Source is by what it was: endpoint, sessions, admin, issuer or standard, as in events.
	// Absent if that is not known.
	Source string `json:"source,omitempty"`
	// Reason is the operator's.
	Reason string `json:"reason,omitempty"`
	// Unknown says what is not known of these, and why. Absent if all is known.
	Unknown string `json:"unknown,omitempty"`
}

// reason is a revocation that the set of a gate holds.
type reason struct {
	by      string
	key     store.Key // zero for floor and forgotten
	instant int64     // Unix seconds, 0 for none
	// is reports whether a revocation of the key in the log is one for this reason.
	is func(store.Revocation) bool
	// unknown is why the log knows no origin, for reasons without a key.
	unknown string
}

// about returns what the reasons are, and asks for their origins.
func (q *questions) about(reasons []reason) []Revocation {
	named := make([]Revocation, len(reasons))
	for i, one := range reasons {
		named[i].By = one.by
		if one.instant != 0 {
			notBefore := unix(one.instant)
			named[i].NotBefore = &notBefore
		}
		if one.key.IsZero() {
			named[i].Unknown = one.unknown
			continue
		}
		named[i].Key = one.key.String()
		q.add(one, &named[i].Origin)
	}
	return named
}

// question asks the revocation log where the revocation of a reason comes from.
type question struct {
	reason
	to *Origin // receives the answer
	// first is the first revocation in the log for the reason, and told the first with an
	// origin.
	first, told *store.Revocation
}

// questions are put to the revocation log together.
type questions []*question

func (q *questions) add(why reason, to *Origin) { *q = append(*q, &question{reason: why, to: to}) }

// answer answers questions by the revocation log. It asks the store, for a bounded time.
//
// Fault: the store hangs, or the log is long. The person who asks has to know the rest of the
// answer at once.
func (g gate) answer(ctx context.Context, asked questions) {
	if len(asked) == 0 {
		return
	}
	unread := g.read(ctx, asked)
	for _, q := range asked {
		q.answer(unread)
	}
}

// read reads the log until there is no more to learn. It returns why it could not read that
// far, or "".
func (g gate) read(ctx context.Context, asked questions) (unread string) {
	backend, _ := g.Hub().Store()
	if backend == nil {
		return "the store is not open"
	}
	byKey := make(map[store.Key]questions)
	keys := make([]store.Key, 0, len(asked))
	for _, q := range asked {
		if byKey[q.key] == nil {
			keys = append(keys, q.key)
		}
		byKey[q.key] = append(byKey[q.key], q)
	}
	ctx, cancel := context.WithTimeout(ctx, historyTimeout)
	defer cancel()
	var page store.HistoryPage
	for open := len(asked); open > 0 && !page.Over; {
		var err error
		if page, err = store.History(ctx, backend, page.Next, keys...); errors.Is(ctx.Err(), context.DeadlineExceeded) {
			return fmt.Sprintf("the store did not answer, or not with all of the revocation log, within %v", historyTimeout)
		} else if err != nil {
			return "the store did not answer: " + err.Error()
		}
		for _, logged := range page.Found {
			for _, q := range byKey[logged.Key] {
				if q.note(logged.Revocation) {
					open--
				}
			}
		}
	}
	return ""
}

// note notes a revocation of the key, and reports whether nothing is left to learn since then.
func (q *question) note(r store.Revocation) (complete bool) {
	if q.told != nil || !q.is(r) {
		return false
	}
	if q.first == nil {
		q.first = &r
	}
	if r.Origin != (store.Origin{}) {
		q.told = &r
	}
	return q.told != nil
}

// answer writes what the log says. unread is why it was not read to its end.
func (q *question) answer(unread string) {
	const silent = "the revocation log does not say: it was restored after a loss, or this entry is of an earlier version"
	switch {
	case q.told != nil && q.told != q.first:
		q.to.Unknown = "it may be revoked for longer, and " + silent
	case q.told != nil:
	case unread != "":
		q.to.Unknown = unread
	case q.first == nil:
		q.to.Unknown = "the revocation log does not have it yet"
	default:
		q.to.Unknown = silent
	}
	if q.told == nil {
		return
	}
	q.to.Source, q.to.Reason = q.told.Source.String(), q.told.Reason
	if q.told.Made != 0 {
		since := unix(q.told.Made)
		q.to.Since = &since
	}
}
