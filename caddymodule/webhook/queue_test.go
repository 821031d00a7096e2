package webhook_test

import (
	"fmt"
	"net/http"
	"testing"
	"testing/synctest"
	"time"

	"github.com/sessiongate/sessiongate/caddymodule/webhook"
)

const maxWaiting = 4096

// Attack: revoke without end while the receiver hangs. The memory is bounded, and nobody
// waits. The log says so once, and says how many were lost.
func TestTheQueueIsBounded(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := send(t)
		s.answers(status(http.StatusBadGateway))
		for i := range maxWaiting + 100 {
			s.Send(revocation(fmt.Sprint(i)))
		}
		synctest.Wait()
		s.answers(nil)
		time.Sleep(2 * time.Minute)
		if got := s.take(t); len(got) != maxWaiting || got[0] != "0" || got[maxWaiting-1] != fmt.Sprint(maxWaiting-1) {
			t.Errorf("%d messages were delivered, want the first %d", len(got), maxWaiting)
		}
		says(t, s, "too many revocations wait for the receiver of the webhook", 1)
		says(t, s, "pending=2048 dropped=100", 1)
		s.Send(revocation("later"))
		synctest.Wait()
		want(t, s.take(t), "later")
		says(t, s, "the receiver of the webhook accepts messages again", 2)
	})
}

// A reload keeps the queue. A new URL is used at once, also for the message that the old
// receiver holds.
func TestAnotherReceiverGetsWhatWaits(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := send(t)
		s.answers(func(r *http.Request) (int, http.Header, error) {
			if r.URL.Host == "siem.example.com" {
				<-r.Context().Done()
				return 0, nil, r.Context().Err()
			}
			return http.StatusOK, nil, nil
		})
		s.Send(revocation("a"))
		s.Send(revocation("b"))
		synctest.Wait()
		s.Use(target(t, "https://siem.example.com/hook?key=canary")) // a reload that changes nothing
		synctest.Wait()
		if n := s.count(); n != 1 {
			t.Errorf("%d tries, want the one that is under way", n)
		}
		s.Use(target(t, "https://other.example.com/hook"))
		synctest.Wait()
		want(t, s.take(t), "a", "b")
		says(t, s, "level", 0)
	})
}

func TestWithoutAReceiverNothingIsKept(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := send(t)
		s.answers(status(http.StatusInternalServerError))
		s.Send(revocation("a"))
		synctest.Wait()
		s.Use(nil)
		s.Send(revocation("b"))
		says(t, s, `dropped=1 reason="notify is no longer in the configuration"`, 1)
		s.answers(nil)
		s.Use(target(t, "https://siem.example.com/hook"))
		s.Send(revocation("c"))
		time.Sleep(time.Hour)
		want(t, s.take(t), "c")
	})
}

// At the end of the process the queue is sent, but a receiver that hangs or fails cannot
// delay the end for long.
func TestCloseSendsWhatItCan(t *testing.T) {
	hang := func(r *http.Request) (int, http.Header, error) {
		<-r.Context().Done()
		return 0, nil, r.Context().Err()
	}
	for name, c := range map[string]struct {
		answer func(*http.Request) (int, http.Header, error)
		got    int
		takes  time.Duration
	}{
		"to a receiver that answers": {status(http.StatusOK), 3, 0},
		"to one that fails":          {status(http.StatusInternalServerError), 0, 0},
		"to one that hangs":          {hang, 0, 2 * time.Second},
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				s := send(t)
				s.answers(status(http.StatusInternalServerError))
				for range 3 {
					s.Send(revocation("a"))
				}
				synctest.Wait()
				s.answers(c.answer)
				began := time.Now()
				s.Close()
				if took := time.Since(began); took != c.takes || len(s.take(t)) != c.got {
					t.Errorf("closing took %v, want %v and %d deliveries", took, c.takes, c.got)
				}
				if c.got == 0 {
					says(t, s, `dropped=3 reason="the gate stops"`, 1)
				}
				s.Send(revocation("b"))
				s.Use(target(t, "https://other.example.com/hook"))
				s.Close()
				want(t, s.take(t))
			})
		})
	}
	// Nothing was started, so there is nothing to wait for.
	webhook.New(webhook.Options{}).Close()
}

// Attack: the host of the receiver redirects to a service of this machine.
func TestRedirectsAreNotFollowed(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := send(t)
		s.answers(func(r *http.Request) (int, http.Header, error) {
			if r.URL.Host != "siem.example.com" {
				t.Errorf("a request to %s", r.URL)
			}
			return http.StatusTemporaryRedirect, http.Header{"Location": {"http://127.0.0.1/"}}, nil
		})
		s.Send(revocation("a"))
		time.Sleep(time.Minute)
		want(t, s.take(t))
		says(t, s, "the receiver answered 307 Temporary Redirect", 1)
	})
}
