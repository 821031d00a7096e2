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
	// few is how much a pass may write for the next one to be the last: what the source
	// is paused for is then over soon.
	few = 1000
	// maxPasses is how many passes are made before the last one at the most.
	maxPasses = 5
	// writeRecords is how many sessions or tokens are written at once.
	writeRecords = 128
	// maxSkew is how far clocks may be apart.
	maxSkew = time.Minute
	// readyPoll is how often a store is asked whether it is ready.
	readyPoll = 100 * time.Millisecond
	// resumeTimeout bounds the call that resumes a source after a failure.
	resumeTimeout = 10 * time.Second
)

// Progress is what was done so far in a pass.
type Progress struct {
	Pass int
	// Last says that the source is paused.
	Last bool
	// Over says that the pass is.
	Over                          bool
	Revocations, Sessions, Tokens int // that were read
	Written                       int // of all three
}

// copier copies one store to another.
type copier struct {
	from, to Place
	report   func(Progress)

	log   store.Position // up to which the log was copied
	terms terms
	// written are the sessions and tokens that were written, as they were then.
	written map[[16]byte]struct{}
	Progress
}

// terms are what the expiry in the target is computed by.
type terms struct {
	// longer is by how much the target keeps revocations longer, and hold the second
	// before which the source forgets none.
	longer, hold int64
}

// Run copies what from holds to to, and leaves from paused: it takes nothing new, and
// checks requests. If Run fails, from is as it was before, unless the process is killed
// or from does not answer; making the copy again is safe then, too. Both are waited for
// until they are ready, with some patience.
func Run(ctx context.Context, from, to Place, patience time.Duration, report func(Progress)) (err error) {
	source, err := ready(ctx, from, patience)
	if err != nil {
		return fmt.Errorf("reading the source: %w", err)
	}
	target, err := ready(ctx, to, patience)
	if err != nil {
		return fmt.Errorf("reading the target: %w", err)
	}
	if source.Store == target.Store {
		return errors.New("the source and the target are the same store; name another one")
	}
	if apart := time.Duration(source.Now-target.Now) * time.Second; apart.Abs() > maxSkew {
		return fmt.Errorf("the clocks of the two are %v apart, so that revocations would be forgotten too early; set both by NTP", apart.Abs())
	}
	if target.Paused { // it was a source before
		if err := to.Pause(ctx, false); err != nil {
			return fmt.Errorf("having the target take revocations: %w", err)
		}
	}
	c := &copier{from: from, to: to, report: report, written: make(map[[16]byte]struct{})}
	for more := true; more; {
		if _, err := c.pass(ctx); err != nil {
			return err
		}
		more = c.Written > few && c.Pass < maxPasses
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

// finish makes the last pass, and makes sure that nothing is missing then.
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
	// A log that was begun anew gets back what its gates hold, after it was read.
	if !before.Paused || !after.Paused || after.Unready != "" || before.End != after.End || c.log.Seq != after.End.Seq || c.log.Generation != after.End.Generation {
		return errors.New("the log of the source has changed during the last pass: its store was restarted, or somebody resumed it; run the same command again")
	}
	target, err := c.to.State(ctx)
	switch {
	case err != nil:
		return fmt.Errorf("reading the target: %w", err)
	case target.Unready != "":
		return fmt.Errorf("reading the target: %s", target.Unready)
	case target.Bounds.Refused() < after.Bounds.Refused():
		return errors.New("the source refuses tokens from before a loss, which the target lets pass because an operator lowered its floor; " +
			"if they are to be refused, run caddy session-gate revoke --issuer-before at the source; if they are to pass, run caddy session-gate floor --lower --yes there; then copy again")
	}
	return nil
}

// ready returns the state of a place once it is ready. It gives up if nothing moves for
// some patience.
func ready(ctx context.Context, place Place, patience time.Duration) (State, error) {
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
		case time.Since(moved) > patience:
			return state, errors.New(state.Unready)
		}
		select {
		case <-ctx.Done():
			return state, ctx.Err()
		case <-time.After(readyPoll):
		}
	}
}

// pass copies what is new, and returns the state of the source as it was before.
func (c *copier) pass(ctx context.Context) (source State, err error) {
	c.Progress = Progress{Pass: c.Pass + 1, Last: c.Last}
	if source, err = ready(ctx, c.from, 0); err != nil {
		return source, fmt.Errorf("reading the source: %w", err)
	}
	target, err := ready(ctx, c.to, 0)
	if err != nil {
		return source, fmt.Errorf("reading the target: %w", err)
	}
	if err := c.agree(ctx, source, target); err != nil {
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

// agree has the target refuse what the source refuses without naming it.
//
// Attack: wait until the gates use a store that keeps revocations for longer, and take
// a token that lives as long, from before those that the former store still had. What
// the former forgot, the new one refuses; what it had is kept for longer.
func (c *copier) agree(ctx context.Context, source, target State) error {
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

// write writes what a page has and the target may lack.
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

// changed returns the records that were not written as they are.
func changed[R any](c *copier, records []R) (other []R) {
	for _, record := range records {
		sum := sha256.Sum256(fmt.Appendf(nil, "%#v", record))
		name := [16]byte(sum[:16])
		if _, known := c.written[name]; !known {
			c.written[name] = struct{}{}
			other = append(other, record)
			c.Written++
		}
	}
	return other
}
