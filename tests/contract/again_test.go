package contract

import (
	"fmt"
	"testing"
	"time"

	"github.com/sessiongate/sessiongate/store/redisstore/redistest"
	"github.com/sessiongate/sessiongate/tests/answers"
	"github.com/sessiongate/sessiongate/tests/harness"
	"github.com/sessiongate/sessiongate/tests/operating"
)

// Attack: log one session out again and again, at each gate, to fill the fleet's revocation
// log. A repeat adds nothing until a 64th of the retention has passed.
func TestRepeatedLogoutsDoNotFillTheRevocationLog(t *testing.T) {
	redis := redistest.Start(t)
	store := harness.Redis(redis.Addr(), "again")
	a := harness.Start(t, harness.Config{Store: store})
	b := harness.Start(t, harness.Config{Store: store, Key: a.Key})
	own, caller := a.Token(harness.Session("own")), a.Token(harness.Session("caller"))
	harness.See(t, b, caller, a.Token(harness.Session("other")))
	answers.Invalidated.Check(t, harness.End(t, a, own))
	answers.InvalidatedID("other").Check(t, harness.End(t, b, caller, `{"session_id":"other"}`))
	const repeats = 500
	began := time.Now()
	for range repeats {
		for _, g := range []*harness.Gate{a, b} {
			answers.NoSession.Check(t, harness.End(t, g, own))
		}
		answers.NoSession.Check(t, harness.End(t, b, caller, `{"session_id":"other"}`))
	}
	t.Logf("%d repeats took %v", 3*repeats, time.Since(began))
	if entries, ok := redis.Do("XLEN", "{session_gate:again}:log").(int64); !ok || entries > 4 {
		t.Errorf("%d repeats of two logouts are %v entries, want no more than two each", 3*repeats, entries)
	}
}

// Attack: cut a gate off its store, and make it confirm a repeated logout from memory,
// while another gate admits the session. The repeat must ask the fleet.
func TestARepeatedLogoutIsNotConfirmedWithoutTheStore(t *testing.T) {
	t.Parallel()
	redis := redistest.Start(t)
	g := harness.Start(t, harness.Config{Store: harness.Redis(redis.Addr(), "again")})
	token := g.Token(harness.Session("laptop"))
	harness.See(t, g, token)
	answers.Invalidated.Check(t, harness.End(t, g, token))
	redis.Freeze()
	for range 3 { // a lease may expire meanwhile
		if got := harness.End(t, g, token); got.Status != 503 || got.Header.Get("Retry-After") != "1" {
			t.Errorf("a repeat is answered %d %s, want 503", got.Status, got.Body)
		}
		if got := harness.Get(t, g, token); got.Status != 401 && got.Status != 503 {
			t.Errorf("the token is answered %d, want 401 or 503", got.Status)
		}
	}
	redis.Thaw()
	harness.Eventually(t, 15*time.Second, "the repeat is confirmed", func() bool { return harness.End(t, g, token).Status == 404 })
	answers.BadToken.Check(t, harness.Get(t, g, token))
}

// A repeated revocation by an operator has its own receipt, which names the gates that have
// it.
func TestTheReceiptOfARepeatNamesTheGates(t *testing.T) {
	t.Parallel()
	redis := redistest.Start(t)
	gates := operating.Pair(t, harness.Redis(redis.Addr(), "again"))
	for i, g := range []*harness.Gate{gates[0], gates[0], gates[1]} {
		asked, others, _ := operating.ReceiptGates(t, g, "stolen")
		if len(others) != 1 || others[asked] != "" {
			t.Errorf("receipt %d is of %s and names %v, want the other gate", i, asked, others)
		}
		for id, outcome := range others {
			if outcome != "applied" {
				t.Errorf("receipt %d says that %s is %q, want that it has it", i, id, outcome)
			}
		}
	}
	if entries := redis.Do("XLEN", "{session_gate:again}:log"); fmt.Sprint(entries) != "1" && fmt.Sprint(entries) != "2" {
		t.Errorf("three revocations of one session are %v entries, want one, or two if an expiry moved", entries)
	}
}
