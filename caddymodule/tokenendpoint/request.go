package tokenendpoint

import (
	"bytes"
	"io"
	"net/http"

	"github.com/sessiongate/sessiongate/caddymodule/oauth"
	"github.com/sessiongate/sessiongate/caddymodule/reply"
)

// maxRequest bounds the body of a request to a token endpoint, and its query (invariant 12).
const maxRequest = 64 << 10

// readParameters reads the parameters in the query and the body of a request. It leaves the
// body unchanged for the upstream.
//
// Attack: a refresh token in a part that only the upstream reads: in the query, or in
// another media type, charset or coding. The gate does not pass on parts that it does not
// read.
func readParameters(w http.ResponseWriter, r *http.Request, names oauth.Names) (*oauth.Parameters, *reply.Denial) {
	parameters := &oauth.Parameters{Names: names}
	if len(r.URL.RawQuery) > maxRequest {
		return nil, denyQuery
	}
	if err := parameters.AddQuery(r.URL.RawQuery); err != nil {
		return nil, denyRule(err)
	}
	media := reply.MediaType(r.Header)
	switch {
	case r.ContentLength > maxRequest:
		return nil, denyTooLarge
	case r.ContentLength > 0 && media == reply.MediaOther:
		return nil, denyMediaType // refused before the client sends the body
	}
	body, err := reply.ReadBody(w, r, maxRequest+1)
	switch {
	case len(body) > maxRequest:
		return nil, denyTooLarge
	case err != nil:
		return nil, denyRequest
	case len(body) > 0 && media == reply.MediaForm:
		err = parameters.AddForm(string(body))
	case len(body) > 0 && media == reply.MediaJSON:
		err = parameters.AddJSON(body)
	case len(body) > 0:
		return nil, denyMediaType
	}
	if err != nil {
		return nil, denyRule(err)
	}
	replaceBody(r, body)
	return parameters, nil
}

// replaceBody gives a request a body that was already read.
func replaceBody(r *http.Request, body []byte) {
	r.ContentLength, r.TransferEncoding, r.Trailer = int64(len(body)), nil, nil
	if r.Body = http.NoBody; len(body) > 0 {
		r.Body = io.NopCloser(bytes.NewReader(body))
	}
}
