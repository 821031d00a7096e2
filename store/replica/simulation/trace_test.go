package simulation

import (
	"fmt"
	"slices"
	"strings"
	"sync"
	"time"

	"github.com/sessiongate/sessiongate/store"
	"github.com/sessiongate/sessiongate/store/storetest/model"
)

// trace lists the events of a run, one per line. It is recorded only on request.
type trace struct {
	wanted bool
	start  time.Time

	mu    sync.Mutex
	lines []string
	names map[store.Generation]string // numbered in order of appearance
}

func newTrace(wanted bool) *trace {
	return &trace{wanted: wanted, start: time.Now(), names: make(map[store.Generation]string)}
}

// add records a line about a gate, or about the world if who is empty.
func (t *trace) add(who, format string, args ...any) {
	if !t.wanted {
		return
	}
	t.mu.Lock()
	defer t.mu.Unlock()
	line := fmt.Sprintf("%16.9f %-4s ", time.Since(t.start).Seconds(), who)
	t.lines = append(t.lines, line+fmt.Sprintf(format, args...))
}

// call records a call and its answer, except reads that found nothing.
func (t *trace) call(who string, call model.Call, reply any, err error) {
	batch, read := reply.(store.Batch)
	if t.wanted && (!read || len(batch.Entries) > 0) {
		t.add(who, "%s %s -> %s", call.Method, t.argument(call.Argument), t.reply(reply, err))
	}
}

// name returns a short name of a generation.
func (t *trace) name(g store.Generation) string {
	if g == 0 {
		return "-"
	}
	t.mu.Lock()
	defer t.mu.Unlock()
	if _, known := t.names[g]; !known {
		t.names[g] = fmt.Sprintf("G%d", len(t.names)+1)
	}
	return t.names[g]
}

// position formats a position.
func (t *trace) position(p store.Position) string {
	return fmt.Sprintf("%s/%d", t.name(p.Generation), p.Seq)
}

// argument formats the argument of a call.
func (t *trace) argument(argument any) string {
	switch a := argument.(type) {
	case nil:
		return ""
	case store.Heartbeat:
		return fmt.Sprintf("applied %s, settled %v, unlisted %v, silent %d", t.position(a.Applied), a.Settled, a.Unlisted, a.Silent)
	case store.Merge:
		then := [...]string{"keep", "release", "open"}[a.Then]
		return fmt.Sprintf("%s, %d revocations, witness %v, %s", t.name(a.Generation), len(a.Revocations), a.Witness, then)
	case []store.Revocation:
		return fmt.Sprintf("%d from %v", len(a), a[0].Key)
	case store.Position:
		return "after " + t.position(a)
	case store.GateID:
		return "" // it is random
	case time.Time:
		return a.UTC().Format(time.TimeOnly)
	default:
		return fmt.Sprint(a)
	}
}

// reply formats the reply to a call.
func (t *trace) reply(reply any, err error) string {
	if err != nil {
		return err.Error()
	}
	switch r := reply.(type) {
	case store.Head:
		return t.head(r)
	case store.Batch:
		return fmt.Sprintf("%d entries, head %s, born %d", len(r.Entries), t.position(r.Head), r.Born)
	default:
		return "done"
	}
}

func (t *trace) head(h store.Head) string {
	text := fmt.Sprintf("%s %v", t.position(h.Position), h.State)
	if h.Count > 0 {
		text += fmt.Sprintf(", count %d", h.Count)
	}
	text += fmt.Sprintf(", %d live, unlisted %v, %d gone", h.Live, h.Unlisted, len(h.Gone))
	for _, gate := range h.Gates {
		text += fmt.Sprintf(", live at %d", gate.Applied)
	}
	return text
}

// String returns the whole trace. Lines of one instant are sorted alphabetically: several
// goroutines of a gate may act then, and their order means nothing.
func (t *trace) String() string {
	t.mu.Lock()
	defer t.mu.Unlock()
	return strings.Join(slices.Sorted(slices.Values(t.lines)), "\n")
}
