package caller_test

import (
	"net/http"
	"testing"
	"time"

	"github.com/sessiongate/sessiongate/caddymodule/caller"
	"github.com/sessiongate/sessiongate/caddymodule/caller/callertest"
	"github.com/sessiongate/sessiongate/caddymodule/credential"
	"github.com/sessiongate/sessiongate/caddymodule/reply"
	"github.com/sessiongate/sessiongate/caddymodule/token"
	"github.com/sessiongate/sessiongate/caddymodule/token/tokentest"
	"github.com/sessiongate/sessiongate/store"
	"github.com/sessiongate/sessiongate/store/replica"
)

// A log needs the rule that a request breaks, and its user where the signature is good. The
// answer is the same for all of them.
func TestARefusalHasADetailForLogs(t *testing.T) {
	g := callertest.New(t, "HS256")
	read := func(raw string) *reply.Denial {
		_, _, deny := g.Reader.Read(callertest.Request(http.MethodGet, "/", raw, ""), new(time.Now()))
		return deny
	}
	for name, c := range map[string]struct{ raw, issuer, subject, rule string }{
		"no token":    {"", "", "", "no credential"},
		"broken":      {"x", "", "", "not three parts, so it is opaque or encrypted, or no token at all; let the issuer issue signed JWTs"},
		"not for us":  {g.Mint(t, map[string]any{"iat": time.Now().Unix() - 3600, "exp": time.Now().Unix() - 60}), tokentest.Issuer, "alice", "its time is over"},
		"not from us": {g.Mint(t, map[string]any{"iss": "https://evil.example"}), "", "", "iss is not trusted"},
	} {
		deny := read(c.raw)
		if got := deny.Detail; got.Issuer != c.issuer || got.Subject != c.subject || token.Rule(got.Err) != c.rule {
			t.Errorf("%s: the detail is %+v, want %+v", name, got, c)
		}
		if name != "no token" && callertest.Written(deny) != callertest.Written(caller.Invalid) {
			t.Errorf("%s: answered %s", name, callertest.Written(deny))
		}
	}
	g.Revoke(t, store.KindSession, "over", 0)
	verified, _, _ := g.Reader.Read(callertest.Request(http.MethodGet, "/", g.Of(t, "over"), ""), new(time.Now()))
	deny := caller.Of(verified, g.Reader.Check(verified, time.Now()), nil)
	if got := deny.Detail; got.Issuer != tokentest.Issuer || got.Subject != "alice" || got.Err == nil || !deny.Is(reply.Revoked) {
		t.Errorf("a revoked token: the detail is %+v", got)
	}
	deny = caller.Of(verified, deny, caller.VerdictError(replica.BySession|replica.ByFloor))
	if got := deny.Detail.Err.Error(); got != "its session is revoked; it was issued before the store lost revocations" {
		t.Errorf("the rule is %q", got)
	}
	if got := caller.DenyCredential(credential.ErrMissing); got.Detail.Err != credential.ErrMissing {
		t.Errorf("no credential: the detail is %+v", got.Detail)
	}
}
