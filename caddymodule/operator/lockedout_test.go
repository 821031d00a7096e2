package operator_test

import (
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/sessiongate/sessiongate/caddymodule/hub"
	"github.com/sessiongate/sessiongate/caddymodule/operator/operatortest"
	"github.com/sessiongate/sessiongate/store"
)

// Fault: a user logs in again after a logout, and stays locked out, because the issuer's own
// session goes on. The person on call asks about the new token, and learns that. A token from
// before the logout is only revoked.
func TestATokenOfASessionThatGoesOnAtTheIssuerIsExplained(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		app := operatortest.New(t)
		old := app.Mint(t, map[string]any{"sid": "ended", "iat": time.Now().Unix()})
		verified, err := app.Verifier().Verify(old, time.Now())
		if err != nil {
			t.Fatal(err)
		}
		r := store.Revocation{Kind: store.KindSession, Key: verified.Keys.Session, Expires: app.Hub().Expires(time.Now())}
		if err := app.Hub().Revoke(t.Context(), hub.Cause{Source: store.SourceEndpoint}, r); err != nil {
			t.Fatal(err)
		}
		time.Sleep(2 * time.Second)
		const lockedOut = "stays locked out until it ends there, too (end_session_endpoint)"
		if _, last := explain(t, app, old); last.Step != "revocation" || strings.Contains(last.Detail, lockedOut) {
			t.Errorf("a token from before the logout is explained as %+v", last)
		}
		anew := app.Mint(t, map[string]any{"sid": "ended", "iat": time.Now().Unix()})
		if _, last := explain(t, app, anew); !strings.Contains(last.Detail, lockedOut) {
			t.Errorf("a token of a login after the logout is explained as %+v", last)
		}
	})
}
