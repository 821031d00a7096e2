package fleet

import (
	"math"
	"strings"
	"testing"
	"time"

	"github.com/sessiongate/sessiongate/store/redisstore/redistest"
	"github.com/sessiongate/sessiongate/tests/answers"
	"github.com/sessiongate/sessiongate/tests/harness"
	"github.com/sessiongate/sessiongate/tests/operating"
)

// An operator can change the lease of a running fleet by one command at one gate.
func TestOperatorChangesTheLease(t *testing.T) {
	t.Parallel()
	gates := operating.Pair(t, harness.Redis(redistest.Address(t)))
	a, b := gates[0], gates[1]
	operating.Check(t, a, 0, []string{"The lease of the fleet is 2s.", "Write it into the configuration"}, "lease", "2s")
	harness.Eventually(t, 15*time.Second, "the other gate has the lease", func() bool { return operating.StateOf(t, b).LeaseSeconds == 2 })
	token := a.Token(harness.Session("laptop"))
	answers.Invalidated.Check(t, harness.End(t, a, token))
	answers.BadToken.Check(t, harness.Get(t, b, token))
	operating.Check(t, b, 0, []string{"The lease of the fleet is 1s.", "Until every lease of 2s has expired, a DELETE may wait as long as before."}, "lease", "1s")
	harness.Eventually(t, 15*time.Second, "the first gate has the lease", func() bool { return operating.StateOf(t, a).LeaseSeconds == 1 })
	for _, wrong := range []string{"soon", "3", "1ms", "6m", "0s", ""} {
		operating.Check(t, a, 2, []string{"HTTP 400", "from 200ms to 5m"}, "lease", wrong)
	}
	operating.Check(t, a, 2, []string{"accepts 1 arg"}, "lease")
	alone := harness.Start(t, harness.Config{})
	operating.Check(t, alone, 1, []string{"HTTP 409", "no other gate uses the store"}, "lease", "1s")
}

// With `bootstrap relogin`, no gate confirms the contents of a revocation log that looks
// new: users with older tokens log in again. An operator may revert that.
func TestOperatorSeesAndLowersTheFloor(t *testing.T) {
	t.Parallel()
	redis := redistest.Start(t)
	config := harness.Config{Store: harness.Redis(redis.Addr(), "relogin"), App: "lease 500ms\nleeway 0s\nbootstrap relogin", Unready: true}
	a := harness.Start(t, config)
	before, own := a.Token(harness.Session("before")), a.Token(harness.Session("own"))
	config.Key = a.Key
	b := harness.Start(t, config)
	harness.Eventually(t, 15*time.Second, "a login after the loss is admitted", func() bool { return harness.StatusOf(t, a, a.Token(harness.Session("login"))) == 200 })
	harness.Eventually(t, 15*time.Second, "at the other gate, too", func() bool { return harness.StatusOf(t, b, a.Token(harness.Session("login"))) == 200 })
	for _, g := range []*harness.Gate{a, b} {
		answers.BadToken.Check(t, harness.Get(t, g, before))
		operating.CheckHealth(t, g, 0, "The gate admits requests.", "the store lost revocations")
		operating.Check(t, g, 0, []string{"Tokens issued up to ", " are refused: the store lost revocations."}, "floor")
	}
	if printed, _ := operating.Feed(t, a, before+"\n", "check", "-"); !strings.Contains(printed, "it was issued before the store lost revocations") {
		t.Errorf("check prints\n%s", printed)
	}
	// The holder of such a token may still end the session.
	answers.Invalidated.Check(t, harness.End(t, a, own))

	operating.Check(t, a, 2, []string{"add --yes"}, "floor", "--lower")
	answers.BadToken.Check(t, harness.Get(t, a, before))
	operating.Check(t, a, 0, []string{"The floor is lowered."}, "floor", "--lower", "--yes")
	for _, g := range []*harness.Gate{a, b} {
		harness.Eventually(t, 10*time.Second, "the token passes again", func() bool { return harness.StatusOf(t, g, before) == 200 })
		answers.BadToken.Check(t, harness.Get(t, g, own))
		operating.Check(t, g, 0, []string{"There is no floor"}, "floor")
	}
	operating.Check(t, a, 1, []string{"HTTP 409", "there is none"}, "floor", "--lower", "--yes")

	// The floor stays lowered when the store loses its memory and the gates do not.
	redis.Do("FLUSHALL")
	harness.Eventually(t, 10*time.Second, "the log is open again", func() bool { return operating.StateOf(t, a).State != "repair" && harness.StatusOf(t, a, before) == 200 })
}

// Fault: the clock of Redis is an hour off. Logouts still work, and the operator is warned.
func TestTheStateShowsThatClocksDiffer(t *testing.T) {
	t.Parallel()
	for name, off := range map[string]time.Duration{"Redis is ahead": time.Hour, "Redis is behind": -time.Hour} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			redis := redistest.Start(t, redistest.Clock(off))
			g := harness.Start(t, harness.Config{Store: harness.Redis(redis.Addr(), "clocks"), App: "lease 500ms\nreadiness strict", Unready: true})
			token, other, live := g.Token(harness.Session("laptop")), g.Token(harness.Session("phone")), g.Token(harness.Session("live"))
			harness.Recovers(t, g, live)
			harness.See(t, g, other)
			answers.Invalidated.Check(t, harness.End(t, g, token))
			answers.InvalidatedID("phone").Check(t, harness.End(t, g, live, `{"session_id":"phone"}`))
			answers.BadToken.Check(t, harness.Get(t, g, token))
			answers.BadToken.Check(t, harness.Get(t, g, other))
			harness.CheckAdmitted(t, harness.Get(t, g, live))
			operating.CheckHealth(t, g, 0, "The gate admits requests.", " apart, so this gate keeps revocations for longer", "set both clocks by NTP")
			if got := operating.StateOf(t, g); (got.ClockOffsetSeconds > 0) != (off > 0) || math.Abs(got.ClockOffsetSeconds) < 3590 || !got.Skewed || got.Floor != 0 {
				t.Errorf("the state is %+v, want a store that is off by %v, and no floor", got, off)
			}
			if got := g.Probe("/readyz"); got != 503 {
				t.Errorf("/readyz is %d under readiness strict, want 503", got)
			}
			redis.SetClock(0)
			harness.Eventually(t, 10*time.Second, "the gate is ready", func() bool { return g.Probe("/readyz") == 200 })
			for _, ended := range []string{token, other} {
				answers.BadToken.Check(t, harness.Get(t, g, ended))
			}
			harness.CheckAdmitted(t, harness.Get(t, g, live))
		})
	}
}
