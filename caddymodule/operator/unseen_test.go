package operator_test

import (
	"context"
	"errors"
	"net/http"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/sessiongate/sessiongate/caddymodule/operator"
	"github.com/sessiongate/sessiongate/caddymodule/operator/operatortest"
	"github.com/sessiongate/sessiongate/caddymodule/token/tokentest"
	"github.com/sessiongate/sessiongate/store"
	"github.com/sessiongate/sessiongate/store/memstore"
	"github.com/sessiongate/sessiongate/store/replica"
)

// Fault: an operator mistypes the session, or the subject, of a thief. The receipt says that
// it is revoked everywhere, and the thief goes on.
func TestAnOperatorIsToldThatNoGateHasSeenIt(t *testing.T) {
	app := operatortest.New(t)
	raw := app.Mint(t, map[string]any{"sid": "canary-session", "sub": "canary"})
	for _, body := range []string{`{"session":"canary-session"}`, `{"subject":"canary"}`, `{"session":"canary-session","unseen":false}`} {
		status, said := operatortest.Order(t, app, http.MethodPost, operator.PathRevocations, body, nil)
		if status != http.StatusConflict || !strings.Contains(said, "no gate has seen") || !strings.Contains(said, "--unseen") ||
			!strings.Contains(said, "after a second") || strings.Contains(said, "canary") {
			t.Errorf("%s is answered %d %s", body, status, said)
		}
	}
	app.WantAdmitted(t, raw, true) // nothing was revoked, and from now on it is seen
	for _, body := range []string{`{"session":"canary-session"}`, `{"session":"canary-session"}`, `{"subject":"canary"}`, `{"subject":"bob","unseen":true}`, `{"subject":"bob"}`} {
		var receipt operator.Receipt
		if status, said := operatortest.Order(t, app, http.MethodPost, operator.PathRevocations, body, &receipt); status != http.StatusOK || receipt.Unlooked != "" {
			t.Errorf("%s is answered %d %s", body, status, said)
		}
	}
	app.WantAdmitted(t, raw, false)
	whole := app.Mint(t, map[string]any{"sid": "another"})
	if status, said := operatortest.Order(t, app, http.MethodPost, operator.PathRevocations, `{"token":"`+whole+`"}`, nil); status != http.StatusOK {
		t.Errorf("a whole token is answered %d %s", status, said)
	}
	var receipt operator.Receipt
	if status, said := operatortest.Order(t, app, http.MethodPost, operator.PathRevocations, `{"token":"an-id"}`, &receipt); status != http.StatusOK || !strings.Contains(receipt.Unlooked, "do not note token ids") {
		t.Errorf("a token id is answered %d %s", status, said)
	}
}

// Fault: the user logged in at another gate a moment ago, and that gate has not written the
// session yet. The operator must not be told that nobody has seen it.
func TestASessionThatAnotherGateSawAMomentAgoIsSeen(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		f := operatortest.NewFleet()
		here, there := f.App(t, replica.Options{}, "auto"), f.App(t, replica.Options{}, "auto")
		operatortest.AwaitState(t, here, "settled")
		operatortest.AwaitState(t, there, "settled")
		raw := there.Mint(t, map[string]any{"sid": "young"})
		for began := time.Now(); !there.Admits(raw); time.Sleep(time.Millisecond) {
			if time.Since(began) > time.Minute {
				t.Fatal("the other gate does not admit")
			}
		}
		if status, said := operatortest.Order(t, here, http.MethodPost, operator.PathRevocations, `{"session":"young"}`, nil); status != http.StatusOK {
			t.Errorf("answered %d %s", status, said)
		}
	})
}

// forgetful is a store that cannot say who owns a session.
type forgetful struct {
	store.Backend
	owner func(context.Context) error
}

func (f forgetful) Owner(ctx context.Context, _, _ string) (string, error) { return "", f.owner(ctx) }

func (f forgetful) Of(ctx context.Context, _, _ string) ([]store.Session, error) {
	return nil, f.owner(ctx)
}

// Fault: the store does not say which sessions were seen, and takes revocations. A stolen
// session must not go on for that.
func TestARevocationIsNotRefusedBecauseNobodyCanLook(t *testing.T) {
	for name, owner := range map[string]func(context.Context) error{
		"it fails": func(context.Context) error { return errors.New("no answer") },
		"it hangs": func(ctx context.Context) error { <-ctx.Done(); return ctx.Err() },
	} {
		app := operatortest.On(t, forgetful{memstore.New(nil), owner})
		for _, body := range []string{`{"session":"s"}`, `{"subject":"alice"}`} {
			var receipt operator.Receipt
			began := time.Now()
			status, said := operatortest.Order(t, app, http.MethodPost, operator.PathRevocations, body, &receipt)
			if status != http.StatusOK || receipt.Unlooked == "" {
				t.Errorf("%s: %s is answered %d %s", name, body, status, said)
			}
			if took := time.Since(began); took > 10*time.Second {
				t.Errorf("%s: %s took %v", name, body, took)
			}
		}
		if !app.Hub().Holds(app.Hub().Key(store.KindSession, tokentest.Issuer, "s")) {
			t.Errorf("%s: the session is not revoked", name)
		}
	}
}
