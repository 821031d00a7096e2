package redisstore_test

import (
	"errors"
	"testing"
	"time"

	"github.com/sessiongate/sessiongate/store"
	"github.com/sessiongate/sessiongate/store/redisstore/redistest"
	"github.com/sessiongate/sessiongate/store/replica"
)

var errNotYet = errors.New("not yet")

// Fault: Redis' own clock is an hour off. No revocation is forgotten too early and no
// token is refused because of that. The gate reports it.
func TestRedisWhoseClockIsOff(t *testing.T) {
	t.Parallel()
	for name, off := range map[string]time.Duration{"ahead": time.Hour, "behind": -time.Hour} {
		t.Run(name, func(t *testing.T) {
			server := redistest.Start(t, redistest.Clock(off))
			r := replica.New(openAt(t, server), replica.Options{Lease: 3 * time.Second, Retention: 2 * time.Hour})
			t.Cleanup(r.Close)
			<-r.Synced()
			revoked := revocation("s")
			token := &store.Keys{Session: revoked.Key, IssuedAt: time.Now().Unix(), Expires: time.Now().Add(time.Hour).Unix()}
			if err := r.Revoke(t.Context(), revoked); err != nil {
				t.Fatalf("Revoke: %v", err)
			}
			if got := r.Check(token, replica.At(time.Now())); got != replica.BySession {
				t.Errorf("the revoked session is %v", got)
			}
			token.Session = store.Key{1}
			if got := r.Check(token, replica.At(time.Now())); got != replica.Clear {
				t.Errorf("another session is %v", got)
			}
			status := r.Status()
			if !status.Skewed || (status.Offset > 0) != (off < 0) || status.Bounds.Floor != 0 {
				t.Errorf("the status is %+v, want a clock that is off by %v", status, off)
			}
			server.SetClock(0)
			eventually(t, "the clocks agree", func() error {
				if status := r.Status(); status.Skewed || status.Fenced {
					return errNotYet
				}
				return nil
			})
		})
	}
}

// Attack: set the clocks of Redis and of one gate ahead, so that the log is trimmed.
// When Redis' clock is right again, the other gate restores what it holds.
func TestRedisThatTrimmedByAClockThatWasAhead(t *testing.T) {
	t.Parallel()
	server := redistest.Start(t, redistest.Clock(0))
	s := openAt(t, server)
	r := replica.New(s, replica.Options{Lease: 3 * time.Second})
	t.Cleanup(r.Close)
	<-r.Synced()
	revoked := revocation("s")
	if err := r.Revoke(t.Context(), revoked); err != nil {
		t.Fatalf("Revoke: %v", err)
	}
	before := mustLook(t, s)
	server.SetClock(27 * time.Hour)
	if err := s.Trim(t.Context(), time.Now().Add(27*time.Hour)); err != nil {
		t.Fatalf("Trim: %v", err)
	}
	if left := server.Do("XLEN", logKey); left != int64(0) {
		t.Fatalf("%v entries are left, want the log trimmed", left)
	}
	server.SetClock(0)
	eventually(t, "a new generation that holds the revocation", func() error {
		head := mustLook(t, s)
		if left := server.Do("XLEN", logKey); head.Generation == before.Generation || head.State == store.StateRepair || left != int64(1) {
			return errNotYet
		}
		return nil
	})
	if head := mustLook(t, s); head.Floor != 0 {
		t.Errorf("the floor is %d, although a gate held everything", head.Floor)
	}
}
