package chaos

import (
	"fmt"
	"testing"
	"time"
)

const manySeeds, planned = 300, 20 * time.Second

// fleets are fleets without faults.
var fleets = map[string]*Fleet{
	"one Redis":               {clocks: clocks{true, "caddy"}},
	"a primary with replicas": {clocks: clocks{true, "caddy"}, watched: new(watched)},
}

func TestPlanIsThatOfItsSeed(t *testing.T) {
	faults := fleets["one Redis"].Faults()
	text := func(seed uint64) (all string) {
		for _, s := range Plan(seed, planned, 3, faults) {
			all += fmt.Sprintln(s, s.At, s.Until, s.Size)
		}
		return all
	}
	first, second, other := text(7), text(7), text(8)
	if first != second || first == other {
		t.Error("a seed does not give one plan")
	}
}

// Entries that are lost while no gate holds them are not promised. A plan that loses such
// entries would wrongly report a fault.
func TestPlanLeavesAGuardianAlone(t *testing.T) {
	faults := fleets["one Redis"].Faults()
	for seed := range uint64(manySeeds) {
		plan := Plan(seed, planned, 3, faults)
		for i, loss := range plan {
			if !loss.Fault.Loses {
				continue
			}
			for j, s := range plan {
				disturbs := s.Fault.Loses || s.Fault.On == OnRedis || s.Fault.On != OnRedisClock && s.Gate == loss.Gate ||
					s.Fault.Also == OnGateClock && s.Gate == loss.Gate
				if i != j && disturbs && s.At <= loss.Until && s.Until >= loss.At-calm {
					t.Errorf("seed %d: %v from %v to %v, and %v from %v to %v", seed, loss, loss.At, loss.Until, s, s.At, s.Until)
				}
			}
		}
	}
}

func TestPlanHasEveryFaultAndOverlaps(t *testing.T) {
	for name, fleet := range fleets {
		t.Run(name, func(t *testing.T) { hasEveryFault(t, fleet.Faults()) })
	}
}

func hasEveryFault(t *testing.T, faults []Fault) {
	seen, overlaps, steps := make(map[string]int), 0, 0
	for seed := range uint64(manySeeds) {
		plan := Plan(seed, planned, 3, faults)
		for i, s := range plan {
			if s.At < 0 || s.Until > planned || s.Until < s.At || s.Size < 0 || s.Size >= 1 {
				t.Errorf("seed %d: %+v", seed, s)
			}
			seen[fmt.Sprint(s.Fault.On, s.Fault.Name)]++
			if i > 0 && plan[i-1].Until > s.At {
				overlaps++
			}
		}
		steps += len(plan)
	}
	for _, fault := range faults {
		if n := seen[fmt.Sprint(fault.On, fault.Name)]; n < manySeeds/4 {
			t.Errorf("%q happens %d times in %d plans", fault.Name, n, manySeeds)
		}
	}
	if overlaps < steps/3 {
		t.Errorf("%d of %d faults overlap the one before", overlaps, steps)
	}
}
