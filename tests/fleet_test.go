package tests

import (
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/sessiongate/sessiongate/store/redisstore/redistest"
	"github.com/sessiongate/sessiongate/tests/harness"
)

// propagation bounds how long the fleet may take to know what one gate knows.
const propagation = time.Second

func TestSessionIsKnownToItsGateAtOnceAndToTheFleetWithinASecond(t *testing.T) {
	store := harness.Redis(redistest.Address(t))
	a := harness.Start(t, harness.Config{Store: store})
	b := harness.Start(t, harness.Config{Store: store, Key: a.Key})
	laptop, phone, tablet := a.Token(session("laptop")), a.Token(session("phone")), a.Token(session("tablet"))
	see(t, a, phone)
	invalidatedID("phone").check(t, end(t, a, laptop, `{"session_id":"phone"}`))

	see(t, a, tablet)
	admitted := time.Now()
	harness.Eventually(t, propagation, "the other gate knows whose the session is", func() bool {
		return end(t, b, laptop, `{"session_id":"tablet"}`).Status == 200
	})
	t.Logf("known to the other gate after %v", time.Since(admitted).Round(time.Millisecond))
	harness.Eventually(t, propagation, "the first gate refuses the session", func() bool {
		return get(t, a, tablet).Status == 401
	})
}

// Attack: a gate with `acknowledge lease` is frozen, and somebody logs out at another that
// goes by the list of gates. The 200 must not come before the frozen gate's lease is over.
func TestAFleetWithGatesThatAcknowledgeByTheLease(t *testing.T) {
	store := harness.Redis(redistest.Address(t))
	a := harness.Start(t, harness.Config{Store: store})
	b := harness.Start(t, harness.Config{Store: store, Key: a.Key, App: "acknowledge lease"})
	token := a.Token(session("laptop"))
	see(t, b, token)
	harness.Eventually(t, propagation, "health tells of the gate that is not counted", func() bool {
		printed, _ := operate(t, a, "health")
		return strings.Contains(printed, "and others that are not counted (acknowledge lease)")
	})
	b.Signal(syscall.SIGSTOP)
	t.Cleanup(func() { b.Signal(syscall.SIGCONT) })
	began := time.Now()
	invalidated.check(t, end(t, a, token))
	if took := time.Since(began); took < time.Second {
		t.Errorf("answered after %v, and a lease is a second", took)
	}
	b.Signal(syscall.SIGCONT)
	if got := get(t, b, token); got.Status != 401 && got.Status != 503 {
		t.Errorf("the gate that was frozen answers %d", got.Status)
	}
	harness.Eventually(t, 10*time.Second, "it refuses", func() bool { return get(t, b, token).Status == 401 })
	// Such a gate takes a lease itself, and both refuse then.
	token = a.Token(session("phone"))
	see(t, a, token)
	checkOperates(t, b, 0, []string{"It holds at every gate after ", "A lease had to pass, ", "(acknowledge lease)"}, "revoke", "--session", "phone")
	badToken.check(t, get(t, a, token))
	badToken.check(t, get(t, b, token))
}

// Attack: take a fleet down with another that shares its Redis, or end sessions
// of its users.
func TestNamespacesDoNotTouch(t *testing.T) {
	address, one := redistest.Address(t)
	a := harness.Start(t, harness.Config{Store: harness.Redis(address, one)})
	b := harness.Start(t, harness.Config{Store: harness.Redis(address, one+"-other"), Key: a.Key})
	token := a.Token(session("laptop"))
	see(t, a, token)
	see(t, b, token)
	invalidated.check(t, end(t, a, token))
	badToken.check(t, get(t, a, token))
	checkAdmitted(t, get(t, b, token))
	noSession.check(t, end(t, b, b.Token(session("phone")), `{"session_id":"seen at a only"}`))
}
