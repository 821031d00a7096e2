package redisstore

import (
	"fmt"
	"math"
	"strings"
	"time"

	"github.com/sessiongate/sessiongate/store"
)

// answer is what a script returns of the head: names and values.
type answer struct {
	store.Head
	policy string // maxmemory_policy of INFO, if Redis reports it
}

// readHead reads the answer of a script, and adds what this store knows of the primary.
func (s *Store) readHead(doing string, reply any) (answer, error) {
	a, err := parseAnswer(reply)
	if err != nil {
		return answer{}, fmt.Errorf("%s: %w", doing, err)
	}
	a.Lag = s.lag()
	return a, nil
}

// parseAnswer reads an answer. Its errors wrap store.ErrUnreadable. It ignores unknown
// names. A newer version that adds a name which an older gate may not ignore changes
// the head's version.
func parseAnswer(reply any) (answer, error) {
	var a answer
	var p parser
	fields, ok := reply.([]any)
	if !ok || len(fields)%2 != 0 {
		p.fail("a %T", reply)
	}
	for i := 0; i+1 < len(fields); i += 2 {
		a.set(&p, text(fields[i]), text(fields[i+1]))
	}
	if a.Generation == 0 || a.State == 0 {
		p.fail("no generation or no state")
	}
	if p.err != nil {
		return answer{}, fmt.Errorf("reading head: %w", p.err)
	}
	return a, nil
}

// set adopts one field.
func (a *answer) set(p *parser, name, value string) {
	switch name {
	case "generation":
		a.Generation = p.generation(value)
	case "state":
		a.State = p.state(value)
	case "seq":
		a.Seq = p.number(value)
	case "tag":
		a.Tag = p.hex(value)
	case "lease":
		a.Lease = p.duration(value)
	case "retention":
		a.Retention = p.duration(value)
	case "longest":
		a.Longest = p.duration(value)
	case "swept":
		a.Swept = p.seconds(value)
	case "forgotten":
		a.Forgotten = p.seconds(value)
	case "floor":
		a.Floor = p.seconds(value)
	case "hold":
		a.Hold = p.seconds(value)
	case "lowered":
		a.Lowered = p.seconds(value)
	case "now":
		a.Now = p.seconds(value)
	case "answered":
		a.Count = p.number(value)
	case "gates":
		a.Live = int(min(p.number(value), math.MaxInt32))
	case "unlisted":
		a.Unlisted = p.number(value) > 0
	case "format":
		a.Format = p.number(value)
	case "least":
		a.Gates = p.gates(strings.Fields(value))
	case "gone":
		for _, id := range strings.Fields(value) {
			a.Gone = append(a.Gone, store.GateID(p.hex(id)))
		}
	case "turn":
		a.Turn = p.turn(value)
	case "policy":
		a.policy = value
	}
}

func (p *parser) state(word string) store.State {
	for _, state := range []store.State{store.StateRepair, store.StateOpen, store.StateSettled} {
		if word == state.String() {
			return state
		}
	}
	p.fail("state %q", word)
	return 0
}

// duration reads microseconds.
func (p *parser) duration(text string) time.Duration {
	n := p.number(text)
	if n > math.MaxInt64/uint64(time.Microsecond) {
		p.fail("%q microseconds", text)
		return 0
	}
	return time.Duration(n) * time.Microsecond
}

func (p *parser) seconds(text string) int64 {
	n := p.number(text)
	if n > math.MaxInt64 {
		p.fail("second %q", text)
		return 0
	}
	return int64(n)
}

// gates reads the ids of gates, and what each has applied. The furthest behind comes
// last.
func (p *parser) gates(words []string) (gates []store.Gate) {
	if len(words)%2 != 0 {
		p.fail("%d ids of gates and numbers", len(words))
		return nil
	}
	for i := len(words); i > 0; i -= 2 {
		gates = append(gates, store.Gate{ID: store.GateID(p.hex(words[i-2])), Applied: p.number(words[i-1])})
	}
	return gates
}

// turn reads which gate has the turn: the gate, 1 for a witness, the count.
func (p *parser) turn(value string) store.Turn {
	if value == "" {
		return store.Turn{}
	}
	words := strings.Split(value, " ")
	if len(words) != 3 || words[1] != "0" && words[1] != "1" {
		p.fail("turn %q", value)
		return store.Turn{}
	}
	return store.Turn{Gate: store.GateID(p.hex(words[0])), Witness: words[1] == "1", Count: p.number(words[2])}
}
