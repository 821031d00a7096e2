package redisstore

import (
	"context"
	"errors"
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
	batch, err := s.read(bounded, after, block)
	return batch, s.explain(ctx, doing, err)
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
	if !continues(entries, after) {
		// Nothing came, or not what must come next. The script knows why.
		return s.page(ctx, after, batchSize)
	}
	batch := store.Batch{Entries: entries, Head: entries[len(entries)-1].Position}
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

// continues reports whether the entries are the next ones after a position, all
// of its generation.
func continues(entries []store.Entry, after store.Position) bool {
	for _, e := range entries {
		after.Seq++
		if e.Position != after {
			return false
		}
	}
	return len(entries) > 0
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
	cmd := redis.NewCmd(ctx, words...)
	cmd.SetFirstKeyPos(int8(len(words) - 2))
	if err := s.reader.Process(ctx, cmd); errors.Is(err, redis.Nil) {
		return nil, nil
	} else if err != nil {
		return nil, err
	}
	streams, err := cmd.Slice()
	if err != nil || len(streams) != 1 {
		return nil, fmt.Errorf("%d streams in the reply: %w", len(streams), errors.Join(err, store.ErrUnreadable))
	}
	stream, ok := streams[0].([]any)
	if !ok || len(stream) != 2 {
		return nil, fmt.Errorf("a stream that is no pair: %w", store.ErrUnreadable)
	}
	return parseEntries(stream[1])
}

// page asks the script, which sees head and log as of one instant, for up to
// count entries after a position.
func (s *Store) page(ctx context.Context, after store.Position, count int) (store.Batch, error) {
	generation := ""
	if after != (store.Position{}) {
		generation = hex64(uint64(after.Generation))
	}
	reply, err := s.run(ctx, s.reader, readScript, s.keys, candidate(), generation, after.Seq, count)
	if err != nil {
		return store.Batch{}, err
	}
	fields, ok := reply.([]any)
	if !ok || len(fields) != 5 {
		return store.Batch{}, fmt.Errorf("a %T where the head belongs: %w", reply, store.ErrUnreadable)
	}
	var p parser
	h := head{
		Position: store.Position{Generation: p.generation(fields[0]), Seq: p.number(fields[1])},
		trimmed:  p.number(fields[2]),
		born:     p.number(fields[3]),
	}
	if p.err != nil {
		return store.Batch{}, fmt.Errorf("reading head: %w", p.err)
	}
	entries, err := parseEntries(fields[4])
	if err != nil {
		return store.Batch{}, err
	}
	return h.batch(after, entries, count)
}
