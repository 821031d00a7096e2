package redisstore_test

import (
	"maps"
	"regexp"
	"slices"
	"strconv"
	"testing"
	"time"

	"github.com/sessiongate/sessiongate/store"
	"github.com/sessiongate/sessiongate/store/redisstore/redistest"
)

var (
	callsOf = regexp.MustCompile(`cmdstat_([a-z|]+):calls=(\d+)`)
	sentBy  = regexp.MustCompile(`total_net_output_bytes:(\d+)`)
)

// cost is what a server did for calls, independent of the machine.
type cost struct {
	commands int // including those within scripts
	bytes    int // sent
}

// costOf returns the cost of calls. The clock decides whether a heartbeat asks for the
// eviction policy, so INFO does not count.
func costOf(t *testing.T, server *redistest.Server, calls func()) (c cost) {
	t.Helper()
	server.Do("CONFIG", "RESETSTAT")
	calls()
	c.bytes, _ = strconv.Atoi(sentBy.FindStringSubmatch(server.Do("INFO", "stats").(string))[1])
	for _, match := range callsOf.FindAllStringSubmatch(server.Do("INFO", "commandstats").(string), -1) {
		if match[1] != "info" && match[1] != "config|resetstat" {
			n, _ := strconv.Atoi(match[2])
			c.commands += n
		}
	}
	return c
}

// listGates puts the gates 1 to gates on the list, with the log applied up to a position.
func listGates(t *testing.T, s store.Fleet, gates int, applied store.Position) {
	t.Helper()
	for gate := range store.GateID(gates) {
		mustBeat(t, s, gate+1, applied)
	}
}

// Attack or growth: a large fleet. The cost of a call for Redis must not grow with the
// number of gates. Otherwise the total cost grows with the square of the fleet.
func TestACallCostsTheSameHoweverManyGatesThereAre(t *testing.T) {
	server := redistest.Start(t)
	costs := map[string][2]cost{}
	for i, gates := range []int{2 * store.MaxGates, 600} {
		server.Do("FLUSHALL")
		s := openAt(t, server)
		position := mustAppend(t, s, "one")
		listGates(t, s, gates, position)
		calls := map[string]func() error{
			"Heartbeat": func() error {
				_, err := s.Heartbeat(t.Context(), store.Heartbeat{Gate: 1, Applied: position, Lease: 3 * time.Second})
				return err
			},
			"Look":    func() error { _, err := s.Look(t.Context()); return err },
			"Publish": func() error { _, err := s.Publish(t.Context(), revocation("x")); return err },
			"Merge": func() error {
				_, _, err := s.Merge(t.Context(), store.Merge{Gate: 1, Generation: position.Generation})
				return err
			},
			"Leave": func() error { return s.Leave(t.Context(), 2) },
		}
		// In a fixed order: after a publish, the store compares tags at a heartbeat.
		for _, name := range slices.Sorted(maps.Keys(calls)) {
			call := calls[name]
			if err := call(); err != nil { // the script is known after this call
				t.Fatalf("%s: %v", name, err)
			}
			both := costs[name]
			both[i] = costOf(t, server, func() {
				if err := call(); err != nil {
					t.Errorf("%s: %v", name, err)
				}
			})
			costs[name] = both
		}
	}
	for name, both := range costs {
		t.Logf("%s: %d commands and %d bytes", name, both[1].commands, both[1].bytes)
		few, many := both[0], both[1]
		if many.commands != few.commands || many.commands > 16 || many.bytes > few.bytes+40 || many.bytes > 1100 {
			t.Errorf("%s costs %+v in a fleet of a few gates, and %+v in one of many", name, few, many)
		}
	}
}

// In a fleet of 300 gates, a revocation costs one entry, a heartbeat of each gate, and a
// few looks. The number of gates does not change the cost of a look. Earlier it took Redis
// 60 ms, and each look listed all gates.
func TestARevocationCostsAHeartbeatOfEachGate(t *testing.T) {
	const gates, looks = 300, 10
	server := redistest.Start(t)
	s := openAt(t, server)
	position := mustAppend(t, s, "one")
	listGates(t, s, gates, position)
	mustLook(t, s)
	c := costOf(t, server, func() {
		head, err := s.Publish(t.Context(), revocation("x"))
		if err != nil {
			t.Fatal(err)
		}
		for range looks {
			mustLook(t, s)
		}
		listGates(t, s, gates, head.Position)
		if last := mustLook(t, s); last.Live != gates || last.Gates[0].Applied != head.Seq {
			t.Errorf("when every gate had it, a look saw %+v", last)
		}
	})
	t.Logf("%d commands and %d bytes", c.commands, c.bytes)
	if c.commands > (gates+looks+2)*14 || c.bytes > gates*450+(looks+2)*1100 {
		t.Errorf("a revocation costs %d commands and %d bytes", c.commands, c.bytes)
	}
}
