package caddymodule

import (
	"net/http"
	"time"

	"github.com/sessiongate/sessiongate/caddymodule/credential"
	"github.com/sessiongate/sessiongate/caddymodule/reply"
	"github.com/sessiongate/sessiongate/caddymodule/token"
	"github.com/sessiongate/sessiongate/store/replica"
)

// bearer finds and verifies the token of a request. Where it came from is known of
// one that was found, also if it is not good.
func (g *Gate) bearer(r *http.Request, now time.Time) (*token.Verified, credential.Source, *reply.Denial) {
	raw, source, err := g.extractor.Extract(r)
	if err != nil {
		return nil, source, denyCredential(err)
	}
	t, err := g.app.verifier.Verify(raw, now)
	if err != nil {
		return nil, source, denyCredential(err)
	}
	return t, source, nil
}

// checkRevoked refuses a token that is revoked, or of which that is not known.
func (g *Gate) checkRevoked(t *token.Verified, now time.Time) *reply.Denial {
	return denyVerdict(g.app.hub.Check(&t.Keys, now))
}

// denyVerdict maps what a check found to an answer.
func denyVerdict(verdict replica.Verdict) *reply.Denial {
	switch verdict {
	case replica.Clear:
		return nil
	case replica.Unavailable:
		return denyUnavailable
	default:
		return denyRevoked
	}
}
