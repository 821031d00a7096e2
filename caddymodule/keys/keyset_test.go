package keys_test

import (
	"log/slog"
	"net/http"
	"strings"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/sessiongate/sessiongate/caddymodule/keys"
	"github.com/sessiongate/sessiongate/caddymodule/token/tokentest"
	"github.com/sessiongate/sessiongate/store/storetest/logtest"
)

// outage is an issuer that answers once, and then no more until the test ends the outage.
type outage struct {
	bubble
	log   *logtest.Text
	ahead *atomic.Int64 // how far the wall clock is ahead
}

func inOutage(t *testing.T, key *tokentest.Key, fault http.HandlerFunc, test func(t *testing.T, o outage)) {
	t.Helper()
	synctest.Test(t, func(t *testing.T) {
		endpoint := tokentest.NewEndpoint(t, key)
		o := outage{log: &logtest.Text{}, ahead: &atomic.Int64{}}
		remote, err := keys.NewRemote(keys.RemoteOptions{
			URL: keySetURL, Logger: slog.New(slog.NewTextHandler(o.log, nil)),
		})
		if err != nil {
			t.Fatal(err)
		}
		remote.SetTransport(endpoint)
		remote.SetWallClock(func() time.Duration { return time.Duration(o.ahead.Load()) })
		remote.Start()
		t.Cleanup(remote.Close)
		synctest.Wait()
		endpoint.Behave(fault)
		o.bubble = bubble{remote, endpoint}
		test(t, o)
	})
}

// lines counts the log lines at a level that mention old keys.
func (o outage) lines(level string) (found int) {
	for line := range strings.Lines(o.log.String()) {
		if strings.Contains(line, "level="+level) && strings.Contains(line, "not confirmed") {
			found++
		}
	}
	return found
}

// pass lets time pass.
func (o outage) pass(d time.Duration) {
	time.Sleep(d)
	synctest.Wait()
}

// Attack: an attacker has stolen a key and keeps the gate away from the issuer, which has
// withdrawn that key. The last good keys stay in force for a day. After that, every token
// gets 503.
func TestKeysLapseADayAfterTheLastGoodFetch(t *testing.T) {
	key := tokentest.NewKey(t, "ES256", "a")
	for name, fault := range map[string]http.HandlerFunc{
		"error":   func(w http.ResponseWriter, _ *http.Request) { w.WriteHeader(http.StatusInternalServerError) },
		"silence": func(_ http.ResponseWriter, r *http.Request) { <-r.Context().Done() },
		"HTML":    func(w http.ResponseWriter, _ *http.Request) { _, _ = w.Write([]byte("<html>")) },
		"no keys": func(w http.ResponseWriter, _ *http.Request) { _, _ = w.Write([]byte(`{"keys":[]}`)) },
	} {
		t.Run(name, func(t *testing.T) {
			inOutage(t, key, fault, func(t *testing.T, o outage) {
				held := accept(t, o.Remote, signed(t, key))
				o.pass(12*time.Hour - 15*time.Second)
				if got := o.lines("WARN"); got != 0 {
					t.Errorf("%d warnings before half of the time:\n%s", got, o.log)
				}
				o.pass(30 * time.Second)
				if got := o.lines("WARN"); got != 1 {
					t.Errorf("%d warnings after half of the time, want 1:\n%s", got, o.log)
				}
				o.pass(12*time.Hour - 30*time.Second)
				if mustVerify(t, o.Remote, held.Signature); !held.holds() {
					t.Error("an epoch began before the keys lapsed")
				}
				o.pass(30 * time.Second)
				// Accepted tokens, tokens of a known key and tokens of an unknown key: all
				// are technical failures, and none is a 401.
				mustEnd(t, held, keys.ErrUnavailable)
				mustRefuse(t, o.Remote, signed(t, key), keys.ErrUnavailable)
				mustRefuse(t, o.Remote, signed(t, tokentest.NewKey(t, "ES256", "x")), keys.ErrUnavailable)
				o.pass(24 * time.Hour)
				mustEnd(t, held, keys.ErrUnavailable)
				if warnings, errors := o.lines("WARN"), o.lines("ERROR"); warnings != 1 || errors != 1 {
					t.Errorf("%d warnings and %d errors, want 1 each:\n%s", warnings, errors, o.log)
				}

				o.endpoint.Behave(nil)
				o.pass(36 * time.Second)
				held = accept(t, o.Remote, held.Signature)
				o.endpoint.Behave(fault)
				o.pass(24*time.Hour - time.Minute)
				mustVerify(t, o.Remote, held.Signature)
				o.pass(11 * time.Minute) // the last good fetch may be ten minutes younger
				mustEnd(t, held, keys.ErrUnavailable)
				if warnings, errors := o.lines("WARN"), o.lines("ERROR"); warnings != 2 || errors != 2 {
					t.Errorf("%d warnings and %d errors in two outages, want 2 each", warnings, errors)
				}
			})
		})
	}
}

