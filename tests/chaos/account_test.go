package chaos

import (
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/sessiongate/sessiongate/store/redisstore/redistest"
	"github.com/sessiongate/sessiongate/tests/harness"
)

// The passwords of the gates' account. They are so long that nothing else in a log contains
// them.
const firstPassword, secondPassword = "the-f1rst-pa55word-of-the-gates", "the-sec0nd-pa55word-of-the-gates"

// Fault: the password of the gates is changed while they run, or their rights are removed.
// They are fenced within a lease, and use the new password after a reload. No log shows
// either password.
func TestAccountOfTheGates(t *testing.T) {
	t.Parallel()
	redis := redistest.Start(t)
	account := func(words ...string) {
		redis.Do(append([]string{"ACL", "SETUSER", "gate"}, words...)...)
		redis.Do("CLIENT", "KILL", "USER", "gate")
	}
	account("on", ">"+firstPassword, "~*", "&*", "+@all")
	secret := filepath.Join(t.TempDir(), "secret")
	write(t, secret, firstPassword)
	store := "store redis " + redis.Addr() + " {\nnamespace account\nusername gate\npassword {file." + secret + "}\n}"
	f := StartGates(t, []string{store, store}, Lease)

	play(t, f, []scenario{
		{"rights are taken", unwitnessed, func(t *testing.T, f *Fleet) {
			ended := endSome(t, f)
			account("-@all")
			since := time.Now()
			fenced(t, f, since)
			notConfirmed(t, f, 0, f.NewSession())
			account("+@all")
			stayOver(t, f, ended)
		}},
		{"the password is changed", unwitnessed, func(t *testing.T, f *Fleet) {
			ended := endSome(t, f)
			account("resetpass", ">"+secondPassword)
			since := time.Now()
			fenced(t, f, since)
			notConfirmed(t, f, 0, f.NewSession())
			write(t, secret, secondPassword)
			for gate := range f.Gates {
				reload(t, f, gate, 0)
			}
			stayOver(t, f, ended)
		}},
	})
	for i, g := range f.Gates {
		for _, password := range []string{firstPassword, secondPassword} {
			if strings.Contains(g.Logs(), password) {
				t.Errorf("the log of gate %d shows a password", i)
			}
		}
		if !strings.Contains(g.Logs(), "check username and password") {
			t.Errorf("the log of gate %d does not say what to check", i)
		}
	}
}

func write(t *testing.T, path, text string) {
	t.Helper()
	if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
}

// Attack, and fault: another fleet loses everything in its own namespace of the same Redis.
// This fleet must not be affected.
func TestFleetsThatShareRedisDoNotTouch(t *testing.T) {
	t.Parallel()
	f := StartFleet(t, 2)
	other := StartGates(t, []string{harness.Redis(f.Redis.Addr(), "another")}, Lease)
	traffic, others := StartTraffic(t, f), StartTraffic(t, other)
	s := Session{ID: "session-of-both"}
	for _, fleet := range []*Fleet{f, other} {
		s.Token = fleet.Gates[0].Token(map[string]any{"sid": s.ID})
		if got := fleet.Request(0, s).Status; got != admitted {
			t.Errorf("a session that nobody ended is answered %d", got)
		}
		if fleet == f {
			confirm(t, f, 0, s, confirming)
		}
	}
	const head = "{session_gate:another}:head"
	generation := f.Redis.Do("HGET", head, "generation")
	const script = `for _, key in ipairs(redis.call('KEYS', '{session_gate:chaos}:*')) do redis.call('DEL', key) end`
	for range 10 {
		f.Redis.Do("EVAL", script, "0")
		lasts(Lease / 5)
	}
	others.Stop()
	other.Check(t)
	if now := f.Redis.Do("HGET", head, "generation"); now != generation || now == nil {
		t.Errorf("the revocation log of the other fleet began again: generation %v became %v", generation, now)
	}
	f.Recovers(t, witnessed)
	traffic.Stop()
	f.Check(t)
	t.Logf("one fleet: %v", &traffic.Figures)
	t.Logf("another: %v", &others.Figures)
}
