package redisstore

import (
	"context"
	"fmt"
	"math/rand/v2"
	"strconv"
	"time"

	"github.com/sessiongate/sessiongate/store"
)

// Append implements store.Store. It is one round trip, never repeated by
// itself.
func (s *Store) Append(ctx context.Context, revocations ...store.Revocation) (store.Position, error) {
	const doing = "appending to redis"
	payload, err := store.MarshalRevocations(revocations)
	if err != nil {
		return store.Position{}, fmt.Errorf("%s: %w", doing, err)
	}
	bounded, cancel, err := s.begin(ctx, doing, callBudget)
	if err != nil {
		return store.Position{}, err
	}
	defer cancel()
	expires := store.Entry{Revocations: revocations}.Expires()
	reply, err := s.run(bounded, s.writer, appendScript, s.keys,
		candidate(), hex64(rand.Uint64()), expires, payload)
	if err != nil {
		return store.Position{}, s.explain(ctx, doing, err)
	}
	fields, ok := reply.([]any)
	if !ok || len(fields) != 2 {
		return store.Position{}, fmt.Errorf("%s: unexpected reply of %T", doing, reply)
	}
	var p parser
	position := store.Position{Generation: p.generation(text(fields[0])), Seq: p.number(text(fields[1]))}
	if p.err != nil {
		return store.Position{}, fmt.Errorf("%s: %w", doing, p.err)
	}
	return position, nil
}

// trimStep and trimSteps bound one Trim: how many entries a script looks at,
// for which Redis does nothing else, and how many scripts are run.
const (
	trimStep  = 256
	trimSteps = 40
)

// Trim implements store.Store. It takes about 10,000 entries off the log at the
// most. Sessions need no trimming: Redis forgets them by itself.
func (s *Store) Trim(ctx context.Context, now time.Time) error {
	const doing = "trimming redis log"
	for range trimSteps {
		bounded, cancel, err := s.begin(ctx, doing, callBudget)
		if err != nil {
			return err
		}
		reply, err := s.run(bounded, s.writer, trimScript, s.keys, now.Unix(), trimStep)
		cancel()
		if err != nil {
			return s.explain(ctx, doing, err)
		}
		if trimmed, ok := reply.(int64); !ok || trimmed < trimStep {
			return nil
		}
	}
	return nil
}

// candidate is the generation that a script gives to a log without a head.
func candidate() string { return hex64(rand.Uint64() | 1) }

func hex64(v uint64) string {
	text := strconv.FormatUint(v, 16)
	return "0000000000000000"[len(text):] + text
}
