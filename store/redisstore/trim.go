package redisstore

import (
	"context"
	"time"
)

// trimStep and trimSteps limit one Trim: how many entries a script looks at, of up to
// 150 KiB each and while Redis does nothing else, and how many scripts run.
const (
	trimStep  = 64
	trimSteps = 160
)

// Trim implements store.Store. It removes about 10,000 entries from the log at most.
// Sessions need no trimming: Redis expires them by itself.
func (s *Store) Trim(ctx context.Context, now time.Time) error {
	const doing = "trimming redis log"
	for range trimSteps {
		reply, err := s.call(ctx, doing, trimScript, candidate(), now.Unix(), trimStep)
		if err != nil {
			return err
		}
		if trimmed, ok := reply.(int64); !ok || trimmed < trimStep {
			return nil
		}
	}
	return nil
}
