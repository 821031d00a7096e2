package chaos

import (
	"fmt"
	"slices"
	"sync"
	"testing"
	"time"
)

// The possible answers to an ordinary request.
const (
	admitted    = 200
	refused     = 401
	unavailable = 503
	// unanswered: the connection was refused, reset or given up
	unanswered = 0
)

// shown is how many faults are printed.
const shown = 20

// Oracle checks the answers that clients got. All instants are of one monotonic clock.
// Clients read it before they send and after they have read the answer, so that a delay
// never makes a correct answer wrong. Its methods may be called concurrently.
type Oracle struct {
	began time.Time

	mu              sync.Mutex
	sessions        map[string]*fate
	faults          []string
	excused         bool
	excusedRefusals int // refusals that were excused
}

// fate holds what is known about a session.
type fate struct {
	tried    bool      // a DELETE was sent
	promised time.Time // when a client first had the promise that the session has ended
	promiser int
	admitted time.Time // when the last admitted request began
	admitter int
}

// NewOracle returns an oracle without any observations.
func NewOracle() *Oracle {
	return &Oracle{began: time.Now(), sessions: make(map[string]*fate)}
}

// Tries records that a DELETE of a session is about to be sent.
func (o *Oracle) Tries(session string) {
	o.mu.Lock()
	defer o.mu.Unlock()
	o.of(session).tried = true
}

// Promised records when a gate's promise that a session has ended arrived: a 200, or a 404
// for the caller's own session.
func (o *Oracle) Promised(session string, gate int, at time.Time) {
	o.mu.Lock()
	defer o.mu.Unlock()
	f := o.of(session)
	if !f.promised.IsZero() && f.promised.Before(at) {
		return
	}
	f.promised, f.promiser = at, gate
	o.judge(session, f, f.admitted, f.admitter)
}

// Answered records a gate's answer to an ordinary request of a session that began at an
// instant.
func (o *Oracle) Answered(session string, gate int, began time.Time, status int) {
	o.mu.Lock()
	defer o.mu.Unlock()
	f := o.of(session)
	switch status {
	case unavailable, unanswered:
	case refused:
		switch {
		case f.tried:
		case o.excused:
			o.excusedRefusals++
		default:
			o.faultf("gate %d refused %s, which nobody ended", gate, session)
		}
	case admitted:
		if began.After(f.admitted) {
			f.admitted, f.admitter = began, gate
		}
		o.judge(session, f, began, gate)
	default:
		o.faultf("gate %d answered %d for %s", gate, status, session)
	}
}

// Deleted records a gate's answer to a DELETE. answers are the further statuses that are
// allowed. A token that is refused ended nothing.
func (o *Oracle) Deleted(session string, gate, status int, answers ...int) {
	o.mu.Lock()
	defer o.mu.Unlock()
	switch {
	case status == unavailable, status == unanswered, slices.Contains(answers, status):
	case status == refused && o.excused:
		o.excusedRefusals++
	default:
		o.faultf("gate %d answered %d to the DELETE of %s", gate, status, session)
	}
}

// Excuse sets whether a gate may refuse sessions that nobody ended, because a clock is
// wrong, or its effects last. Such refusals are counted. Nothing excuses a request that is
// admitted wrongly.
func (o *Oracle) Excuse(excused bool) {
	o.mu.Lock()
	defer o.mu.Unlock()
	o.excused = excused
}

// Excused reports whether a gate may refuse sessions that nobody ended.
func (o *Oracle) Excused() bool {
	o.mu.Lock()
	defer o.mu.Unlock()
	return o.excused
}

// ExcusedRefusals returns how many refusals were excused.
func (o *Oracle) ExcusedRefusals() int {
	o.mu.Lock()
	defer o.mu.Unlock()
	return o.excusedRefusals
}

// judge checks the promise: no request that starts after the promise is admitted.
func (o *Oracle) judge(session string, f *fate, began time.Time, gate int) {
	if f.promised.IsZero() || !began.After(f.promised) {
		return
	}
	o.faultf("gate %d admitted a request of %s that began %v after gate %d had confirmed its end, at %v",
		gate, session, began.Sub(f.promised), f.promiser, o.since(f.promised))
}

// Faultf records another forbidden answer.
func (o *Oracle) Faultf(format string, values ...any) {
	o.mu.Lock()
	defer o.mu.Unlock()
	o.faultf(format, values...)
}

func (o *Oracle) faultf(format string, values ...any) {
	o.faults = append(o.faults, fmt.Sprintf("%9v  ", o.since(time.Now()))+fmt.Sprintf(format, values...))
}

// Faults returns the forbidden answers, oldest first, each with its time after the
// beginning.
func (o *Oracle) Faults() []string {
	o.mu.Lock()
	defer o.mu.Unlock()
	return slices.Clone(o.faults)
}

// Count returns the number of faults.
func (o *Oracle) Count() int {
	o.mu.Lock()
	defer o.mu.Unlock()
	return len(o.faults)
}

// Check fails the test for forbidden answers that the fleet's clients got.
func (f *Fleet) Check(tb testing.TB) {
	tb.Helper()
	faults := f.Oracle.Faults()
	for i, fault := range faults {
		if i == shown {
			tb.Errorf("and %d more", len(faults)-i)
			break
		}
		tb.Error(fault)
	}
}

func (o *Oracle) since(t time.Time) time.Duration { return t.Sub(o.began).Round(time.Millisecond) }

func (o *Oracle) of(session string) *fate {
	f := o.sessions[session]
	if f == nil {
		f = new(fate)
		o.sessions[session] = f
	}
	return f
}
