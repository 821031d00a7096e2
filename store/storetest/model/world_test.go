package model_test

import (
	"context"
	"errors"
	"slices"
	"testing"
	"testing/synctest"
	"time"

	"github.com/sessiongate/sessiongate/store"
	"github.com/sessiongate/sessiongate/store/storetest/model"
)

func revocation(name string) store.Revocation {
	return store.Revocation{
		Kind:    store.KindSession,
		Key:     store.NewKey("model", store.KindSession, "https://issuer.example", name),
		Expires: 1 << 31,
	}
}

func mustPublish(t *testing.T, c *model.Client, names ...string) store.Head {
	t.Helper()
	var head store.Head
	for _, name := range names {
		var err error
		if head, err = c.Publish(t.Context(), revocation(name)); err != nil {
			t.Fatalf("Publish: %v", err)
		}
	}
	return head
}

func mustLook(t *testing.T, c *model.Client) store.Head {
	t.Helper()
	head, err := c.Look(t.Context())
	if err != nil {
		t.Fatalf("Look: %v", err)
	}
	return head
}

// holds returns which of the named sessions are on the log.
func holds(s *model.Server, names ...string) []string {
	return slices.DeleteFunc(names, func(name string) bool {
		return !slices.ContainsFunc(s.Log(), func(e store.Entry) bool {
			return e.Revocations[0].Key == revocation(name).Key
		})
	})
}

// Fault: an old dump lacks the entries made after it. Its identity shows that.
func TestRestoringADumpBeginsAGeneration(t *testing.T) {
	s := model.NewServer(1, batch)
	c := s.Connect(nil)
	before := mustPublish(t, c, "a", "b")
	dump := s.Dump()
	mustPublish(t, c, "c")
	for range 2 { // the dump must not change when the server uses it
		s.Restore(dump)
		head := mustLook(t, c)
		if head.Generation == before.Generation || head.Seq != 2 || head.State != store.StateRepair {
			t.Errorf("the head after the restore is %+v, before it was %+v", head, before)
		}
		if got := holds(s, "a", "b", "c"); !slices.Equal(got, []string{"a", "b"}) {
			t.Errorf("after the restore the log holds %q, want a and b", got)
		}
		mustPublish(t, c, "d")
	}
}

func TestAnEmptyRestartLosesAll(t *testing.T) {
	s := model.NewServer(1, batch)
	c := s.Connect(nil)
	before := mustPublish(t, c, "a")
	s.RestartEmpty()
	if head := mustLook(t, c); head.Generation == before.Generation || head.Seq != 0 || len(s.Log()) != 0 {
		t.Errorf("after an empty restart the head is %+v", head)
	}
}

// Fault: an entry of a newer version is never skipped. A gate that cannot read its expiry
// never trims it. Removing it is a loss like any other.
func TestAPoisonedLogIsUnreadableUntilTheEntryIsGone(t *testing.T) {
	s := model.NewServer(1, batch)
	c := s.Connect(nil)
	position := mustPublish(t, c, "a").Position
	s.Poison()
	mustPublish(t, c, "b")
	for _, after := range []store.Position{{}, position} {
		if _, err := c.Read(t.Context(), after, 0); !errors.Is(err, store.ErrUnreadable) {
			t.Errorf("reading an unreadable entry gave %v, want ErrUnreadable", err)
		}
	}
	s.StepClock(time.Until(time.Unix(1<<32, 0)))
	if err := c.Trim(t.Context(), time.Unix(1<<32, 0)); err != nil {
		t.Fatalf("Trim: %v", err)
	}
	if got := holds(s, "a", "b"); !slices.Equal(got, []string{"b"}) {
		t.Errorf("after trimming everything before the unreadable entry, %q are left, want b", got)
	}
	s.Cure()
	if head := mustLook(t, c); head.Generation == position.Generation {
		t.Error("removing the entry began no generation")
	}
	if batch, err := c.Read(t.Context(), store.Position{}, 0); err != nil || len(batch.Entries) != 1 {
		t.Errorf("after that, reading the log gave %+v, %v", batch, err)
	}
}

func TestAServersWallClockExpiresOnlySessions(t *testing.T) {
	s := model.NewServer(1, batch)
	c := s.Connect(nil)
	before := mustPublish(t, c, "a")
	session := store.Session{Issuer: "i", ID: "s", Subject: "u", Expires: time.Now().Add(time.Hour).Unix()}
	if err := c.Seen(t.Context(), session); err != nil {
		t.Fatalf("Seen: %v", err)
	}
	s.StepClock(2 * time.Hour)
	if after := mustLook(t, c); after.Position != before.Position || after.State != before.State {
		t.Errorf("in two hours, %+v became %+v", before, after)
	}
	if _, err := c.Owner(t.Context(), "i", "s"); !errors.Is(err, store.ErrUnknownSession) {
		t.Errorf("a session that has expired has an owner: %v", err)
	}
}

// Fault: the server is emptied, or dies, while a reader waits.
func TestAWaitingReadDoesNotSeeAFlushAndIsCutByARestart(t *testing.T) {
	for name, test := range map[string]struct {
		happens func(s *model.Server)
		after   time.Duration
		want    error
	}{
		"flush":   {(*model.Server).Flush, time.Second, nil},
		"restart": {(*model.Server).Restart, 100 * time.Millisecond, errors.New("cut")},
	} {
		synctest.Test(t, func(t *testing.T) {
			s := model.NewServer(1, batch)
			c := s.Connect(nil)
			position := mustPublish(t, c, "a").Position
			start := time.Now()
			time.AfterFunc(100*time.Millisecond, func() { test.happens(s) })
			_, err := c.Read(t.Context(), position, time.Second)
			if (err == nil) != (test.want == nil) {
				t.Errorf("%s: the read gave %v, want %v", name, err, test.want)
			}
			if took := time.Since(start); took != test.after {
				t.Errorf("%s: the read took %v, want %v", name, took, test.after)
			}
		})
	}
}

// Faults of a network: a lost reply does not undo the call. A request can arrive twice, or
// after its caller has gone.
func TestALinkCarriesTheCallsOfAClient(t *testing.T) {
	errLost := errors.New("reply lost")
	s := model.NewServer(1, batch)
	var late []func()
	c := s.Connect(func(ctx context.Context, call model.Call, deliver model.Deliver) (any, error) {
		if call.Method != "Publish" {
			return deliver(ctx)
		}
		late = append(late, func() {
			if _, err := deliver(context.Background()); err != nil {
				t.Errorf("delivering late: %v", err)
			}
		})
		if _, err := deliver(ctx); err != nil {
			return nil, err
		}
		return nil, errLost
	})
	revocations := []store.Revocation{revocation("a")}
	if _, err := c.Publish(t.Context(), revocations...); !errors.Is(err, errLost) {
		t.Errorf("Publish gave %v, want %v", err, errLost)
	}
	revocations[0] = revocation("b") // the caller reuses its slice
	late[0]()
	if head := mustLook(t, c); head.Seq != 2 || len(holds(s, "a")) != 1 || len(holds(s, "b")) != 0 {
		t.Errorf("after a lost reply and a late copy, the head is %+v", head)
	}
}
