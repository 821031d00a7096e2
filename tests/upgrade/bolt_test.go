package upgrade

import (
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/sessiongate/sessiongate/tests/answers"
	"github.com/sessiongate/sessiongate/tests/harness"
)

// Fault: an upgrade forgets what the older version has revoked. Attack: go back to the older
// version, and use a token that this version has revoked.
func TestABoltFileIsUpgradedAndNotTakenBack(t *testing.T) {
	t.Parallel()
	f := newFleet(t, "store bolt "+filepath.Join(t.TempDir(), "revocations.db"))
	old := harness.Start(t, f.before)
	revoked, live := old.Token(harness.Session("revoked")), old.Token(harness.Session("live"))
	harness.See(t, old, revoked, live)
	answers.Invalidated.Check(t, harness.End(t, old, revoked))
	old.Stop()

	g := harness.Start(t, f.after)
	checkEnded(t, []*harness.Gate{g}, revoked)
	answers.InvalidatedID("live").Check(t, harness.End(t, g, g.Token(harness.Session("other")), `{"session_id":"live"}`))
	checkEnded(t, []*harness.Gate{g}, live)
	answers.Invalidated.Check(t, harness.End(t, g, login(g, "again", 60)))
	later(t)
	harness.CheckAdmitted(t, harness.Get(t, g, login(g, "again", 0)))
	g.Stop()

	f.before.Unready = true
	back := harness.Start(t, f.before)
	harness.Eventually(t, 10*time.Second, "it says what is wrong", func() bool {
		return strings.Contains(back.Logs(), "this gate cannot read an entry of the revocation log, and does not skip it; upgrade this gate")
	})
	for _, token := range []string{live, back.Token(harness.Session("new"))} {
		answers.Unavailable.Check(t, harness.Get(t, back, token))
	}
}
