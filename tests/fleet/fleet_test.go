package fleet

import (
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/sessiongate/sessiongate/store/redisstore/redistest"
	"github.com/sessiongate/sessiongate/tests/answers"
	"github.com/sessiongate/sessiongate/tests/harness"
	"github.com/sessiongate/sessiongate/tests/operating"
)

func TestSessionIsKnownToItsGateAtOnceAndToTheFleetWithinASecond(t *testing.T) {
	t.Parallel()
	store := harness.Redis(redistest.Address(t))
	a := harness.Start(t, harness.Config{Store: store})
	b := harness.Start(t, harness.Config{Store: store, Key: a.Key})
	laptop, phone, tablet := a.Token(harness.Session("laptop")), a.Token(harness.Session("phone")), a.Token(harness.Session("tablet"))
	harness.See(t, a, phone)
	answers.InvalidatedID("phone").Check(t, harness.End(t, a, laptop, `{"session_id":"phone"}`))

	harness.See(t, a, tablet)
	admitted := time.Now()
	harness.Eventually(t, harness.Propagation, "the other gate knows whose the session is", func() bool {
		return harness.End(t, b, laptop, `{"session_id":"tablet"}`).Status == 200
	})
	t.Logf("known to the other gate after %v", time.Since(admitted).Round(time.Millisecond))
	harness.Eventually(t, harness.Propagation, "the first gate refuses the session", func() bool {
		return harness.Get(t, a, tablet).Status == 401
	})
}

// Attack: a gate with `acknowledge lease` is frozen, and somebody logs out at another gate,
// which uses the list of gates. The 200 must not come before the frozen gate's lease has
// expired.
func TestAFleetWithGatesThatAcknowledgeByTheLease(t *testing.T) {
	t.Parallel()
	store := harness.Redis(redistest.Address(t))
	a := harness.Start(t, harness.Config{Store: store})
	b := harness.Start(t, harness.Config{Store: store, Key: a.Key, App: "acknowledge lease"})
	token := a.Token(harness.Session("laptop"))
	harness.See(t, b, token)
	harness.Eventually(t, harness.Propagation, "health tells of the gate that is not counted", func() bool {
		printed, _ := operating.Operate(t, a, "health")
		return strings.Contains(printed, "and others that are not counted (acknowledge lease)")
	})
	b.Signal(syscall.SIGSTOP)
	t.Cleanup(func() { b.Signal(syscall.SIGCONT) })
	began := time.Now()
	answers.Invalidated.Check(t, harness.End(t, a, token))
	if took := time.Since(began); took < time.Second {
		t.Errorf("answered after %v, and a lease is a second", took)
	}
	b.Signal(syscall.SIGCONT)
	if got := harness.Get(t, b, token); got.Status != 401 && got.Status != 503 {
		t.Errorf("the gate that was frozen answers %d", got.Status)
	}
	harness.Eventually(t, 10*time.Second, "it refuses", func() bool { return harness.Get(t, b, token).Status == 401 })
	// A DELETE at such a gate takes a lease itself. After it both refuse the session.
	token = a.Token(harness.Session("phone"))
	harness.See(t, a, token)
	operating.Check(t, b, 0, []string{"It holds at every gate after ", "A lease had to pass, ", "(acknowledge lease)"}, "revoke", "--session", "phone")
	answers.BadToken.Check(t, harness.Get(t, a, token))
	answers.BadToken.Check(t, harness.Get(t, b, token))
}

// Attack: damage a fleet from another one that shares its Redis, or end sessions of its
// users.
func TestNamespacesDoNotTouch(t *testing.T) {
	t.Parallel()
	address, one := redistest.Address(t)
	a := harness.Start(t, harness.Config{Store: harness.Redis(address, one)})
	b := harness.Start(t, harness.Config{Store: harness.Redis(address, one+"-other"), Key: a.Key})
	token := a.Token(harness.Session("laptop"))
	harness.See(t, a, token)
	harness.See(t, b, token)
	answers.Invalidated.Check(t, harness.End(t, a, token))
	answers.BadToken.Check(t, harness.Get(t, a, token))
	harness.CheckAdmitted(t, harness.Get(t, b, token))
	answers.NoSession.Check(t, harness.End(t, b, b.Token(harness.Session("phone")), `{"session_id":"seen at a only"}`))
}
