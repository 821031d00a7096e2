package redisstore

import (
	"errors"
	"reflect"
	"testing"
	"time"

	"github.com/sessiongate/sessiongate/store"
)

// wholeHead returns a head as scripts return it, with one field changed or added.
func wholeHead(name, value string) []any {
	fields := []string{
		"generation", hex64(0xff), "state", "repair", "seq", "7", "lease", "1500000", "longest", "2500000", "retention", "3600000000",
		"swept", "3", "forgotten", "4", "floor", "1800000000", "hold", "5", "lowered", "6", "gates", "40", "unlisted", "9", "turn", hex64(2) + " 1 8",
		"least", hex64(3) + " 6 " + hex64(1) + " 5", "gone", hex64(4) + " " + hex64(5),
	}
	var reply []any
	found := false
	for i := 0; i < len(fields); i += 2 {
		if fields[i] == name {
			fields[i+1], found = value, true
		}
		reply = append(reply, fields[i], fields[i+1])
	}
	if !found && name != "" {
		reply = append(reply, name, value)
	}
	return reply
}

func TestParseAnswer(t *testing.T) {
	want := store.Head{
		Position: store.Position{Generation: 0xff, Seq: 7}, State: store.StateRepair,
		Lease: 1500 * time.Millisecond, Longest: 2500 * time.Millisecond, Retention: time.Hour,
		Bounds: store.Bounds{Swept: 3, Forgotten: 4, Floor: 1_800_000_000, Hold: 5, Lowered: 6},
		Live:   40, Unlisted: true, Gates: []store.Gate{{ID: 1, Applied: 5}, {ID: 3, Applied: 6}},
		Gone: []store.GateID{4, 5},
		Turn: store.Turn{Gate: 2, Witness: true, Count: 8},
	}
	for name, reply := range map[string][]any{
		"as it is":               wholeHead("", ""),
		"a field of a later one": wholeHead("colour", "red"),
	} {
		if got, err := parseAnswer(reply); err != nil || !reflect.DeepEqual(got.Head, want) {
			t.Errorf("%s: parsed %+v, %v; want %+v", name, got, err, want)
		}
	}
	beat, err := parseAnswer([]any{"generation", hex64(0xff), "state", "settled", "seq", "7", "answered", "12", "policy", "noeviction"})
	if err != nil || beat.Count != 12 || beat.State != store.StateSettled || beat.policy != "noeviction" {
		t.Errorf("the answer to a heartbeat parsed as %+v, %v", beat, err)
	}
}

// Attack: someone with write access to the head makes a gate accept a state, a lease or a
// list of gates that no gate wrote.
func TestParseAnswerRefuses(t *testing.T) {
	replies := map[string]any{
		"nothing":               nil,
		"a number":              int64(1),
		"no fields":             []any{},
		"a name without value":  []any{"generation"},
		"no state":              []any{"generation", hex64(1), "seq", "1"},
		"no generation":         []any{"state", "open", "seq", "1"},
		"a value that is none":  append(wholeHead("", ""), "seq", nil),
		"a number for a text":   append(wholeHead("", ""), "state", int64(2)),
		"a gate of a short id":  wholeHead("least", "1 6"),
		"a gate that is none":   wholeHead("least", hex64(3)+" alive"),
		"a gate without number": wholeHead("least", hex64(3)),
		"a gate of negative":    wholeHead("least", hex64(3)+" -inf"),
		"a half of a gate gone": wholeHead("gone", "ff"),
		"so many gates":         wholeHead("gates", "many"),
		"unlisted since never":  wholeHead("unlisted", "-1"),
		"a turn of two words":   wholeHead("turn", hex64(2)+" 1"),
		"a turn of other words": wholeHead("turn", hex64(2)+" yes 8"),
		"a turn of nobody":      wholeHead("turn", "somebody 1 8"),
	}
	for name, values := range map[string][]string{
		"generation": {"", hex64(0), "ff", "x"},
		"state":      {"", "closed", "Open", "3"},
		"seq":        {"", "-1", "1.5", "many", "18446744073709551616"},
		"lease":      {"", "-1", "soon", "18446744073709551615", "9223372036854776"},
		"retention":  {"-1"},
		"longest":    {"x"},
		"floor":      {"18446744073709551615", "-1"},
	} {
		for _, value := range values {
			replies[name+" of "+value] = wholeHead(name, value)
		}
	}
	for name, reply := range replies {
		if got, err := parseAnswer(reply); !errors.Is(err, store.ErrUnreadable) {
			t.Errorf("%s: parsed %+v, %v; want ErrUnreadable", name, got, err)
		}
	}
}