// Attack: the clock of a machine is set back, or the machine is suspended, to keep a stolen
// key in force for longer.
func TestNoClockStretchesTheTimeOfOldKeys(t *testing.T) {
	key := tokentest.NewKey(t, "ES256", "a")
	down := func(w http.ResponseWriter, _ *http.Request) { w.WriteHeader(http.StatusBadGateway) }
	for name, steps := range map[string][]struct{ wall, real time.Duration }{
		"nothing":                     {{0, 24 * time.Hour}},
		"set back":                    {{-30 * time.Hour, 24 * time.Hour}},
		"set back every hour":         {{-time.Hour, 12 * time.Hour}, {-time.Hour, 12 * time.Hour}},
		"suspended for a day":         {{24 * time.Hour, 0}},
		"suspended twice":             {{10 * time.Hour, time.Hour}, {10 * time.Hour, 3 * time.Hour}},
		"suspended and then set back": {{20 * time.Hour, time.Hour}, {-20 * time.Hour, 3 * time.Hour}},
	} {
		t.Run(name, func(t *testing.T) {
			inOutage(t, key, down, func(t *testing.T, o outage) {
				raw := signed(t, key)
				held := accept(t, o.Remote, raw)
				for i, step := range steps {
					o.ahead.Add(int64(step.wall))
					last := i == len(steps)-1
					if last && step.real > 0 {
						o.pass(step.real - time.Minute)
						if mustVerify(t, o.Remote, raw); !held.holds() {
							t.Error("the keys lapsed early")
						}
						o.pass(time.Minute)
					} else {
						o.pass(step.real)
					}
				}
				o.pass(6 * time.Second)
				mustEnd(t, held, keys.ErrUnavailable)
			})
		})
	}
}

// A suspend stops the timers, too. The first look at the clocks after it starts the overdue
// fetch, and not one ten minutes later.
func TestKeysAreFetchedRightAfterASuspend(t *testing.T) {
	stolen, next := tokentest.NewKey(t, "ES256", "stolen"), tokentest.NewKey(t, "ES256", "next")
	for name, asleep := range map[string]time.Duration{"an hour": time.Hour, "a week": 7 * 24 * time.Hour} {
		t.Run(name, func(t *testing.T) {
			inOutage(t, stolen, nil, func(t *testing.T, o outage) {
				raw := signed(t, stolen)
				held := accept(t, o.Remote, raw)
				o.pass(time.Minute)
				o.endpoint.Publish(t, next)
				o.ahead.Add(int64(asleep))
				o.pass(6 * time.Second)
				mustVerify(t, o.Remote, signed(t, next))
				o.pass(8 * time.Minute)
				if got := o.endpoint.Fetches(tokentest.KeySetPath); got != 2 {
					t.Errorf("%d fetches, want 2", got)
				}
				mustEnd(t, held, keys.ErrUnknownKey)
			})
		})
	}
}

// The keys of a reachable issuer never lapse.
func TestConfirmedKeysDoNotAge(t *testing.T) {
	key := tokentest.NewKey(t, "ES256", "a")
	inOutage(t, key, nil, func(t *testing.T, o outage) {
		held := accept(t, o.Remote, signed(t, key))
		o.pass(72 * time.Hour)
		if n := testing.AllocsPerRun(1000, func() { _ = held.holds() }); n != 0 {
			t.Errorf("%v allocations for a look at the epoch", n)
		}
		if mustVerify(t, o.Remote, held.Signature); !held.holds() || o.lines("WARN")+o.lines("ERROR") != 0 {
			t.Errorf("same epoch %t, log:\n%s", held.holds(), o.log)
		}
	})
}
