package operator_test

import (
	"errors"
	"fmt"
	"net/http"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/sessiongate/sessiongate/caddymodule/hub/hubtest"
	"github.com/sessiongate/sessiongate/caddymodule/operator"
	"github.com/sessiongate/sessiongate/caddymodule/operator/operatortest"
	"github.com/sessiongate/sessiongate/caddymodule/token/tokentest"
	"github.com/sessiongate/sessiongate/store"
	"github.com/sessiongate/sessiongate/store/memstore"
	"github.com/sessiongate/sessiongate/store/replica"
)

// revokes sends a request, and fails the test unless the answer is a receipt. It also revokes
// what no gate has seen.
func revokes(tb testing.TB, app operator.App, body string) (got operator.Receipt) {
	tb.Helper()
	body = strings.Replace(body, "{", `{"unseen":true,`, 1)
	if status, said := operatortest.Order(tb, app, http.MethodPost, operator.PathRevocations, body, &got); status != http.StatusOK {
		tb.Fatalf("%s is answered %d %s", body, status, said)
	}
	if got.Issuer != tokentest.Issuer || got.Shared || len(got.Revoked) == 0 || got.Position == 0 {
		tb.Errorf("%s: the receipt is %+v", body, got)
	}
	return got
}

func TestAnOperatorRevokesOneSession(t *testing.T) {
	app := operatortest.New(t)
	revoked, other := app.Mint(t, map[string]any{"sid": "a"}), app.Mint(t, map[string]any{"sid": "b"})
	got := revokes(t, app, `{"session":"a","reason":"lost laptop"}`)
	if got.Revoked[0].Kind != "session" || got.Revoked[0].Key != app.Hub().Key(store.KindSession, tokentest.Issuer, "a").String() {
		t.Errorf("the receipt is %+v", got)
	}
	app.WantAdmitted(t, revoked, false)
	app.WantAdmitted(t, other, true)
}

// A token id revokes one token; a whole token also revokes its session, with the tokens
// that the operator did not paste.
func TestAnOperatorRevokesATokenByItsIDOrWhole(t *testing.T) {
	app := operatortest.New(t)
	first := app.Mint(t, map[string]any{"sid": "s", "jti": "one"})
	second := app.Mint(t, map[string]any{"sid": "s", "jti": "two"})
	revokes(t, app, `{"token":"one"}`)
	app.WantAdmitted(t, first, false)
	app.WantAdmitted(t, second, true)
	got := revokes(t, app, `{"token":"`+second+`"}`)
	if len(got.Revoked) != 2 {
		t.Errorf("the receipt is %+v", got)
	}
	app.WantAdmitted(t, second, false)
	app.WantAdmitted(t, app.Mint(t, map[string]any{"sid": "s", "jti": "three"}), false)
	bare := app.Mint(t, map[string]any{"sid": nil, "jti": nil})
	if got := revokes(t, app, `{"token":"`+bare+`"}`); len(got.Revoked) != 1 || got.Revoked[0].Kind != "token" {
		t.Errorf("the receipt is %+v", got)
	}
	app.WantAdmitted(t, bare, false)
}

// Fault: an operator pastes more of a line than the token, or less. The gate must not
// revoke that text as an id, which no token has. The receipt would wrongly report success.
func TestATokenThatWasCopiedBadlyIsNoID(t *testing.T) {
	app := operatortest.New(t)
	whole := app.Mint(t, map[string]any{"sid": nil, "jti": nil, "aud": tokentest.Audience})
	head := whole[:strings.LastIndexByte(whole, '.')]
	for _, badly := range []string{"Authorization: Bearer " + whole, "authorization:Bearer opaque", `"` + whole + `"`, head, "Bearer " + head, "token=" + whole} {
		body := fmt.Sprintf(`{"token":%q}`, badly)
		if status, said := operatortest.Order(t, app, http.MethodPost, operator.PathRevocations, body, nil); status != http.StatusBadRequest || !strings.Contains(said, "a whole token and nothing else") {
			t.Errorf("%s is answered %d %s", body, status, said)
		}
	}
	for _, id := range []string{"urn:uuid:1", "1.2.3", "eyJ", "a b"} {
		revokes(t, app, fmt.Sprintf(`{"token":%q}`, id))
	}
	app.WantAdmitted(t, whole, true)
}

// Fault: the store is unreachable, so the gate cannot learn the sessions of a token. The
// gate still refuses what the operator named, and retries.
func TestWhatAnOperatorNamesIsRefusedWhileTheStoreIsAway(t *testing.T) {
	hooked := &hubtest.Hooked{Backend: memstore.New(nil)}
	app := operatortest.On(t, hooked)
	hooked.On("Known", func() error { return errors.New("no answer") })
	leaked := app.Mint(t, map[string]any{"jti": "leaked", "sid": nil})
	first, second := app.Mint(t, map[string]any{"jti": "1", "sid": "s"}), app.Mint(t, map[string]any{"jti": "2", "sid": "s"})
	for _, body := range []string{`{"token":"leaked"}`, `{"token":"` + first + `"}`} {
		if status, said := operatortest.Order(t, app, http.MethodPost, operator.PathRevocations, body, nil); status != http.StatusServiceUnavailable || !strings.Contains(said, "holds at this gate") {
			t.Errorf("answered %d %s", status, said)
		}
	}
	for _, token := range []string{leaked, first, second} {
		app.WantAdmitted(t, token, false)
	}
}

