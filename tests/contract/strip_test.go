package contract

import (
	"testing"

	"github.com/sessiongate/sessiongate/tests/harness"
)

func TestStripTokenKeepsTheTokenFromTheUpstream(t *testing.T) {
	t.Parallel()
	harness.EachStore(t, func(t *testing.T, store string) {
		const sources = "token header Authorization\ntoken cookie session\n"
		stripping := harness.Start(t, harness.Config{Store: store, Gate: sources + "strip_token"})
		passing := harness.Start(t, harness.Config{
			Store: "store memory", Gate: sources, Key: stripping.Key, Upstream: stripping.Upstream,
		})
		token := stripping.Token(nil)
		for name, c := range map[string]struct{ sent, field, stripped string }{
			"a field":                {"Authorization: Bearer " + token, "Authorization", ""},
			"the only cookie":        {"Cookie: session=" + token, "Cookie", ""},
			"the first cookie":       {"Cookie: session=" + token + "; theme=dark", "Cookie", "theme=dark"},
			"a cookie in the middle": {"Cookie: a=1; session=" + token + "; b=2", "Cookie", "a=1; b=2"},
			"beside its name":        {"Cookie: note=a session=b; x=\"c, session=d\"; session=" + token, "Cookie", "note=a session=b; x=\"c, session=d\""},
			"the last cookie":        {"Cookie: mysession=x; sessions=y; session=" + token, "Cookie", "mysession=x; sessions=y"},
		} {
			t.Run(name, func(t *testing.T) {
				harness.CheckAdmitted(t, stripping.Raw(t, harness.Lines("GET / HTTP/1.1", c.sent)))
				if got := stripping.Upstream.TakeOne(t).Header.Get(c.field); got != c.stripped {
					t.Errorf("upstream got %s: %q, want %q", c.field, got, c.stripped)
				}
				harness.CheckAdmitted(t, passing.Raw(t, harness.Lines("GET / HTTP/1.1", c.sent)))
				if got := passing.Upstream.TakeOne(t).Header.Get(c.field); c.field+": "+got != c.sent {
					t.Errorf("without strip_token the upstream got %s: %q, want %q", c.field, got, c.sent)
				}
			})
		}
		t.Run("an Authorization that is none of its business", func(t *testing.T) {
			harness.CheckAdmitted(t, stripping.Raw(t, harness.Lines("GET / HTTP/1.1", "Cookie: session="+token, "Authorization: Basic YTpi")))
			if got := stripping.Upstream.TakeOne(t).Header.Get("Authorization"); got != "Basic YTpi" {
				t.Errorf("upstream got Authorization: %q", got)
			}
		})
	})
}
