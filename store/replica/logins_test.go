package replica_test

import (
	"slices"
	"testing"
	"testing/synctest"
	"time"

	"github.com/sessiongate/sessiongate/store"
	"github.com/sessiongate/sessiongate/store/replica"
	"github.com/sessiongate/sessiongate/store/storetest/model"
)

// wantLogins checks at each gate up to which login a session is revoked.
func wantLogins(t *testing.T, gates []gate, session string, instant int64) {
	t.Helper()
	for i, g := range gates {
		revoked, token := upTo(session, instant)
		if got, held := g.Instant(revoked.Key); !held || got != instant {
			t.Errorf("gate %d holds the instant %d (%t), want %d", i, got, held, instant)
		}
		wantVerdict(t, g.Replica, token, replica.Clear)
		before := &store.Keys{Session: token.Session, AuthTime: instant, IssuedAt: 1, Expires: 1 << 31}
		wantVerdict(t, g.Replica, before, replica.BySession)
	}
}

// Given a fleet that admits later logins, when a user logs in and out, and in and out again,
// then each logout is a first one, and ends the logins up to it at every gate.
func TestASecondLogoutAfterAnotherLoginIsNoRepeat(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		server := model.NewServer(1, 100)
		gates := fleet(t, server, 3, replica.Options{})
		newest(t, gates)
		for i, instant := range []int64{200, 300, 400} {
			revoked, token := upTo("s", instant)
			token.AuthTime = instant
			for _, g := range gates {
				if g.Repeats(revoked) {
					t.Errorf("the logout up to %d counts as a repeat", instant)
				}
				wantVerdict(t, g.Replica, &store.Keys{Session: token.Session, AuthTime: instant, IssuedAt: 1, Expires: 1 << 31}, replica.Clear)
			}
			mustRevoke(t, gates[i].Replica, revoked)
			wantOnLog(t, server, revoked)
			wantLogins(t, gates, "s", instant)
			for _, g := range gates {
				if !g.Repeats(revoked) || !g.Published(revoked.Key) {
					t.Errorf("after the logout up to %d, the same again is no repeat", instant)
				}
			}
		}
	})
}

// Attack: keep a token of a login that was ended, and repeat the logout with it while the
// user is logged in again. The repeat offers the instant that the gate holds, or an earlier
// one, and ends no later login. It also puts nothing on the log.
func TestARepeatDoesNotMoveTheInstant(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		server := model.NewServer(1, 100)
		gates := fleet(t, server, 2, replica.Options{})
		newest(t, gates)
		revoked, _ := upTo("s", 200)
		mustRevoke(t, gates[0].Replica, revoked)
		for i := range 20 {
			time.Sleep(time.Minute)
			g := gates[i%2]
			repeated := revoked
			repeated.NotBefore, _ = g.Instant(revoked.Key)
			repeated.NotBefore -= int64(i % 3)
			if !g.Repeats(repeated) {
				t.Error("a repeat counts as a first logout")
			}
			mustRevoke(t, g.Replica, repeated)
			wantLogins(t, gates, "s", 200)
		}
		if log := server.Log(); len(log) != 1 {
			t.Errorf("the log has %d entries, want the first alone", len(log))
		}
	})
}

// Fault: two gates revoke a session at once, and their entries reach the log and the gates
// out of order. The later instant wins everywhere, and for good wins over both.
func TestOfInstantsOutOfOrderTheLaterWins(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		server := model.NewServer(1, 100)
		gates := fleet(t, server, 3, replica.Options{})
		newest(t, gates)
		release := gates[0].wire.hold("Publish")
		late := make(chan error, 1)
		earlier, _ := upTo("s", 200)
		go func() { late <- gates[0].Revoke(t.Context(), earlier) }()
		synctest.Wait()
		later, _ := upTo("s", 300)
		mustRevoke(t, gates[1].Replica, later)
		release()
		if err := <-late; err != nil {
			t.Fatal(err)
		}
		wantLogins(t, gates, "s", 300)
		// A gate that starts reads the earlier one last, if it was put on the log at all.
		fresh := start(t, server.Connect(nil), replica.Options{Lease: lease})
		<-fresh.Synced()
		wantLogins(t, []gate{{Replica: fresh}}, "s", 300)

		forGood, _ := upTo("s", 0)
		mustRevoke(t, gates[2].Replica, forGood)
		mustRevoke(t, gates[1].Replica, later)
		for _, g := range gates {
			_, token := upTo("s", 1<<40)
			wantVerdict(t, g.Replica, token, replica.BySession)
			if !g.Repeats(later) || !g.Repeats(forGood) {
				t.Error("after a revocation for good, a logout counts as a first one")
			}
		}
	})
}

// A token belongs to its session claim and to its login, and one revocation of either
// reaches every gate.
func TestALoginIsRevokedEverywhere(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		gates := fleet(t, model.NewServer(1, 100), 2, replica.Options{})
		login := store.NewLoginKey("default", "https://a", "alice", 200)
		mustRevoke(t, gates[0].Replica, store.Revocation{Kind: store.KindSession, Key: login, Expires: 1 << 31})
		for _, g := range gates {
			for _, session := range []store.Key{{}, {1}} {
				wantVerdict(t, g.Replica, &store.Keys{Session: session, Login: login, AuthTime: 200, IssuedAt: 1, Expires: 1 << 31}, replica.BySession)
			}
			other := store.NewLoginKey("default", "https://a", "alice", 201)
			wantVerdict(t, g.Replica, &store.Keys{Login: other, AuthTime: 201, IssuedAt: 1, Expires: 1 << 31}, replica.Clear)
		}
	})
}

// Fault: the store is away during the second logout. This gate refuses at once, does not take
// the raised instant for published, and puts it on the log later.
func TestARaisedInstantIsPublishedLater(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		server := model.NewServer(1, 100)
		gates := fleet(t, server, 2, replica.Options{})
		newest(t, gates)
		first, _ := upTo("s", 200)
		mustRevoke(t, gates[0].Replica, first)
		release := gates[0].wire.hold("")
		second, token := upTo("s", 300)
		token.AuthTime = 300
		if err := gates[0].Revoke(t.Context(), second); err == nil {
			t.Fatal("revoked although the store is away")
		}
		if gates[0].Look(token) != replica.BySession || gates[0].Repeats(second) || gates[0].Repeats(first) {
			t.Error("the raised instant does not hold here, or counts as published")
		}
		release()
		time.Sleep(2 * lease)
		if !slices.ContainsFunc(server.Log(), func(e store.Entry) bool { return e.Revocations[0].NotBefore == 300 }) {
			t.Errorf("the log has %v, want the raised instant", server.Log())
		}
		wantLogins(t, gates, "s", 300)
	})
}
