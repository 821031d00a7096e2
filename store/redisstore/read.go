package redisstore

import (
	"bytes"
	"context"
	"fmt"
	"time"

	"github.com/redis/go-redis/v9"

	"github.com/sessiongate/sessiongate/store"
)

// A command cannot limit the bytes of its reply, and an entry may have 150 KiB.
const (
	// followEntries is how many entries one XREAD returns at most.
	followEntries = 16
	// smallEntries is how many entries one XRANGE returns, if none has more than a KiB.
	smallEntries = 1024
)

// Read implements store.Store. A wait is one command. If nothing came, it is one more,
// unless a heartbeat of this store learned meanwhile that there was nothing: a command
// that blocks in Redis does not notice that the log was emptied, so Read asks for the
// head.
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

// await reads with a wait, which go-redis does not end when ctx is cancelled. Then
// await returns, and leaves the connection to its wait. Close waits for that.
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
	if after == (store.Position{}) || block <= 0 {
		batch, err := s.catchUp(ctx, after)
		if err != nil || len(batch.Entries) > 0 || block <= 0 {
			return batch, err
		}
		after = batch.Head
	}
	began := time.Now()
	entries, err := s.follow(ctx, after, block)
	if err != nil {
		return store.Batch{}, err
	}
	batch, err := s.known(after.Generation).walk(after, entries)
	switch {
	case err != nil, len(entries) == 0 && !s.lastBeat.Load().nothing(after, began):
		// Nothing came, or another entry than the next one. The script knows why.
		return s.page(ctx, after)
	case len(entries) == followEntries:
		// There may be more. A reader that claims to have read up to the head must have
		// read up to a head that was seen after the call began.
		rest, err := s.page(ctx, batch.Head)
		rest.Entries = append(batch.Entries, rest.Entries...)
		return rest, err
	}
	return batch, nil
}

// catchUp reads on without a wait. If the script's last head is far ahead, and says
// that no entry up to it is large, a bare command returns as much as the script for a
// tenth of its cost. The script reads the end of the log, because it returns the
// present head.
func (s *Store) catchUp(ctx context.Context, after store.Position) (store.Batch, error) {
	known := s.known(after.Generation)
	if after.Seq < known.large || after.Seq+smallEntries >= known.Seq {
		return s.page(ctx, after)
	}
	raw, err := s.raw(ctx, 1, "xrange", s.keys[1], fmt.Sprintf("(%d-0", after.Seq), fmt.Sprintf("%d-0", known.Seq), "count", smallEntries)
	if err != nil {
		return store.Batch{}, err
	}
	entries, err := parseRange(raw)
	if err != nil {
		return store.Batch{}, err
	}
	batch, err := known.walk(after, entries)
	if err != nil || len(entries) == 0 {
		return s.page(ctx, after)
	}
	batch.Head = known.Position
	return batch, nil
}

// known returns the last head that the script returned, if that belongs to a
// generation. An entry of that generation shows that it was the head's when the entry
// was appended.
func (s *Store) known(generation store.Generation) head {
	if last := s.last.Load(); last != nil && last.Generation == generation {
		return *last
	}
	return head{}
}

// follow is the fast way along a log: one command that waits in Redis until an entry
// comes or the block is over. It proves nothing about the head.
func (s *Store) follow(ctx context.Context, after store.Position, block time.Duration) ([]entry, error) {
	ctx, cancel := context.WithTimeout(ctx, block+socketTimeout)
	defer cancel()
	// A BLOCK of 0 would wait for ever.
	raw, err := s.raw(ctx, 6, "xread", "count", followEntries, "block", max(block.Milliseconds(), 1),
		"streams", s.keys[1], fmt.Sprintf("%d-0", after.Seq))
	if err != nil {
		return nil, err
	}
	return parseStream(raw)
}

// raw runs a command with a key at a place, and returns the raw reply. For a
// redirection, which go-redis does not see here, it returns a nil reply. Then the
// script is run next: go-redis follows its redirection, and learns from it.
func (s *Store) raw(ctx context.Context, key int8, words ...any) ([]byte, error) {
	cmd := redis.NewRawCmd(ctx, words...)
	cmd.SetFirstKeyPos(key)
	if err := s.reader.Process(ctx, cmd); err != nil {
		return nil, err
	}
	raw := cmd.Val()
	if !bytes.HasPrefix(raw, []byte("-")) {
		return raw, nil
	}
	err := refusal(bytes.TrimSpace(raw[1:]))
	if redis.HasErrorPrefix(err, "MOVED ") || redis.HasErrorPrefix(err, "ASK ") {
		return []byte(nilReply), nil
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
