package fleet

import (
	"fmt"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/sessiongate/sessiongate/caddymodule/token/tokentest"
	"github.com/sessiongate/sessiongate/store"
	"github.com/sessiongate/sessiongate/store/redisstore"
	"github.com/sessiongate/sessiongate/store/redisstore/redistest"
	"github.com/sessiongate/sessiongate/tests/answers"
	"github.com/sessiongate/sessiongate/tests/harness"
	"github.com/sessiongate/sessiongate/tests/operating"
)

// accident is two gates on their own Redis. One of them is frozen while something happens
// to Redis.
type accident struct {
	redis  *redistest.Server
	config harness.Config
	a, b   *harness.Gate
}

func startAccident(t *testing.T, lease string) *accident {
	t.Helper()
	x := &accident{redis: redistest.Start(t)}
	x.config = harness.Config{Store: harness.Redis(x.redis.Addr(), "accident"), App: "lease " + lease, Key: harness.NewKey()}
	x.a, x.b = harness.Start(t, x.config), harness.Start(t, x.config)
	x.settles(t)
	return x
}

// settles waits until both gates are on a settled list, so that no call waits for a lease
// of an earlier generation.
func (x *accident) settles(t *testing.T) {
	t.Helper()
	harness.Eventually(t, 30*time.Second, "the log is settled, with two gates", func() bool {
		a, b := operating.StateOf(t, x.a), operating.StateOf(t, x.b)
		return a.State == "settled" && b.State == "settled" && a.Gates == 2 && b.Gates == 2
	})
}

// names returns the keys of the namespace with these last words.
func names(words ...string) []string {
	for i, word := range words {
		words[i] = "{session_gate:accident}:" + word
	}
	return words
}

// checkAnswersAfterFrozen ends a session at the first gate while the second is frozen, and
// calls happens. After the 200 the second must not admit the session.
func (x *accident) checkAnswersAfterFrozen(t *testing.T, happens func()) (took time.Duration) {
	t.Helper()
	token := x.a.Token(harness.Session("stolen"))
	harness.See(t, x.b, token)
	x.b.Signal(syscall.SIGSTOP)
	thawed := false
	t.Cleanup(func() {
		if !thawed {
			x.b.Signal(syscall.SIGCONT)
		}
	})
	happens()
	began := time.Now()
	answers.Invalidated.Check(t, harness.End(t, x.a, token))
	took = time.Since(began)
	x.b.Signal(syscall.SIGCONT)
	thawed = true
	if got := harness.Get(t, x.b, token); got.Status != 401 && got.Status != 503 {
		t.Errorf("the 200 came after %v, and the gate that was frozen answers %d", took, got.Status)
	}
	harness.Eventually(t, 20*time.Second, "it refuses", func() bool { return harness.Get(t, x.b, token).Status == 401 })
	return took
}

// Attack, or accident: the sorted sets that list the gates are deleted while a gate is
// frozen. A lost list must not count as an empty one.
func TestALostListOfGatesAnswersNobodyEarly(t *testing.T) {
	t.Parallel()
	for name, lost := range map[string][]string{"what they have applied": {"gates"}, "that, and their counts": {"gates", "beats"}} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			x := startAccident(t, "2s")
			live := x.a.Token(harness.Session("lives on"))
			harness.See(t, x.a, live)
			took := x.checkAnswersAfterFrozen(t, func() { x.redis.Do(append([]string{"DEL"}, names(lost...)...)...) })
			if took < time.Second {
				t.Errorf("answered after %v, and a lease is 2 s", took)
			}
			x.settles(t)
			for _, g := range []*harness.Gate{x.a, x.b} {
				harness.CheckAdmitted(t, harness.Get(t, g, live))
				if got := operating.StateOf(t, g).Floor; got != 0 {
					t.Errorf("the floor is %d, although nothing was lost", got)
				}
			}
		})
	}
}

// Attack: the lease is lowered, and Redis loses its memory, before every longer lease has
// expired. A gate with a longer lease is frozen: the answer must wait for it.
func TestALeaseThatIsLoweredAndLostIsWaitedFor(t *testing.T) {
	t.Parallel()
	x := startAccident(t, "2s")
	took := x.checkAnswersAfterFrozen(t, func() {
		operating.Check(t, x.a, 0, []string{"The lease of the fleet is 500ms."}, "lease", "500ms")
		harness.Eventually(t, 10*time.Second, "the gate has the lease", func() bool { return operating.StateOf(t, x.a).LeaseSeconds == 0.5 })
		x.redis.Do("FLUSHALL")
	})
	if took < 600*time.Millisecond {
		t.Errorf("answered after %v, and the frozen gate had a lease of 2 s", took)
	}
}

