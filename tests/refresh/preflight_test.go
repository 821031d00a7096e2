package refresh

import (
	"testing"

	"github.com/sessiongate/sessiongate/tests/answers"
	"github.com/sessiongate/sessiongate/tests/harness"
	"github.com/sessiongate/sessiongate/tests/issuing"
)

// Attack: a preflight with a refresh token in its query. It needs no token here. For an
// endpoint that ignores the method it is a grant. It goes up without its query. In another
// spelling of the path it does not go up.
func TestPreflightOfATokenEndpointCarriesNoGrant(t *testing.T) {
	t.Parallel()
	g := harness.Start(t, harness.Config{TLS: true, Global: harness.EveryProtocol, Gate: "token_endpoint " + issuing.Path})
	question := []string{"Origin: https://app.example.com", "Access-Control-Request-Method: POST"}
	const grant = "?grant_type=refresh_token&refresh_token=r"
	for _, protocol := range []harness.Protocol{harness.HTTP1, harness.HTTP2, harness.HTTP2Clear, harness.HTTP3} {
		t.Run(string(protocol), func(t *testing.T) {
			for _, query := range []string{"", "?", grant} {
				harness.CheckAdmitted(t, g.Over(t, protocol, harness.Request{Method: "OPTIONS", Target: issuing.Path + query, Fields: question}))
				if reached := g.Upstream.TakeOne(t); reached.Method != "OPTIONS" || reached.URI != issuing.Path {
					t.Errorf("%s %s reached the upstream", reached.Method, reached.URI)
				}
			}
			for _, path := range []string{"/" + issuing.Path, issuing.Path + "/", issuing.Path + ".json", "/x/.." + issuing.Path} {
				answers.OtherSpelling.Check(t, g.Over(t, protocol, harness.Request{Method: "OPTIONS", Target: path + grant, Fields: question}))
			}
			harness.CheckUnreached(t, g)
		})
	}
}
