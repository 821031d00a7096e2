package operator_test

import (
	"fmt"
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/sessiongate/sessiongate/caddymodule/operator"
	"github.com/sessiongate/sessiongate/caddymodule/operator/operatortest"
	"github.com/sessiongate/sessiongate/caddymodule/token/tokentest"
	"github.com/sessiongate/sessiongate/store"
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

// Fault: the list that an operator looks at after revoking all of a subject calls its
// sessions live. What is excepted, and what is seen again later, is.
func TestTheListTellsWhatAnInstantRevoked(t *testing.T) {
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
}

// Invariant 10: what was revoked was hashed, and a list of it names nobody.
func TestAnOperatorListsTheRevocations(t *testing.T) {
	app := operatortest.New(t)
	for _, body := range []string{
		`{"session":"canary"}`, `{"token":"canary"}`, `{"subject":"canary","before":100}`,
		`{"subject":"canary","before":200,"except_session":"canary"}`, `{"issuer_before":true,"before":300}`,
	} {
		revokes(t, app, body)
	}
	kinds := make(map[string]int)
	target, pages := operator.PathRevocations+"?limit=1", 0
	for next := target; next != ""; pages++ {
		var list operator.RevocationList
		status, said := operatortest.Order(t, app, http.MethodGet, next, "", &list)
		if status != http.StatusOK || list.Held != 5 || len(list.Revocations) != 1 || strings.Contains(said, "canary") {
			t.Fatalf("answered %d %s", status, said)
		}
		if len(list.Next) > len("0011aabb.2") {
			t.Errorf("the next page is %q, want no whole key in an address", list.Next)
		}
		r := list.Revocations[0]
		kinds[r.Kind]++
		if hasInstant := r.Kind == "subject" || r.Kind == "issuer"; hasInstant != (r.NotBefore != nil) || r.Expires.IsZero() || len(r.Key) != 8 {
			t.Errorf("listed as %+v", r)
		}
		next = ""
		if list.Next != "" {
			next = target + "&after=" + list.Next
		}
	}
	// What is revoked here comes back from the log in a moment.
	await(t, "all are on the log", func() bool {
		_, said := operatortest.Order(t, app, http.MethodGet, operator.PathRevocations, "", nil)
		return strings.Count(said, `"logged":true`) == 5
	})
	if pages != 5 || kinds["session"] != 1 || kinds["token"] != 1 || kinds["subject"] != 2 || kinds["issuer"] != 1 {
		t.Errorf("on %d pages there are %v", pages, kinds)
	}
}
