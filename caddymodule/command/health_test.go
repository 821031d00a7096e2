package command

import (
	"encoding/json"
	"errors"
	"net"
	"reflect"
	"strings"
	"testing"

	"github.com/sessiongate/sessiongate/caddymodule/operator"
	"github.com/sessiongate/sessiongate/caddymodule/operator/operatortest"
)

// well returns the state of a gate of a fleet without any fault.
func well() operator.State {
	age := operator.Seconds(0.4)
	return operator.State{
		Store: "redis", Namespace: "orders", Shared: true, Bootstrap: "auto", Synced: true, LeaseSeconds: 3, LeaseAgeSeconds: &age,
		State: "settled", Generation: "00000000deadbeef", Position: 17, Gates: 2, Revocations: 12,
	}
}

// wantExit fails the test unless a command ends with this exit status.
func wantExit(tb testing.TB, err error, status int) {
	tb.Helper()
	var ended exit
	if !errors.As(err, &ended) || ended.status != status {
		tb.Errorf("error %v, want exit status %d", err, status)
	}
}

func TestHealthOfAGateWithWhichNothingIsWrong(t *testing.T) {
	var printed strings.Builder
	if err := answering(t, well()).health(&printed, false); err != nil {
		t.Error(err)
	}
	want := `The gate admits requests.

store        redis, namespace "orders"
log          settled, generation 00000000deadbeef, entry 17, 0 behind
lease        3s, extended 400ms ago
gates        2 live
revocations  12
`
	if printed.String() != want {
		t.Errorf("printed\n%s\nwant\n%s", printed.String(), want)
	}
}

func TestHealthOfAGateThatRefuses(t *testing.T) {
	state := well()
	state.Fenced, state.Degraded, state.DegradedSeconds, state.Unconfirmed, state.Unlisted = true, true, 92, true, true
	*state.LeaseAgeSeconds = 92.25
	state.Error = "sending a heartbeat: connection refused"
	var printed strings.Builder
	wantExit(t, answering(t, state).health(&printed, false), 1)
	want := `The gate refuses every guarded request with 503.
Why:   the store cannot be used, and its error says why.
Next:  repair the store, or the way to it; the gate recovers by itself within a lease, or within three if revocations may be lost.

store        redis, namespace "orders"
log          settled, generation 00000000deadbeef, entry 17, 0 behind
lease        3s, extended 1m32.25s ago
gates        2 live, and others that are not counted (acknowledge lease)
revocations  12, some of them not in the store yet
degraded     for 1m32s since the first full sync
error        sending a heartbeat: connection refused
`
	if printed.String() != want {
		t.Errorf("printed\n%s\nwant\n%s", printed.String(), want)
	}
}