// Attack: Redis loses its last two entries, as when its machine is restored from a
// snapshot. Three other entries are appended before any gate has looked. A session that was
// revoked with a 200 must stay revoked, at gates that held the revocation and at a gate
// that starts later.
func TestARollbackByTwoEntriesRevivesNothing(t *testing.T) {
	t.Parallel()
	x := startAccident(t, "1s")
	live := x.a.Token(harness.Session("lives on"))
	harness.See(t, x.a, live)
	answers.Invalidated.Check(t, harness.End(t, x.a, x.a.Token(harness.Session("before"))))
	keys := names("head", "log", "gates", "beats")
	restore := []string{"EVAL", `for i, key in ipairs(KEYS) do redis.call('RESTORE', key, 0, ARGV[i], 'REPLACE') end`, fmt.Sprint(len(keys))}
	restore = append(restore, keys...)
	x.settles(t)
	kept := x.redis.Do("EVAL", `local kept = {} for i, key in ipairs(KEYS) do kept[i] = redis.call('DUMP', key) end return kept`,
		"4", keys[0], keys[1], keys[2], keys[3]).([]any)
	for _, value := range kept {
		restore = append(restore, value.(string))
	}
	lost := []string{x.a.Token(harness.Session("lost 1")), x.a.Token(harness.Session("lost 2"))}
	harness.See(t, x.b, lost...)
	for _, token := range lost {
		answers.Invalidated.Check(t, harness.End(t, x.a, token))
	}
	before := operating.StateOf(t, x.a).Generation

	other, err := redisstore.Open(redisstore.Options{Addresses: []string{x.redis.Addr()}, Namespace: "accident"})
	if err != nil {
		t.Fatal(err)
	}
	defer other.Close()
	x.redis.Do(restore...)
	var next []string
	for i := range 3 {
		id := fmt.Sprint("next ", i)
		next = append(next, x.a.Token(harness.Session(id)))
		key := store.NewKey("accident", store.KindSession, tokentest.Issuer, id)
		revoked := store.Revocation{Kind: store.KindSession, Key: key, Expires: time.Now().Add(time.Hour).Unix()}
		if _, err := other.Append(t.Context(), revoked); err != nil {
			t.Fatal(err)
		}
	}
	harness.Eventually(t, 15*time.Second, "the gates have another generation", func() bool {
		a, b := operating.StateOf(t, x.a), operating.StateOf(t, x.b)
		return a.Generation != before && a.Generation == b.Generation && a.State != "repair" && b.State != "repair" && !a.Fenced && !b.Fenced
	})
	late := harness.Start(t, x.config)
	for _, g := range []*harness.Gate{x.a, x.b, late} {
		harness.Eventually(t, 15*time.Second, "a gate answers by what it holds", func() bool { return harness.StatusOf(t, g, live) != 503 })
		harness.CheckAdmitted(t, harness.Get(t, g, live))
		for _, token := range append(lost, next...) {
			answers.BadToken.Check(t, harness.Get(t, g, token))
		}
		if got := operating.StateOf(t, g).Floor; got != 0 {
			t.Errorf("the floor is %d, although gates held everything", got)
		}
	}
}

// Attack: use a stolen token while Redis is unreachable, at a gate that was configured to
// allow that for an hour, after the operator has withdrawn that setting.
func TestDenyDuringAnOutageCountsAtOnce(t *testing.T) {
	t.Parallel()
	redis := redistest.Start(t)
	config := harness.Config{Store: harness.Redis(redis.Addr(), "outage"), App: "lease 500ms\non_store_failure allow 1h"}
	g := harness.Start(t, config)
	token := g.Token(harness.Session("laptop"))
	harness.See(t, g, token)
	redis.Freeze()
	harness.Eventually(t, 15*time.Second, "two leases are over", func() bool { return operating.StateOf(t, g).LeaseAgeSeconds > 1 })
	harness.CheckAdmitted(t, harness.Get(t, g, token))
	denying := config
	denying.App = strings.Replace(config.App, "allow 1h", "deny", 1)
	harness.Load(t, g, denying)
	for range 10 {
		answers.Unavailable.Check(t, harness.Get(t, g, token))
	}
	harness.Load(t, g, config)
	harness.CheckAdmitted(t, harness.Get(t, g, token)) // the operator allows it again
	harness.Load(t, g, denying)
	redis.Thaw()
	harness.Recovers(t, g, token)
}
