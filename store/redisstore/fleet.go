package redisstore

import (
	"context"
	"fmt"
	"time"

	"github.com/sessiongate/sessiongate/store"
)

// judgeEvery is how often heartbeats ask for the eviction policy. This is the most
// expensive part of a heartbeat for Redis, and heartbeats follow on every batch.
const judgeEvery = 50 * time.Millisecond

// Heartbeat implements store.Fleet. Redis takes it when its memory is full: then no
// revocation can be added, and a gate that has read all of them may go on. If the
// eviction policy of Redis is changed to one that drops revocations, Heartbeat refuses
// it with ErrEviction within judgeEvery.
func (s *Store) Heartbeat(ctx context.Context, beat store.Heartbeat) (store.Head, error) {
	const doing = "sending heartbeat to redis"
	generation := ""
	if beat.Applied.Generation != 0 {
		generation = hex64(uint64(beat.Applied.Generation))
	}
	judged := s.judged.Load()
	asks := judged == nil || time.Since(*judged) >= judgeEvery
	asked := time.Now()
	reply, err := s.call(ctx, doing, heartbeatScript, candidate(), beat.Gate.String(), generation, beat.Applied.Seq,
		flag(beat.Settled), micros(beat.Lease), micros(beat.Retention), flag(asks), micros(beat.Longest), flag(beat.Shortened),
		micros(beat.Margin), micros(beat.Skew), micros(beat.Leeway), beat.Bounds.Forgotten, beat.Bounds.Floor, beat.Bounds.Hold, beat.Bounds.Lowered,
		flag(beat.Unlisted), beat.Silent, hex64(beat.Applied.Tag), beat.Count, beat.Merged, micros(beat.Waited), beat.Now, beat.Bounds.Swept, max(beat.Format, 1))
	if err != nil {
		return store.Head{}, err
	}
	a, err := s.readHead(doing, reply)
	if err == nil && a.policy != "" {
		err = s.explain(ctx, doing, s.judge(ctx, a.policy))
	}
	if err == nil {
		s.lease.Store(int64(a.Lease))
		err = s.explain(ctx, doing, s.checkGuard(ctx, a.Lease))
	}
	if err != nil {
		return store.Head{}, err
	}
	a.Lag = s.lag() // with the guard that was read since
	s.lastBeat.Store(&beatAnswer{head: a.Position, asked: asked})
	if asks {
		now := time.Now()
		s.judged.Store(&now) // after a refusal, the next heartbeat asks at once
	}
	return a.Head, nil
}

// SetLease implements store.Fleet. It refuses with ErrSplitBrain a lease with which
// the gates would refuse this Redis.
func (s *Store) SetLease(ctx context.Context, lease time.Duration) (store.Head, error) {
	const doing = "changing the lease in redis"
	if err := s.checkGuard(ctx, lease); err != nil {
		return store.Head{}, s.explain(ctx, doing, err)
	}
	return s.head(ctx, doing, leaseScript, micros(lease))
}

// Look implements store.Fleet.
func (s *Store) Look(ctx context.Context) (store.Head, error) {
	return s.head(ctx, "looking at redis", lookScript)
}

// head runs a script that returns the whole head.
func (s *Store) head(ctx context.Context, doing string, sc script, args ...any) (store.Head, error) {
	reply, err := s.call(ctx, doing, sc, append([]any{candidate()}, args...)...)
	if err != nil {
		return store.Head{}, err
	}
	a, err := s.readHead(doing, reply)
	return a.Head, err
}

// Leave implements store.Fleet.
func (s *Store) Leave(ctx context.Context, gate store.GateID) error {
	_, err := s.call(ctx, "leaving redis", leaveScript, candidate(), gate.String())
	return err
}

// Merge implements store.Fleet.
func (s *Store) Merge(ctx context.Context, m store.Merge) (store.Head, bool, error) {
	const doing = "merging into redis"
	var record []byte
	if len(m.Revocations) > 0 {
		var err error
		if record, err = newRecord(m.Revocations); err != nil {
			return store.Head{}, false, fmt.Errorf("%s: %w", doing, err)
		}
	}
	reply, err := s.call(ctx, doing, mergeScript, candidate(), hex64(uint64(m.Generation)), m.Gate.String(),
		flag(m.Witness), m.Stale, thenWord(m.Then), record, m.Before, flag(m.Lacks), flag(m.Relogin), flag(m.Skewed))
	if err != nil {
		return store.Head{}, false, err
	}
	parts, _ := reply.([]any)
	if len(parts) != 2 {
		return store.Head{}, false, fmt.Errorf("%s: a %T where a merge's answer belongs: %w", doing, reply, store.ErrUnreadable)
	}
	a, err := s.readHead(doing, parts[1])
	return a.Head, err == nil && parts[0] == int64(1), err
}

// flag encodes a bool for a script.
func flag(yes bool) int {
	if yes {
		return 1
	}
	return 0
}

// micros encodes a duration for a script.
func micros(d time.Duration) int64 { return max(d, 0).Microseconds() }

// thenWord encodes for a script what happens to the turn.
func thenWord(then store.Then) string {
	switch then {
	case store.Open:
		return "open"
	case store.Release:
		return "release"
	default:
		return "keep"
	}
}
