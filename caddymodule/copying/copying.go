package copying

import (
	"context"
	"crypto/sha256"
	"errors"
	"fmt"
	"slices"
	"time"

	"github.com/sessiongate/sessiongate/store"
)

const (
	// fewRecords is the most that a pass may write if the next pass is to be the last. So
	// the source is paused for a short time only.
	fewRecords = 1000
	// maxPasses is the largest number of passes before the last one.
	maxPasses = 5
	// writeRecords is how many sessions or tokens one call writes.
	writeRecords = 128
	// maxSkew is how far the clocks of source and target may be apart.
	maxSkew = time.Minute
	// readyPoll is the pause between two questions whether a store is ready.
	readyPoll = 100 * time.Millisecond
	// resumeTimeout bounds the call that resumes the source after a failure.
	resumeTimeout = 10 * time.Second
)

// Progress is what a pass has done so far.
type Progress struct {
	Pass int // from 1
	// Last reports whether this is the last pass, so that the source is paused.
	Last bool
	// Over reports whether the pass is complete.
	Over bool
	// Revocations, Sessions and Tokens are how many records the pass has read. Written is
	// how many of all three it has written.
	Revocations, Sessions, Tokens int
	Written                       int
}

// copier copies one store to another.
type copier struct {
	from, to Place
	report   func(Progress)

	log   store.Position // the entries up to here are copied
	terms terms
	// written holds a hash of each session and token as it was written last.
	written map[[16]byte]struct{}
	Progress
}

// terms determine when a revocation expires in the target.
type terms struct {
	// longer is how many seconds longer than the source the target keeps revocations.
	// hold is the Unix second before which the source forgets none.
	longer, hold int64
}

// Run copies all that from holds to the place to, and leaves from paused: the gates of a
// paused store check requests, and accept nothing new. Run first waits until both places
// are ready. It gives up if a place makes no progress for timeout. It calls report from
// the same goroutine whenever the progress changes.
//
// If Run fails, it resumes from, unless from was paused before. It cannot resume from if
// the process is killed, or if from does not answer. In each case Run may be repeated.
func Run(ctx context.Context, from, to Place, timeout time.Duration, report func(Progress)) (err error) {
	source, err := ready(ctx, from, timeout)
	if err != nil {
		return fmt.Errorf("reading the source: %w", err)
	}
	target, err := ready(ctx, to, timeout)
	if err != nil {
		return fmt.Errorf("reading the target: %w", err)
	}
	if source.Store == target.Store {
		return errors.New("the source and the target are the same store; name another one")
	}
	if apart := time.Duration(source.Now-target.Now) * time.Second; apart.Abs() > maxSkew {
		return fmt.Errorf("the clocks of the source and the target are %v apart, so the target would forget revocations too early; set both by NTP", apart.Abs())
	}
	if target.Paused { // it was the source of an earlier copy
		if err := to.Pause(ctx, false); err != nil {
			return fmt.Errorf("resuming the target: %w", err)
		}
	}
	c := &copier{from: from, to: to, report: report, written: make(map[[16]byte]struct{})}
	for more := true; more; {
		if _, err := c.pass(ctx); err != nil {
			return err
		}
		more = c.Written > fewRecords && c.Pass < maxPasses
	}
	defer func() {
		if err == nil || source.Paused {
			return
		}
		ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), resumeTimeout)
		defer cancel()
		if resumed := from.Pause(ctx, false); resumed != nil {
			err = fmt.Errorf("%w; and the source still refuses logouts (%w): run caddy session-gate copy --resume", err, resumed)
		}
	}()
	if err := from.Pause(ctx, true); err != nil {
		return fmt.Errorf("pausing the source: %w", err)
	}
	return c.finish(ctx)
}

// finish makes the last pass. It fails if the copy may miss something after that.
func (c *copier) finish(ctx context.Context) error {
	c.Last = true
	before, err := c.pass(ctx)
	if err != nil {
		return err
	}
	after, err := c.from.State(ctx)
	if err != nil {
		return fmt.Errorf("reading the source: %w", err)
	}
	// After a new generation the gates of the source put back what they hold. The pass may
	// have read the revocation log before that.
	if !before.Paused || !after.Paused || after.Unready != "" || before.End != after.End || c.log.Seq != after.End.Seq || c.log.Generation != after.End.Generation {
		return errors.New("the revocation log of the source has changed during the last pass: its store was restarted, or somebody resumed it; run the same command again")
	}
	target, err := c.to.State(ctx)
	switch {
	case err != nil:
		return fmt.Errorf("reading the target: %w", err)
	case target.Unready != "":
		return fmt.Errorf("reading the target: %s", target.Unready)
	case target.Bounds.Refused() < after.Bounds.Refused():
		return errors.New("the source refuses tokens from before a loss, and the target accepts them, because an operator lowered its floor; " +
			"to refuse these tokens, run caddy session-gate revoke --issuer-before at the source; to accept them, run caddy session-gate floor --lower --yes there; then copy again")
	}
	return nil
}