// The advice names the cause, and a step that helps against it. An operator who bootstraps
// a revocation log while Redis is only unreachable would give up revocations for nothing.
func TestAdviceFollowsTheCause(t *testing.T) {
	for name, c := range map[string]struct {
		change    func(*operator.State)
		what, why string
		next      string
		fenced    bool
	}{
		"nothing":                            {func(*operator.State) {}, "admits requests", "", "", false},
		"the store is away within the lease": {func(s *operator.State) { s.Error = "away" }, "admits requests", "the store cannot be used", "repair the store", false},
		"the store is away and the operator allows it": {
			func(s *operator.State) { s.Error, s.Degraded = "away", true },
			"admits requests by an old set", "the store cannot be used", "repair the store", false,
		},
		"the store is away in repair": {
			func(s *operator.State) { s.Error, s.State, s.Bootstrap = "away", operator.InRepair, "manual" },
			"refuses every guarded request", "the store cannot be used", "repair the store", true,
		},
		"repair under a witness": {
			func(s *operator.State) { s.State, s.Bootstrap = operator.InRepair, "manual" },
			"admits requests", "restoring them", "goes on by itself", false,
		},
		"repair under bootstrap auto": {
			func(s *operator.State) { s.State = operator.InRepair },
			"refuses every guarded request", "may have lost revocations", "opens by itself after two leases", true,
		},
		"repair under bootstrap manual": {
			func(s *operator.State) { s.State, s.Bootstrap = operator.InRepair, "manual" },
			"refuses every guarded request", "may have lost revocations", "then run: caddy session-gate bootstrap", true,
		},
		"the log is being read": {func(s *operator.State) { s.Lag, s.Synced = 40000, false }, "refuses every guarded request", "reading the revocation log", "wait", true},
		"behind":                {func(s *operator.State) { s.Lag = 40000 }, "admits requests", "reading the revocation log", "wait", false},
		"suspended":             {func(*operator.State) {}, "refuses every guarded request", "its lease has expired", "wait", true},
		"a file is damaged": {
			func(s *operator.State) { s.Shared, s.Error = false, "the store is damaged" },
			"refuses every guarded request", "the store cannot be used", "the file", true,
		},
		"a new store": {
			func(s *operator.State) { s.State, s.New, s.Synced = operator.InRepair, true, false },
			"refuses every guarded request", "the store is new", "nothing, if this is the first start", true,
		},
		"a new store under bootstrap manual": {
			func(s *operator.State) { s.State, s.New, s.Bootstrap = operator.InRepair, true, "manual" },
			"refuses every guarded request", "the store is new", "run: caddy session-gate bootstrap", true,
		},
		"unconfirmed": {func(s *operator.State) { s.Unconfirmed = true }, "admits requests", "not in the store yet", "look for a full disk", false},
	} {
		state := well()
		c.change(&state)
		if c.fenced {
			state.Fenced, state.Degraded = true, true
		}
		why, next := state.Advice()
		if !strings.HasPrefix(state.Admission(), c.what) || !strings.Contains(why, c.why) || !strings.Contains(next, c.next) {
			t.Errorf("%s: the gate %s; why: %s; next: %s", name, state.Admission(), why, next)
		}
		if (why == "") != (c.why == "") || strings.Contains(next, "bootstrap") != strings.Contains(c.next, "bootstrap") {
			t.Errorf("%s: why: %s; next: %s", name, why, next)
		}
	}
}

func TestHealthBeforeTheStoreHasAnswered(t *testing.T) {
	state := operator.State{Store: "redis", Namespace: "orders", Shared: true, Bootstrap: "auto", Fenced: true, Degraded: true, LeaseSeconds: 0.2}
	var printed strings.Builder
	wantExit(t, answering(t, state).health(&printed, false), 1)
	for _, want := range []string{"log          not known yet, generation unknown, entry 0", "lease        200ms, never had"} {
		if !strings.Contains(printed.String(), want) {
			t.Errorf("printed\n%s\nwant %q in it", printed.String(), want)
		}
	}
}

func TestTheHealthCommand(t *testing.T) {
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	app := operatortest.Closed(t, operator.Store{Kind: "memory", Namespace: "default"})
	operatortest.Serve(t, listener, app)
	printed, err := sessionGate(t, "health", "--address", listener.Addr().String())
	wantExit(t, err, 1)
	if !strings.Contains(printed, "refuses every guarded request") || strings.Contains(printed, "lease  ") {
		t.Errorf("printed\n%s", printed)
	}
	printed, err = sessionGate(t, "health", "--json", "--address", listener.Addr().String())
	var state operator.State
	wantExit(t, err, 1)
	if err := json.Unmarshal([]byte(printed), &state); err != nil || !reflect.DeepEqual(state, app.State()) {
		t.Errorf("printed\n%s, error %v", printed, err)
	}
	for _, arguments := range [][]string{{"health", "extra"}, {"health", "--config", "/nonexistent"}, {"bootstrap", "extra"}} {
		if printed, err := sessionGate(t, arguments...); err == nil {
			t.Errorf("%q printed %q", arguments, printed)
		}
	}
}

func TestHealthShowsTheVersion(t *testing.T) {
	state := well()
	state.Version = "v1.2.3"
	var printed strings.Builder
	if err := answering(t, state).health(&printed, false); err != nil {
		t.Fatal(err)
	}
	if want := "\nversion      v1.2.3\n"; !strings.Contains(printed.String(), want) {
		t.Errorf("printed\n%s\nwant %q in it", printed.String(), want)
	}
}
