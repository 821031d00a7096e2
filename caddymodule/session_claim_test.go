package caddymodule

import (
	"log/slog"
	"strings"
	"testing"
)

// Fault: an operator takes the name of the user for that of a session. One logout then keeps
// the user out for the whole retention, with every new login, and nothing says why.
func TestASessionClaimThatIsNoSessionIsAWarning(t *testing.T) {
	for claim, warned := range map[string]bool{"sub": true, "oid": true, "client_id": true, "sid": false, "session_state": false} {
		var log strings.Builder
		i := &Issuer{
			Issuer: "https://id.example.com", HMACSecret: []string{strings.Repeat("s", 32)}, AnyAudience: true,
			SessionClaim: ClaimNames{claim},
		}
		if _, _, err := i.options(slog.New(slog.NewTextHandler(&log, nil))); err != nil {
			t.Fatal(err)
		}
		if got := strings.Contains(log.String(), "claim="+claim); got != warned {
			t.Errorf("%s: the log has %q, want a warning: %t", claim, &log, warned)
		}
	}
}
