package redisstore

import (
	"bytes"
	"context"
	"fmt"
	"time"

	"github.com/redis/go-redis/v9"

	"github.com/sessiongate/sessiongate/store"
)

// batchSize is how many entries one Read returns at the most.
const batchSize = 4096

// Read implements store.Store. A wait ends after half a second at the latest,
// and then costs one more round trip: what blocks in Redis does not notice that
// the log was emptied, so the head is asked.
func (s *Store) Read(ctx context.Context, after store.Position, wait time.Duration) (store.Batch, error) {
	const doing = "reading from redis"
	block := min(max(wait, 0), longestBlock)
	bounded, cancel, err := s.begin(ctx, doing, block+callBudget)
	if err != nil {
		return store.Batch{}, err
	}
	defer cancel()
	var batch store.Batch
	if block > 0 {
		batch, err = s.await(bounded, after, block)
	} else {
		batch, err = s.read(bounded, after, 0)
	}
	return batch, s.explain(ctx, doing, err)
}

// await is read for a wait, which go-redis does not end when ctx is cancelled. It
// returns then, and leaves the connection to its wait. Close waits for that.
func (s *Store) await(ctx context.Context, after store.Position, block time.Duration) (store.Batch, error) {
	type result struct {
		batch store.Batch
		err   error
	}
	done := make(chan result, 1)
	s.mu.Lock()
	if s.closed.Load() {
		s.mu.Unlock()
		return store.Batch{}, store.ErrClosed
	}
	s.waits.Go(func() {
		batch, err := s.read(ctx, after, block)
		done <- result{batch, err}
	})
	s.mu.Unlock()
	select {
	case r := <-done:
		return r.batch, r.err
	case <-ctx.Done():
		return store.Batch{}, ctx.Err()
	}
}

func (s *Store) read(ctx context.Context, after store.Position, block time.Duration) (store.Batch, error) {
	if after == (store.Position{}) {
		batch, err := s.page(ctx, after, batchSize)
		if err != nil || len(batch.Entries) > 0 || block <= 0 {
			return batch, err
		}
		after = batch.Head
	}
	entries, err := s.follow(ctx, after, block)
	if err != nil {
		return store.Batch{}, err
	}
	batch, ok := s.continues(entries, after)
	if !ok {
		// Nothing came, or not what must come next. The script knows why.
		return s.page(ctx, after, batchSize)
	}
	if len(entries) == batchSize {
		// There may be more. Whoever claims to have read up to the head must
		// have read up to a head seen after the call began.
		rest, err := s.page(ctx, batch.Head, 0)
		if err != nil {
			return store.Batch{}, err
		}
		batch.Head = rest.Head
	}
	return batch, nil
}

// continues returns the entries as a batch, if they are the next ones after a
// position and carry its generation, which says that it was the head's when they
// were appended. Those that are left of older generations carry theirs; they are
// known by the head that the generation was last seen with.
func (s *Store) continues(entries []store.Entry, after store.Position) (store.Batch, bool) {
	known := head{}
	if last := s.last.Load(); last != nil && last.Generation == after.Generation {
		known = *last
	}
	for i, e := range entries {
		if !known.follows(after, e.Position) || e.Position.Seq > known.born && e.Position.Generation != after.Generation {
			return store.Batch{}, false
		}
		after.Seq = e.Position.Seq
		entries[i].Position = after
	}
	after.Seq = max(after.Seq, known.born)
	return store.Batch{Entries: entries, Head: after, Born: known.born}, len(entries) > 0
}

// follow is the fast way on along a log: one command that waits in Redis until
// an entry comes or the block is over. With block <= 0 it does not wait. It
// proves nothing about the head.
func (s *Store) follow(ctx context.Context, after store.Position, block time.Duration) ([]store.Entry, error) {
	words := []any{"xread", "count", batchSize}
	if block > 0 {
		// A BLOCK of 0 would wait for ever.
		words = append(words, "block", max(block.Milliseconds(), 1))
	}
	words = append(words, "streams", s.keys[1], fmt.Sprintf("%d-0", after.Seq))
	cmd := redis.NewRawCmd(ctx, words...)
	cmd.SetFirstKeyPos(int8(len(words) - 2))
	if err := s.reader.Process(ctx, cmd); err != nil {
		return nil, err
	}
	raw := cmd.Val()
	if !bytes.HasPrefix(raw, []byte("-")) {
		return parseStream(raw)
	}
	// go-redis does not look into a raw reply. A redirection is left to the
	// script that is run next: there go-redis follows it, and learns of it.
	err := refusal(bytes.TrimSpace(raw[1:]))
	if redis.HasErrorPrefix(err, "MOVED ") || redis.HasErrorPrefix(err, "ASK ") {
		return nil, nil
	}
	return nil, err
}

// refusal is an error reply of Redis.
type refusal string

// Error implements error.
func (r refusal) Error() string { return string(r) }

// RedisError implements redis.Error.
func (refusal) RedisError() {}

var _ redis.Error = refusal("")