// Attack: trick an operator into revoking a session by a forged token, or by a token of
// another issuer.
func TestAForgedTokenRevokesNothing(t *testing.T) {
	app := operatortest.New(t)
	forged := tokentest.Mint(t, &tokentest.Key{Algorithm: "HS256", Secret: []byte(strings.Repeat("x", 32))},
		tokentest.Claims(time.Now(), map[string]any{"sid": "victim"}))
	status, said := operatortest.Order(t, app, http.MethodPost, operator.PathRevocations, `{"token":"`+forged+`"}`, nil)
	if status != http.StatusBadRequest || !strings.Contains(said, "signature does not verify") {
		t.Errorf("answered %d %s", status, said)
	}
	app.Configured.Issuers = append(app.Configured.Issuers, "https://second")
	good := app.Mint(t, map[string]any{"sid": "victim"})
	if status, said := operatortest.Order(t, app, http.MethodPost, operator.PathRevocations, `{"issuer":"https://second","token":"`+good+`"}`, nil); status != http.StatusBadRequest {
		t.Errorf("answered %d %s", status, said)
	}
	app.WantAdmitted(t, good, true)
}

// Invariant 5: a token issued in the instant's second is refused. A token of a login right
// after the answer is accepted.
func TestAnInstantRefusesWhatWasIssuedUntilThen(t *testing.T) {
	for by, body := range map[string]string{
		"subject": `{"subject":"alice","except_session":"kept"}`,
		"issuer":  `{"issuer_before":true,"except_session":"kept","reason":"keys leaked"}`,
	} {
		t.Run(by, func(t *testing.T) {
			app := operatortest.New(t)
			before := app.Mint(t, map[string]any{"sid": "old"})
			kept := app.Mint(t, map[string]any{"sid": "kept"})
			bob := app.Mint(t, map[string]any{"sid": "bob's", "sub": "bob"})
			got := revokes(t, app, body)
			after := app.Mint(t, map[string]any{"sid": "new"})
			if got.Revoked[0].NotBefore == nil || !time.Now().After(got.Revoked[0].NotBefore.Add(time.Second)) {
				t.Errorf("answered before the instant's second was over: %+v", got)
			}
			app.WantAdmitted(t, before, false)
			app.WantAdmitted(t, kept, true)
			app.WantAdmitted(t, after, true)
			if by == "subject" {
				app.WantAdmitted(t, bob, true)
			} else {
				app.WantAdmitted(t, bob, false)
			}
		})
	}
}

func TestAnInstantMayBeNamed(t *testing.T) {
	app := operatortest.New(t)
	now := time.Now()
	old := app.Mint(t, map[string]any{"iat": now.Unix() - 100})
	young := app.Mint(t, map[string]any{"iat": now.Unix() - 10})
	for _, before := range []string{
		fmt.Sprint(now.Unix() - 60), `"` + now.Add(-55*time.Second).Format(time.RFC3339) + `"`, `"` + now.Add(-50*time.Second).UTC().Format(time.RFC3339Nano) + `"`,
	} {
		began := time.Now()
		revokes(t, app, `{"subject":"alice","before":`+before+`}`)
		if waited := time.Since(began); waited > 5*time.Second {
			t.Errorf("an instant long past was waited for, %v", waited)
		}
	}
	app.WantAdmitted(t, old, false)
	app.WantAdmitted(t, young, true)
}

// Fault: the store is unreachable. The answer says that the revocation is not confirmed and
// holds at this gate. The revocation is not lost.
func TestARevocationThatIsNotConfirmedIs503(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		f := operatortest.NewFleet()
		app := f.App(t, replica.Options{}, "auto")
		operatortest.AwaitState(t, app, "settled")
		f.Away.Store(true)
		status, said := operatortest.Order(t, app, http.MethodPost, operator.PathRevocations, `{"session":"canary-session","unseen":true}`, nil)
		if status != http.StatusServiceUnavailable || !strings.Contains(said, "holds at this gate, which retries") ||
			!strings.Contains(said, "redis-0.internal") || strings.Contains(said, "canary") {
			t.Errorf("answered %d %s", status, said)
		}
		if !app.Hub().Holds(app.Hub().Key(store.KindSession, tokentest.Issuer, "canary-session")) {
			t.Error("it does not hold here")
		}
	})
}

func TestWithoutAStoreThereIsNothingToRevokeIn(t *testing.T) {
	app := operatortest.Closed(t, operator.Store{Kind: "memory"})
	for target, method := range map[string]string{
		operator.PathRevocations: http.MethodGet, operator.PathSessions + "?subject=alice": http.MethodGet,
	} {
		if status, said := operatortest.Order(t, app, method, target, "", nil); status != http.StatusServiceUnavailable {
			t.Errorf("%s is answered %d %s", target, status, said)
		}
	}
	if status, said := operatortest.Order(t, app, http.MethodPost, operator.PathRevocations, `{"session":"s"}`, nil); status != http.StatusServiceUnavailable {
		t.Errorf("answered %d %s", status, said)
	}
}
