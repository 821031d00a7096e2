package upgrade

import (
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/sessiongate/sessiongate/store/redisstore/redistest"
	"github.com/sessiongate/sessiongate/tests/answers"
	"github.com/sessiongate/sessiongate/tests/harness"
	"github.com/sessiongate/sessiongate/tests/operating"
)

// Fault: an operator moves from a file to the Redis of a fleet that is being upgraded. Its
// older gates would refuse everything for an entry that they cannot read, or the copy would
// lock out users who have logged in again. So nothing is copied until the upgrade is over.
func TestACopyIntoAFleetThatIsBeingUpgraded(t *testing.T) {
	t.Parallel()
	redis := harness.Redis(redistest.Start(t).Addr(), "default")
	f := newFleet(t, redis)
	f.after.Store = "store bolt"
	file := harness.Start(t, f.after)
	answers.Invalidated.Check(t, harness.End(t, file, login(file, "again", 60)))
	later(t)
	harness.See(t, file, login(file, "again", 0))
	caddyfile := filepath.Join(file.Dir(), "Caddyfile")
	text, err := os.ReadFile(caddyfile)
	if err == nil {
		err = os.WriteFile(caddyfile+".redis", []byte(strings.Replace(string(text), "store bolt", redis, 1)), 0o600)
	}
	if err != nil {
		t.Fatal(err)
	}
	move := func(code int, says string) {
		t.Helper()
		printed, got := operating.Run(t, file, "copy", "--from", "Caddyfile", "--to", "Caddyfile.redis")
		if got != code || !strings.Contains(printed, says) {
			t.Errorf("copy exits with %d, want %d and %q:\n%s", got, code, says, printed)
		}
	}
	old := harness.Start(t, f.before)
	live := old.Token(harness.Session("live"))
	move(1, "a gate of an older version may be live")
	harness.CheckAdmitted(t, harness.Get(t, old, live))
	answers.Invalidated.Check(t, harness.End(t, file, login(file, "one more", 1000)))

	old.Stop()
	move(0, "Done. ")
	f.after.Store = redis
	moved := harness.Start(t, f.after)
	later(t)
	for _, session := range []string{"again", "one more"} {
		checkEnded(t, []*harness.Gate{moved}, login(file, session, 60))
		harness.CheckAdmitted(t, harness.Get(t, moved, login(file, session, 0)))
	}
}
