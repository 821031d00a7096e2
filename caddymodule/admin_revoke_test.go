package caddymodule

import (
	"errors"
	"fmt"
	"net/http"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/caddyserver/caddy/v2"

	"github.com/sessiongate/sessiongate/caddymodule/token/tokentest"
	"github.com/sessiongate/sessiongate/store"
	"github.com/sessiongate/sessiongate/store/replica"
)

// revokes sends an order that must be answered with a receipt.
func (g *gateTest) revokes(tb testing.TB, body string) (got receipt) {
	tb.Helper()
	if status, said := g.order(tb, http.MethodPost, adminRevocations, body, &got); status != http.StatusOK {
		tb.Fatalf("%s is answered %d %s", body, status, said)
	}
	if got.Issuer != tokentest.Issuer || got.Shared || len(got.Revoked) == 0 || got.Position == 0 {
		tb.Errorf("%s: the receipt is %+v", body, got)
	}
	return got
}

func TestAnOperatorRevokesOneSession(t *testing.T) {
	g := newGate(t, "HS256", Gate{})
	revoked, other := g.mint(t, map[string]any{"sid": "a"}), g.mint(t, map[string]any{"sid": "b"})
	got := g.revokes(t, `{"session":"a","reason":"lost laptop"}`)
	if got.Revoked[0].Kind != "session" || got.Revoked[0].Key != g.app.hub.Key(store.KindSession, tokentest.Issuer, "a").String() {
		t.Errorf("the receipt is %+v", got)
	}
	g.get(t, "/", revoked).want(t, http.StatusUnauthorized, "unauthorized")
	g.get(t, "/", other).want(t, http.StatusOK, "")
}

// A token id is one token; a whole token is the token, and its session with all the
// tokens that nobody has pasted.
func TestAnOperatorRevokesATokenByItsIDOrWhole(t *testing.T) {
	g := newGate(t, "HS256", Gate{})
	first := g.mint(t, map[string]any{"sid": "s", "jti": "one"})
	second := g.mint(t, map[string]any{"sid": "s", "jti": "two"})
	g.revokes(t, `{"token":"one"}`)
	g.get(t, "/", first).want(t, http.StatusUnauthorized, "unauthorized")
	g.get(t, "/", second).want(t, http.StatusOK, "")
	got := g.revokes(t, `{"token":"`+second+`"}`)
	if len(got.Revoked) != 2 {
		t.Errorf("the receipt is %+v", got)
	}
	g.get(t, "/", second).want(t, http.StatusUnauthorized, "unauthorized")
	g.get(t, "/", g.mint(t, map[string]any{"sid": "s", "jti": "three"})).want(t, http.StatusUnauthorized, "unauthorized")
	bare := g.mint(t, map[string]any{"sid": nil, "jti": nil})
	if got := g.revokes(t, `{"token":"`+bare+`"}`); len(got.Revoked) != 1 || got.Revoked[0].Kind != "token" {
		t.Errorf("the receipt is %+v", got)
	}
	g.get(t, "/", bare).want(t, http.StatusUnauthorized, "unauthorized")
}

// Fault: the operator pastes more of a line than the token, or less, and what has no
// token is revoked as if it was an id; the receipt would say that all is well.
func TestATokenThatWasCopiedBadlyIsNoID(t *testing.T) {
	g := newGate(t, "HS256", Gate{})
	whole := g.mint(t, map[string]any{"sid": nil, "jti": nil, "aud": tokentest.Audience})
	head := whole[:strings.LastIndexByte(whole, '.')]
	for _, badly := range []string{"Authorization: Bearer " + whole, "authorization:Bearer opaque", `"` + whole + `"`, head, "Bearer " + head, "token=" + whole} {
		body := fmt.Sprintf(`{"token":%q}`, badly)
		if status, said := g.order(t, http.MethodPost, adminRevocations, body, nil); status != http.StatusBadRequest || !strings.Contains(said, "a whole token and nothing else") {
			t.Errorf("%s is answered %d %s", body, status, said)
		}
	}
	for _, id := range []string{"urn:uuid:1", "1.2.3", "eyJ", "a b"} {
		g.revokes(t, fmt.Sprintf(`{"token":%q}`, id))
	}
	g.get(t, "/", whole).want(t, http.StatusOK, "")
}

// Fault: the store is away, so that nobody can tell to which sessions a token belongs.
// What is named is refused here, and offered to the store, all the same.
func TestWhatAnOperatorNamesIsRefusedWhileTheStoreIsAway(t *testing.T) {
	g := newGrantTest(t, Gate{})
	away := func() error { return errors.New("no answer") }
	g.store.On("Known", away)
	leaked := g.mint(t, map[string]any{"jti": "leaked", "sid": nil})
	first, second := g.mint(t, map[string]any{"jti": "1", "sid": "s"}), g.mint(t, map[string]any{"jti": "2", "sid": "s"})
	for _, body := range []string{`{"token":"leaked"}`, `{"token":"` + first + `"}`} {
		if status, said := g.order(t, http.MethodPost, adminRevocations, body, nil); status != http.StatusServiceUnavailable || !strings.Contains(said, "it holds at this gate") {
			t.Errorf("answered %d %s", status, said)
		}
	}
	for _, token := range []string{leaked, first, second} {
		g.gateTest.get(t, "/", token).want(t, http.StatusUnauthorized, "unauthorized")
	}
}