// ready returns the state of a place once it is ready. It gives up if the place makes no
// progress for timeout.
func ready(ctx context.Context, place Place, timeout time.Duration) (State, error) {
	applied := uint64(0)
	for moved := time.Now(); ; {
		state, err := place.State(ctx)
		if state.Applied != applied {
			applied, moved = state.Applied, time.Now()
		}
		switch {
		case err != nil:
			return state, err
		case state.Unready == "":
			return state, nil
		case time.Since(moved) > timeout:
			return state, errors.New(state.Unready)
		}
		select {
		case <-ctx.Done():
			return state, ctx.Err()
		case <-time.After(readyPoll):
		}
	}
}

// pass copies what is new, and returns the state of the source from before the pass.
func (c *copier) pass(ctx context.Context) (source State, err error) {
	c.Progress = Progress{Pass: c.Pass + 1, Last: c.Last}
	if source, err = ready(ctx, c.from, 0); err != nil {
		return source, fmt.Errorf("reading the source: %w", err)
	}
	target, err := ready(ctx, c.to, 0)
	if err != nil {
		return source, fmt.Errorf("reading the target: %w", err)
	}
	if err := c.adoptBounds(ctx, source, target); err != nil {
		return source, fmt.Errorf("writing to the target: %w", err)
	}
	for cursor := (Cursor{Log: c.log}); !cursor.Over; {
		var page Page
		if page, cursor, err = c.from.Read(ctx, cursor); err != nil {
			return source, fmt.Errorf("reading the source: %w", err)
		}
		if err := c.write(ctx, page); err != nil {
			return source, fmt.Errorf("writing to the target: %w", err)
		}
		c.log = cursor.Log
		c.Over = cursor.Over
		c.report(c.Progress)
	}
	return source, nil
}

// adoptBounds makes the target refuse the tokens that the source refuses by their age: up
// to its floor, and those whose revocation it may have forgotten.
//
// Attack: wait until the gates use a store that keeps revocations for longer. Then use a
// long-lived token whose revocation the former store has forgotten already. The new store
// refuses all tokens of that age, and keeps for longer the revocations that are copied.
func (c *copier) adoptBounds(ctx context.Context, source, target State) error {
	now := terms{
		longer: int64(max(target.Retention-source.Retention, 0) / time.Second),
		hold:   source.Bounds.Hold,
	}
	if now != c.terms {
		c.terms, c.log = now, store.Position{}
	}
	want := store.Bounds{Floor: source.Bounds.Refused(), Forgotten: source.Bounds.Forgotten}
	if now.longer > 0 {
		want.Forgotten = max(want.Forgotten, source.Now-int64(source.Retention/time.Second))
	}
	if target.Bounds.Join(want) == target.Bounds {
		return nil
	}
	return c.to.Write(ctx, Page{Bounds: want})
}

// write writes the records of a page that the target may lack.
func (c *copier) write(ctx context.Context, page Page) error {
	for _, payload := range page.Revocations {
		revocations, err := store.UnmarshalRevocations(payload)
		if err != nil {
			return err
		}
		for i := range revocations {
			revocations[i].Expires = max(revocations[i].Expires, c.terms.hold) + c.terms.longer
		}
		if payload, err = store.MarshalRevocations(revocations); err != nil {
			return err
		}
		if err := c.to.Write(ctx, Page{Revocations: [][]byte{payload}}); err != nil {
			return err
		}
		c.Revocations += len(revocations)
		c.Written += len(revocations)
		c.report(c.Progress)
	}
	c.Sessions += len(page.Sessions)
	c.Tokens += len(page.Grants)
	for grants := range slices.Chunk(changed(c, page.Grants), writeRecords) {
		if err := c.to.Write(ctx, Page{Memory: store.Memory{Grants: grants}}); err != nil {
			return err
		}
	}
	for sessions := range slices.Chunk(changed(c, page.Sessions), writeRecords) {
		if err := c.to.Write(ctx, Page{Memory: store.Memory{Sessions: sessions}}); err != nil {
			return err
		}
	}
	return nil
}

// changed returns the records that this copier has not written yet, or not as they are
// now. It counts them as written.
func changed[R any](c *copier, records []R) (news []R) {
	for _, record := range records {
		sum := sha256.Sum256(fmt.Appendf(nil, "%#v", record))
		name := [16]byte(sum[:16])
		if _, known := c.written[name]; !known {
			c.written[name] = struct{}{}
			news = append(news, record)
			c.Written++
		}
	}
	return news
}
