package fleet

import (
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/sessiongate/sessiongate/store/redisstore/redistest"
	"github.com/sessiongate/sessiongate/tests/answers"
	"github.com/sessiongate/sessiongate/tests/harness"
	"github.com/sessiongate/sessiongate/tests/operating"
)

// Attack: an operator raises the lifetime of tokens, and the retention with it. A token
// that was too old before would be valid again, but its revocation was kept for the shorter
// retention only.
func TestARaisedRetentionRevivesNothing(t *testing.T) {
	t.Parallel()
	g := harness.Start(t, harness.Config{App: "max_token_lifetime 1h\nretention 1h\nleeway 1s"})
	aged := func(id string, age time.Duration) string {
		now := time.Now()
		return g.Token(harness.Session(id, "iat", now.Add(-age).Unix(), "exp", now.Add(10*time.Hour).Unix()))
	}
	old, young, revoked := aged("old", 2*time.Hour), aged("young", 30*time.Minute), aged("revoked", 30*time.Minute)
	for _, token := range []string{old, young} {
		answers.BadToken.Check(t, harness.Get(t, g, token)) // its lifetime is too long
	}
	raised := harness.Config{App: "max_token_lifetime 24h\nretention 24h\nleeway 1s"}
	harness.Load(t, g, raised)
	check := func(when string) {
		t.Helper()
		t.Log(when)
		answers.BadToken.Check(t, harness.Get(t, g, old))
		answers.BadToken.Check(t, harness.Get(t, g, revoked))
		harness.CheckAdmitted(t, harness.Get(t, g, young))
		harness.CheckAdmitted(t, harness.Get(t, g, g.Token(harness.Session("fresh"))))
	}
	answers.Invalidated.Check(t, harness.End(t, g, revoked))
	check("after the raise")
	g.Restart()
	check("after a restart")
}

// Fault: an upgrade to a longer default, or a first start, counts as a raise and logs users
// out.
func TestTheFirstRetentionRefusesNothing(t *testing.T) {
	t.Parallel()
	g := harness.Start(t, harness.Config{App: "max_token_lifetime 24h\nretention 24h"})
	now := time.Now()
	harness.See(t, g, g.Token(harness.Session("old", "iat", now.Add(-23*time.Hour).Unix(), "exp", now.Add(time.Minute).Unix())))
}

// Fault: an upgrade to the default of 30 days logs out users of a fleet that had a day
// before, or gates with a shorter retention go on to forget after a day.
//
// Attack: use a token whose revocation may have been forgotten after that day.
func TestAnUpgradeToTheDefaultRetention(t *testing.T) {
	t.Parallel()
	const day, month = "retention 24h", "max_token_lifetime 48h"
	now := time.Now()
	aged := func(id string, age time.Duration) map[string]any {
		return harness.Session(id, "iat", now.Add(-age).Unix(), "exp", now.Add(time.Hour-max(age-24*time.Hour, 0)).Unix())
	}
	live, revoked, old := aged("live", 23*time.Hour), aged("revoked", 23*time.Hour), aged("old", 24*time.Hour+time.Minute)
	check := func(t *testing.T, before, after *harness.Gate) {
		t.Helper()
		for _, g := range []*harness.Gate{before, after} {
			harness.CheckAdmitted(t, harness.Get(t, g, g.Token(live)))
			answers.BadToken.Check(t, harness.Get(t, g, g.Token(revoked)))
			answers.BadToken.Check(t, harness.Get(t, g, g.Token(old)))
		}
		if printed, _ := operating.Feed(t, after, after.Token(old)+"\n", "check", "-"); !strings.Contains(printed, "before the retention was raised") {
			t.Errorf("check prints\n%s", printed)
		}
	}
	t.Run("bolt", func(t *testing.T) {
		t.Parallel()
		g := harness.Start(t, harness.Config{App: day})
		harness.See(t, g, g.Token(live))
		answers.Invalidated.Check(t, harness.End(t, g, g.Token(revoked)))
		harness.Load(t, g, harness.Config{App: month})
		check(t, g, g)
		g.Restart()
		check(t, g, g)
	})
	t.Run("redis", func(t *testing.T) {
		t.Parallel()
		redis := redistest.Start(t)
		config := harness.Config{Store: harness.Redis(redis.Addr(), "month"), App: day}
		wantRetention := func(want time.Duration) {
			t.Helper()
			if got := redis.Do("HGET", "{session_gate:month}:head", "retention"); got != fmt.Sprint(want.Microseconds()) {
				t.Errorf("the fleet keeps revocations for %v µs, want %v", got, want)
			}
		}
		before := harness.Start(t, config)
		wantRetention(24 * time.Hour)
		harness.See(t, before, before.Token(live))
		answers.Invalidated.Check(t, harness.End(t, before, before.Token(revoked)))
		config.Key = before.Key
		config.App = month
		after := harness.Start(t, config)
		check(t, before, after)
		wantRetention(720 * time.Hour)
		// A gate of before goes on, alone: the longest counts.
		after.Stop()
		before.Restart()
		harness.CheckAdmitted(t, harness.Get(t, before, before.Token(live)))
		wantRetention(720 * time.Hour)
	})
}
