package store

import (
	"context"
	"fmt"
	"slices"
)

const (
	// MaxHistory is how many revocations one call of History returns, and the rest of the
	// entry that holds the last of them.
	MaxHistory = 1000
	// maxHistoryEntries is how many entries of the log one call of History reads. It reads
	// a page beyond that at most.
	maxHistoryEntries = 1 << 16
)

// Logged is a revocation, and the position right after the entry that holds it.
type Logged struct {
	Position Position
	Revocation
}

// HistoryPage is a part of what a log says about some keys.
type HistoryPage struct {
	// Found are the revocations that name one of the keys, in the order of the log.
	Found []Logged
	// Next is where the next call continues, unless Over reports that the log ends there.
	Next Position
	Over bool
}

// History reads what the log says about sessions, tokens, subjects or issuers: each
// revocation of one of the keys, with its Origin. It continues after a position; the zero
// Position is the beginning. It reads a bounded part of the log, all entries and not only
// those of the keys, so it is for people who ask, never for a request.
//
// A log forgets what has expired, and loses origins when gates restore it after a loss. So
// an empty history does not mean that a key is not revoked: only a replica decides that.
//
// It fails like Store.Read, and also with ErrGap for a position that is beyond the log.
func History(ctx context.Context, s Store, after Position, keys ...Key) (HistoryPage, error) {
	page := HistoryPage{Next: after}
	if err := mayRead(ctx, s, &page.Next); err != nil {
		return HistoryPage{}, fmt.Errorf("reading the history: %w", err)
	}
	for read := 0; read < maxHistoryEntries && len(page.Found) < MaxHistory; {
		batch, err := s.Read(ctx, page.Next, 0)
		if err != nil {
			return HistoryPage{}, fmt.Errorf("reading the history: %w", err)
		}
		for _, entry := range batch.Entries {
			for _, r := range entry.Revocations {
				if slices.Contains(keys, r.Key) {
					page.Found = append(page.Found, Logged{entry.Position, r})
				}
			}
			page.Next = entry.Position
			if len(page.Found) >= MaxHistory {
				break
			}
		}
		if len(batch.Entries) == 0 {
			page.Next = batch.Head
		}
		read += len(batch.Entries)
		if page.Over = page.Next.Seq >= batch.Head.Seq; page.Over {
			break
		}
	}
	return page, nil
}

// mayRead checks a position of an earlier call, before a shared store sees it.
//
// Attack: ask for the history after a made-up position. A fleet takes a gate that is ahead of
// its log for a proof that the log has gone back, and begins a new generation.
func mayRead(ctx context.Context, s Store, after *Position) error {
	fleet, shared := s.(Fleet)
	if !shared || *after == (Position{}) {
		return nil
	}
	head, err := fleet.Look(ctx)
	switch {
	case err != nil:
		return err
	case after.Generation != head.Generation:
		return ErrGeneration
	case after.Seq > head.Seq:
		return fmt.Errorf("after %d, the log ends at %d: %w", after.Seq, head.Seq, ErrGap)
	}
	after.Tag = 0 // not compared
	return nil
}
