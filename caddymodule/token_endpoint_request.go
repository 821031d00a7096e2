package caddymodule

import (
	"bytes"
	"io"
	"net/http"

	"github.com/sessiongate/sessiongate/caddymodule/oauth"
	"github.com/sessiongate/sessiongate/caddymodule/reply"
)

// maxGrant bounds the body of a request to a token endpoint, and its query (invariant 12).
const maxGrant = 64 << 10

// readParameters reads the parameters in the query and the body of a request, and
// leaves the body for the upstream as it was.
//
// Attack: a refresh token in a part that only the upstream reads: in the query, in
// another media type, charset or coding. What the gate does not read does not go
// up.
func readParameters(w http.ResponseWriter, r *http.Request) (*oauth.Parameters, *reply.Denial) {
	parameters := new(oauth.Parameters)
	if len(r.URL.RawQuery) > maxGrant {
		return nil, denyGrantQuery
	}
	if err := parameters.AddQuery(r.URL.RawQuery); err != nil {
		return nil, denyGrantRule(err)
	}
	media := reply.MediaType(r.Header)
	switch {
	case r.ContentLength > maxGrant:
		return nil, denyGrantTooLarge
	case r.ContentLength > 0 && media == reply.MediaOther:
		return nil, denyGrantMediaType // without having the client send it first
	}
	body, err := reply.ReadBody(w, r, maxGrant+1)
	switch {
	case len(body) > maxGrant:
		return nil, denyGrantTooLarge
	case err != nil:
		return nil, denyGrantRequest
	case len(body) > 0 && media == reply.MediaForm:
		err = parameters.AddForm(string(body))
	case len(body) > 0 && media == reply.MediaJSON:
		err = parameters.AddJSON(body)
	case len(body) > 0:
		return nil, denyGrantMediaType
	}
	if err != nil {
		return nil, denyGrantRule(err)
	}
	handOn(r, body)
	return parameters, nil
}

// handOn gives a request the body that was read from it.
func handOn(r *http.Request, body []byte) {
	r.ContentLength, r.TransferEncoding, r.Trailer = int64(len(body)), nil, nil
	if r.Body = http.NoBody; len(body) > 0 {
		r.Body = io.NopCloser(bytes.NewReader(body))
	}
}