// Attack: have an operator revoke a session by a token that somebody made up, or
// another issuer's.
func TestAMadeUpTokenRevokesNothing(t *testing.T) {
	g := newGate(t, "HS256", Gate{})
	forged := tokentest.Mint(t, &tokentest.Key{Algorithm: "HS256", Secret: []byte(strings.Repeat("x", 32))},
		tokentest.Claims(time.Now(), map[string]any{"sid": "victim"}))
	status, said := g.order(t, http.MethodPost, adminRevocations, `{"token":"`+forged+`"}`, nil)
	if status != http.StatusBadRequest || !strings.Contains(said, "signature does not verify") {
		t.Errorf("answered %d %s", status, said)
	}
	g.app.Issuer = append(g.app.Issuer, &Issuer{Issuer: "https://second"})
	good := g.mint(t, map[string]any{"sid": "victim"})
	if status, said := g.order(t, http.MethodPost, adminRevocations, `{"issuer":"https://second","token":"`+good+`"}`, nil); status != http.StatusBadRequest {
		t.Errorf("answered %d %s", status, said)
	}
	g.get(t, "/", good).want(t, http.StatusOK, "")
}

// Invariant 5: a token of the instant's second is refused, and one of a
// login right after the answer is not.
func TestAnInstantRefusesWhatWasIssuedUntilThen(t *testing.T) {
	for by, body := range map[string]string{
		"subject": `{"subject":"alice","except_session":"kept"}`,
		"issuer":  `{"issuer_before":true,"except_session":"kept","reason":"keys leaked"}`,
	} {
		t.Run(by, func(t *testing.T) {
			g := newGate(t, "HS256", Gate{})
			before := g.mint(t, map[string]any{"sid": "old"})
			kept := g.mint(t, map[string]any{"sid": "kept"})
			bob := g.mint(t, map[string]any{"sid": "bob's", "sub": "bob"})
			got := g.revokes(t, body)
			after := g.mint(t, map[string]any{"sid": "new"})
			if got.Revoked[0].NotBefore == nil || !time.Now().After(got.Revoked[0].NotBefore.Add(time.Second)) {
				t.Errorf("answered before the instant's second was over: %+v", got)
			}
			g.get(t, "/", before).want(t, http.StatusUnauthorized, "unauthorized")
			g.get(t, "/", kept).want(t, http.StatusOK, "")
			g.get(t, "/", after).want(t, http.StatusOK, "")
			if by == "subject" {
				g.get(t, "/", bob).want(t, http.StatusOK, "")
			} else {
				g.get(t, "/", bob).want(t, http.StatusUnauthorized, "unauthorized")
			}
		})
	}
}

func TestAnInstantMayBeNamed(t *testing.T) {
	g := newGate(t, "HS256", Gate{})
	now := time.Now()
	old := g.mint(t, map[string]any{"iat": now.Unix() - 100})
	young := g.mint(t, map[string]any{"iat": now.Unix() - 10})
	for _, before := range []string{
		fmt.Sprint(now.Unix() - 60), `"` + now.Add(-55*time.Second).Format(time.RFC3339) + `"`, `"` + now.Add(-50*time.Second).UTC().Format(time.RFC3339Nano) + `"`,
	} {
		began := time.Now()
		g.revokes(t, `{"subject":"alice","before":`+before+`}`)
		if waited := time.Since(began); waited > 5*time.Second {
			t.Errorf("an instant long past was waited for, %v", waited)
		}
	}
	g.get(t, "/", old).want(t, http.StatusUnauthorized, "unauthorized")
	g.get(t, "/", young).want(t, http.StatusOK, "")
}

// Fault: the store is away. The operator is told that nobody knows, and that it
// holds here; nothing is lost.
func TestARevocationThatIsNotConfirmedIs503(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		f, leeway := newFleet(), caddy.Duration(30*time.Second)
		g := &gateTest{app: f.app(t, replica.Options{}, App{Issuer: []*Issuer{{Issuer: tokentest.Issuer}}, Leeway: &leeway})}
		f.awaitState(t, g.app, "settled")
		f.away.Store(true)
		status, said := g.order(t, http.MethodPost, adminRevocations, `{"session":"canary-session"}`, nil)
		if status != http.StatusServiceUnavailable || !strings.Contains(said, "it holds at this gate and is offered") ||
			!strings.Contains(said, "redis-0.internal") || strings.Contains(said, "canary") {
			t.Errorf("answered %d %s", status, said)
		}
		if !setOf(g.app).Holds(g.app.hub.Key(store.KindSession, tokentest.Issuer, "canary-session")) {
			t.Error("it does not hold here")
		}
	})
}

func TestWithoutAStoreThereIsNothingToRevokeIn(t *testing.T) {
	g := &gateTest{app: provisionApp(t, &App{Issuer: []*Issuer{{
		Issuer: tokentest.Issuer, Audience: []string{"a"}, HMACSecret: []string{refusalSecret},
	}}, StoreRaw: []byte(`{"store": "memory"}`)})}
	for target, method := range map[string]string{
		adminRevocations: http.MethodGet, adminSessions + "?subject=alice": http.MethodGet,
	} {
		if status, said := g.order(t, method, target, "", nil); status != http.StatusServiceUnavailable {
			t.Errorf("%s is answered %d %s", target, status, said)
		}
	}
	if status, said := g.order(t, http.MethodPost, adminRevocations, `{"session":"s"}`, nil); status != http.StatusServiceUnavailable {
		t.Errorf("answered %d %s", status, said)
	}
}
