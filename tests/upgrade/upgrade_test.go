package upgrade

import (
	"strings"
	"testing"
	"time"

	"github.com/sessiongate/sessiongate/caddymodule/token/tokentest"
	"github.com/sessiongate/sessiongate/store"
	"github.com/sessiongate/sessiongate/store/redisstore/redistest"
	"github.com/sessiongate/sessiongate/tests/answers"
	"github.com/sessiongate/sessiongate/tests/harness"
)

const (
	namespace = "upgrade"
	sessions  = "/v1/auth/sessions"
)

// fleet is a fleet that is being upgraded: gates of both versions on one Redis.
type fleet struct {
	redis         *redistest.Server
	before, after harness.Config
	logouts       int64 // of awaitInstants
}

// newFleet returns a fleet without gates, on a store.
func newFleet(t *testing.T, on string) *fleet {
	t.Helper()
	f := &fleet{before: harness.Config{
		Binary: older, Store: on, Key: harness.NewKey(), Upstream: harness.NewUpstream(t), Gate: "sessions_endpoint " + sessions,
	}}
	f.after = f.before
	f.after.Binary = ""
	f.after.Issuers = harness.IssuerWith("reauthentication admit")
	return f
}

// start returns a fleet of one gate of the older version and two of this one.
func start(t *testing.T) (f *fleet, old *harness.Gate, gates []*harness.Gate) {
	t.Helper()
	redis := redistest.Start(t)
	f = newFleet(t, harness.Redis(redis.Addr(), namespace))
	f.redis = redis
	old = harness.Start(t, f.before)
	for range 2 {
		gates = append(gates, harness.Start(t, f.after))
	}
	return f, old, gates
}

// format returns the newest format of entries that all gates of the fleet understand.
func (f *fleet) format() any {
	return f.redis.Do("HGET", "{session_gate:"+namespace+"}:head", "format")
}

// checkEnded fails the test unless each gate refuses a token right now.
func checkEnded(t *testing.T, gates []*harness.Gate, token string) {
	t.Helper()
	for _, g := range gates {
		answers.BadToken.Check(t, harness.Get(t, g, token))
	}
}

// Fault: a rolling upgrade. Attack: use a token at a gate of the one version right after a
// 200 of a gate of the other one.
func TestAFleetOfTwoVersionsRevokes(t *testing.T) {
	t.Parallel()
	_, old, gates := start(t)
	all := append(gates, old)
	a := gates[0]
	for _, pair := range []struct {
		name     string
		at, seen *harness.Gate
	}{{"at the older version", old, a}, {"at this version", a, old}} {
		t.Log(pair.name)
		laptop, phone := a.Token(harness.Session("laptop"+pair.name)), a.Token(harness.Session("phone"+pair.name))
		tablet := a.Token(harness.Session("tablet"+pair.name, "sub", pair.name))
		harness.See(t, pair.seen, laptop, phone, tablet)
		harness.Eventually(t, harness.Propagation, "the sessions are known to the other version", func() bool {
			return harness.End(t, pair.at, laptop, `{"session_id":"phone`+pair.name+`"}`).Status == 200
		})
		checkEnded(t, all, phone)
		answers.Invalidated.Check(t, harness.End(t, pair.at, laptop))
		checkEnded(t, all, laptop)
		if got := pair.at.Send(t, "DELETE", sessions, harness.Bearer(tablet)); got.Status != 200 {
			t.Errorf("DELETE of all sessions is answered %d %s", got.Status, got.Body)
		}
		checkEnded(t, all, tablet)

		// The token names no session but, for this version, its login.
		bare := a.Token(map[string]any{"sid": nil, "jti": pair.name, "auth_time": time.Now().Unix(), "sub": "bob"})
		harness.See(t, pair.seen, bare)
		answers.Invalidated.Check(t, harness.End(t, pair.at, bare))
		checkEnded(t, all, bare)
	}
}

// Attack: list the sessions at a gate of the older version, and end a login there by its
// id. That gate would take the id for one of a session claim.
func TestAnOlderGateEndsNoLogin(t *testing.T) {
	t.Parallel()
	_, old, gates := start(t)
	a := gates[0]
	authTime := time.Now().Unix()
	id := store.LoginID(store.NewLoginKey(namespace, tokentest.Issuer, "alice", authTime))
	bare, laptop := a.Token(map[string]any{"sid": nil, "auth_time": authTime}), a.Token(harness.Session("laptop"))
	harness.See(t, a, bare, laptop, a.Token(harness.Session("phone")))
	harness.Eventually(t, harness.Propagation, "the older gate lists what was seen after the login", func() bool {
		return strings.Contains(old.Send(t, "GET", sessions, harness.Bearer(laptop)).Body, `"phone"`)
	})
	answers.NoSession.Check(t, harness.End(t, old, laptop, `{"session_id":"`+id+`"}`))
	harness.CheckAdmitted(t, harness.Get(t, a, bare))

	old.Stop()
	harness.Eventually(t, 10*time.Second, "the login can be ended by its id, without the older gate", func() bool {
		return harness.Get(t, a, bare).Status == 401 || harness.End(t, a, laptop, `{"session_id":"`+id+`"}`).Status == 200
	})
	checkEnded(t, gates, bare)
}
