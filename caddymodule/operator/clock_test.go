package operator_test

import (
	"fmt"
	"testing"
	"testing/synctest"
	"time"

	"github.com/sessiongate/sessiongate/caddymodule/operator/operatortest"
)

// byInstant are the revocations of everything up to now.
var byInstant = map[string]string{"subject": `{"subject":"alice"}`, "issuer": `{"issuer_before":true}`}

// Attack: the issuer's clock is ahead, so a token that was stolen before the revocation says
// that it is from after it. The gate has never seen it, but it has seen by how much the issuer
// is ahead. A login right after the answer is admitted.
func TestAFastIssuersTokensAreRevokedUpToNow(t *testing.T) {
	for by, body := range byInstant {
		t.Run(by, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				app := operatortest.New(t)
				ahead := func(sid string) string {
					return app.Mint(t, map[string]any{"sid": sid, "jti": sid, "iat": time.Now().Unix() + 20})
				}
				app.WantAdmitted(t, ahead("seen"), true)
				time.Sleep(time.Minute)
				stolen, began := ahead("stolen"), time.Now()
				got := revokes(t, app, body)
				if took := time.Since(began); took > time.Second {
					t.Errorf("answered after %v, want a second at the most", took)
				}
				if want := began.Add(20 * time.Second); got.Revoked[0].NotBefore == nil || !got.Revoked[0].NotBefore.Equal(want) {
					t.Errorf("the receipt says %v, want %v", got.Revoked[0].NotBefore, want)
				}
				app.WantAdmitted(t, stolen, false)
				app.WantAdmitted(t, ahead("a login right after"), true)
				// An instant that the operator names is the issuer's own.
				next := ahead("next")
				revokes(t, app, fmt.Sprintf(`{"subject":"alice","before":%d}`, time.Now().Unix()))
				app.WantAdmitted(t, next, true)
			})
		})
	}
}

// A slow issuer's tokens look older than they are: nothing is left of those from before the
// revocation, and a login is refused until the issuer's clock has caught up.
func TestASlowIssuersTokensAreRevokedUpToNow(t *testing.T) {
	for by, body := range byInstant {
		t.Run(by, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				app := operatortest.New(t)
				behind := func(sid string) string {
					return app.Mint(t, map[string]any{"sid": sid, "jti": sid, "iat": time.Now().Unix() - 20})
				}
				stolen, began := behind("stolen"), time.Now()
				revokes(t, app, body)
				app.WantAdmitted(t, stolen, false)
				for after := 1; after <= 21; after++ {
					time.Sleep(time.Until(began.Add(time.Duration(after) * time.Second)))
					app.WantAdmitted(t, behind("a login"), after > 20)
				}
			})
		})
	}
}
