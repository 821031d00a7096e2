package redisstore

import (
	"errors"
	"testing"
	"time"
)

// Fault: a new connection finds that Redis evicts. A moment before, a heartbeat on another
// connection had found a good policy. That result must not count for the next heartbeat.
func TestARefusedPolicyIsCheckedAgainAtOnce(t *testing.T) {
	for _, policy := range []string{"allkeys-lru", ""} {
		s, now := new(Store), time.Now()
		s.judged.Store(&now)
		if err := s.judge(t.Context(), "noeviction"); err != nil || s.judged.Load() == nil {
			t.Errorf("a good policy gave %v, and is checked again at once", err)
		}
		if err := s.judge(t.Context(), policy); !errors.Is(err, ErrEviction) || s.judged.Load() != nil {
			t.Errorf("%q gave %v, and is not checked again at once", policy, err)
		}
	}
}
