package operator_test

import (
	"fmt"
	"net/http"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/sessiongate/sessiongate/caddymodule/operator"
	"github.com/sessiongate/sessiongate/caddymodule/operator/operatortest"
	"github.com/sessiongate/sessiongate/caddymodule/token/tokentest"
	"github.com/sessiongate/sessiongate/store"
	"github.com/sessiongate/sessiongate/store/replica"
)

func TestAnOperatorListsTheSessionsOfASubject(t *testing.T) {
	app := operatortest.New(t)
	want := make(map[string]bool)
	for i := range 7 {
		sid := fmt.Sprint("session ", i)
		app.WantAdmitted(t, app.Mint(t, map[string]any{"sid": sid}), true)
		want[sid] = true
	}
	app.WantAdmitted(t, app.Mint(t, map[string]any{"sid": "bob's", "sub": "bob"}), true)
	revokes(t, app, `{"session":"session 3"}`)
	after := ""
	for pages := 1; ; pages++ {
		var list operator.SessionList
		body := fmt.Sprintf(`{"subject":"alice","limit":3%s}`, after)
		if status, said := operatortest.Order(t, app, http.MethodPost, operator.PathSessions, body, &list); status != http.StatusOK {
			t.Fatalf("answered %d %s", status, said)
		}
		for _, s := range list.Sessions {
			if !want[s.ID] || s.Revoked != (s.ID == "session 3") || s.FirstSeen.IsZero() || s.Key != app.Hub().Key(store.KindSession, tokentest.Issuer, s.ID).String() {
				t.Errorf("listed as %+v", s)
			}
			delete(want, s.ID)
		}
		if list.Next == "" {
			if pages != 3 {
				t.Errorf("there are %d pages", pages)
			}
			break
		}
		after = `,"after":"` + list.Next + `"`
	}
	if len(want) != 0 {
		t.Errorf("not listed: %v", want)
	}
	var whole operator.SessionList
	if status, _ := operatortest.Order(t, app, http.MethodGet, operator.PathSessions+"?subject=alice", "", &whole); status != http.StatusOK || len(whole.Sessions) != 7 {
		t.Errorf("with GET: %d %+v", status, whole)
	}
}

// Fault: after an operator revoked all tokens of a subject, the list calls its sessions
// live. Only sessions that are excepted, or were seen again with a later token, are live.
func TestTheListShowsWhatAnInstantRevoked(t *testing.T) {
	app := operatortest.New(t)
	for _, sid := range []string{"kept", "ended"} {
		app.WantAdmitted(t, app.Mint(t, map[string]any{"sid": sid}), true)
	}
	revokes(t, app, `{"subject":"alice","except_session":"kept"}`)
	later := app.Mint(t, map[string]any{"sid": "later", "iat": time.Now().Unix() + 1})
	app.WantAdmitted(t, later, true)
	var list operator.SessionList
	if status, said := operatortest.Order(t, app, http.MethodPost, operator.PathSessions, `{"subject":"alice"}`, &list); status != http.StatusOK || len(list.Sessions) != 3 {
		t.Fatalf("answered %d %s", status, said)
	}
	for _, s := range list.Sessions {
		if s.Revoked != (s.ID == "ended") {
			t.Errorf("listed as %+v", s)
		}
	}
	if list.NotBefore == nil || time.Since(*list.NotBefore).Abs() > time.Minute {
		t.Errorf("tokens are revoked up to %v, want now", list.NotBefore)
	}
	revokes(t, app, `{"issuer_before":true,"before":100}`)
	list = operator.SessionList{}
	operatortest.Order(t, app, http.MethodPost, operator.PathSessions, `{"subject":"bob"}`, &list)
	if list.NotBefore == nil || list.NotBefore.Unix() != 100 {
		t.Errorf("tokens of another subject are revoked up to %v, want the instant of the issuer", list.NotBefore)
	}
}

// Fault: two sessions have keys with the same prefix, and a page ends between them. The
// next page must not begin with the second session again and again.
func TestAPageEndsBetweenTwoKeysOfOnePrefix(t *testing.T) {
	lines := []string{"aaaaaaaa", "bbbbbbbb", "aaaaaaaa", "aaaaaaaa", "cccccccc"}
	for i := range lines {
		next := operator.NextOf(lines[:i+1])
		if got := operator.LineOf(lines, next); got != i {
			t.Errorf("the line %d is named %q, which is the line %d", i, next, got)
		}
	}
	if got := operator.LineOf(lines, "aaaaaaaa.4"); got != -1 {
		t.Errorf("a line that is gone is the line %d", got)
	}
}

// Invariant 10: the gate holds only hashes of revoked names. It reports their number, and
// no name.
func TestAnOperatorCountsTheRevocations(t *testing.T) {
	app := operatortest.New(t)
	for _, body := range []string{
		`{"session":"canary"}`, `{"token":"canary"}`, `{"subject":"canary","before":100}`,
		`{"subject":"canary","before":200,"except_session":"canary"}`, `{"issuer_before":true,"before":300}`,
	} {
		revokes(t, app, body)
	}
	var counts operator.RevocationCounts
	status, said := operatortest.Order(t, app, http.MethodGet, operator.PathRevocations, "", &counts)
	want := operator.RevocationCounts{Held: 5, Kinds: operator.Kinds{Session: 1, Token: 1, Subject: 2, Issuer: 1}}
	if status != http.StatusOK || counts != want || strings.Contains(said, "canary") {
		t.Errorf("answered %d %s, want %+v", status, said, want)
	}
}

// The counts and a subject's list include revocations that the store does not have yet.
func TestUnconfirmedRevocationsAreReported(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		f := operatortest.NewFleet()
		app := f.App(t, replica.Options{}, "auto")
		operatortest.AwaitState(t, app, "settled")
		f.Away.Store(true)
		if status, _ := operatortest.Order(t, app, http.MethodPost, operator.PathRevocations, `{"session":"a","unseen":true}`, nil); status != http.StatusServiceUnavailable {
			t.Errorf("revoking is answered %d", status)
		}
		var counts operator.RevocationCounts
		operatortest.Order(t, app, http.MethodGet, operator.PathRevocations, "", &counts)
		if counts.Held != 1 || counts.Kinds.Session != 1 || !counts.Unconfirmed {
			t.Errorf("counted as %+v", counts)
		}
	})
}
