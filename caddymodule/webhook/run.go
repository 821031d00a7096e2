package webhook

import (
	"context"
	"errors"
	"log/slog"
	"math/rand/v2"
	"slices"
	"time"
)

const (
	firstPause = time.Second
	maxPause   = time.Minute
	// maxRetryAfter is the longest pause that the receiver may ask for.
	maxRetryAfter = 15 * time.Minute
)

// backoff is the pause after failures. The zero backoff is none.
type backoff struct {
	failures int       // in a row
	until    time.Time // the end of the pause
}

// fail adds a failure. The pause doubles with each failure. Half of it is random, so that the
// gates of a fleet do not all call at once.
func (b *backoff) fail(now time.Time, after time.Duration) {
	pause := min(maxPause, firstPause<<min(b.failures, 10))
	b.failures++
	pause = pause/2 + rand.N(pause/2)
	b.until = now.Add(max(pause, min(after, maxRetryAfter)))
}

// run sends messages until the sender is closed.
func (s *Sender) run() {
	defer close(s.over)
	for {
		pause, done := s.pause()
		if done {
			return
		}
		if pause != 0 {
			s.sleep(pause)
			continue
		}
		ctx, t, m := s.begin()
		if m != nil {
			s.settle(t, m, s.post(ctx, t, m))
		}
	}
}

const forever = time.Duration(1<<63 - 1)

// pause returns how long the next try has to wait, and whether there will be none.
func (s *Sender) pause() (pause time.Duration, done bool) {
	s.mu.Lock()
	defer s.mu.Unlock()
	switch {
	case s.ctx.Err() != nil, s.closing && (len(s.waiting) == 0 || s.backoff.failures > 0):
		return 0, true
	case len(s.waiting) == 0:
		return forever, false
	}
	return max(0, time.Until(s.backoff.until), time.Until(s.next().refused.until)), false
}

// next returns the message that may be sent first.
func (s *Sender) next() *message {
	now, next := time.Now(), s.waiting[0]
	for _, m := range s.waiting {
		if !m.refused.until.After(now) {
			return m
		}
		if m.refused.until.Before(next.refused.until) {
			next = m
		}
	}
	return next
}

// sleep waits until the time is over or something has changed.
func (s *Sender) sleep(pause time.Duration) {
	timer := time.NewTimer(pause)
	defer timer.Stop()
	select {
	case <-timer.C:
	case <-s.wake:
	case <-s.ctx.Done():
	}
}

// begin returns the next message, or nil, and a context that ends when the receiver changes.
func (s *Sender) begin() (context.Context, *Target, *message) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if len(s.waiting) == 0 {
		return nil, nil, nil
	}
	var ctx context.Context
	ctx, s.abandon = context.WithCancel(s.ctx)
	return ctx, s.target, s.next()
}

// settle takes a message out of the queue, or leaves it there for another try.
func (s *Sender) settle(t *Target, m *message, err error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.abandon()
	s.abandon = nil
	at := slices.Index(s.waiting, m) // -1 if it was dropped meanwhile
	switch {
	case at < 0 || err != nil && s.target != t:
		return // a new receiver is tried at once
	case err == nil:
		s.waiting = slices.Delete(s.waiting, at, at+1)
		s.delivered(t)
		return
	}
	s.failed(t, m, err)
	var refused *refusal
	switch {
	case time.Since(m.held) > maxAge:
		s.waiting = slices.Delete(s.waiting, at, at+1)
		s.drop("it was retried for a day", 1)
	case errors.As(err, &refused) && refused.ofMessage():
		m.refused.fail(time.Now(), refused.after)
		s.waiting = append(slices.Delete(s.waiting, at, at+1), m)
	}
}

// delivered notes that the receiver has taken a message.
func (s *Sender) delivered(t *Target) {
	caughtUp := s.lost > 0 && len(s.waiting) <= maxWaiting/2
	if s.warned || caughtUp {
		s.options.Logger.Info("the receiver of the webhook accepts messages again", "address", t.host, "pending", len(s.waiting), "dropped", s.lost)
	}
	if caughtUp {
		s.lost = 0
	}
	s.backoff, s.warned = backoff{}, false
}

// failed notes that a try failed. The log has one warning for failures in a row, and one for
// each message that is refused.
func (s *Sender) failed(t *Target, m *message, err error) {
	var refused *refusal
	var after time.Duration
	if errors.As(err, &refused) {
		after = refused.after
	}
	level := slog.LevelDebug
	if s.backoff.failures == 0 && m.refused.failures == 0 {
		level, s.warned = slog.LevelWarn, true
	}
	s.backoff.fail(time.Now(), after)
	s.options.Logger.Log(context.Background(), level, "telling the receiver of the webhook of a revocation failed; the gate retries",
		"address", t.host, "pending", len(s.waiting), "error", err)
}
