package refresh

import (
	"testing"

	"github.com/sessiongate/sessiongate/tests/harness"
	"github.com/sessiongate/sessiongate/tests/issuing"
)

// Attack: make reverse_proxy drop the media type by which the gate has read the body, so
// that the endpoint reads it as another one.
func TestTheMediaTypeOfATokenRequestArrives(t *testing.T) {
	t.Parallel()
	g := harness.Start(t, harness.Config{Gate: "token_endpoint " + issuing.Path, TLS: true})
	const media = "application/json"
	harness.EachProtocol(t, func(t *testing.T, protocol harness.Protocol) {
		fields := []string{"Content-Type: " + media}
		if protocol == harness.HTTP1 { // other versions have no such field (RFC 9113 §8.2.2)
			fields = append(fields, "Connection: Content-Type, close")
		}
		g.Over(t, protocol, harness.Request{Method: "POST", Target: issuing.Path, Body: `{"grant_type":"password"}`, Fields: fields})
		if got := g.Upstream.TakeOne(t); got.Header.Get("Content-Type") != media {
			t.Errorf("the token endpoint got the media type %q, want %q", got.Header.Get("Content-Type"), media)
		}
	})
}
