package caddymodule

import (
	"bytes"
	"io"
	"mime"
	"net/http"
	"strings"

	"github.com/sessiongate/sessiongate/caddymodule/oauth"
)

// maxGrant bounds the body of a request to a token endpoint, and its query (invariant 12).
const maxGrant = 64 << 10

// readParameters reads the parameters in the query and the body of a request, and
// leaves the body for the upstream as it was.
//
// Attack: a refresh token in a part that only the upstream reads: in the query, in
// another media type, charset or coding. What the gate does not read does not go
// up.
func readParameters(w http.ResponseWriter, r *http.Request) (*oauth.Parameters, *denial) {
	parameters := new(oauth.Parameters)
	if len(r.URL.RawQuery) > maxGrant {
		return nil, denyGrantQuery
	}
	if err := parameters.AddQuery(r.URL.RawQuery); err != nil {
		return nil, denyGrantRule(err)
	}
	kind := bodyKind(r.Header)
	switch {
	case r.ContentLength > maxGrant:
		return nil, denyGrantTooLarge
	case r.ContentLength > 0 && kind == unreadable:
		return nil, denyGrantMediaType // without having the client send it first
	}
	body, err := readBody(w, r, maxGrant+1)
	switch {
	case len(body) > maxGrant:
		return nil, denyGrantTooLarge
	case err != nil:
		return nil, denyGrantRequest
	case len(body) > 0 && kind == form:
		err = parameters.AddForm(string(body))
	case len(body) > 0 && kind == document:
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

// kind is how the body of a request is read.
type kind uint8

const (
	unreadable kind = iota
	form
	document // JSON
)

// bodyKind tells how everybody reads a body.
func bodyKind(header http.Header) kind {
	types := header["Content-Type"]
	if isJSON(header) {
		return document
	}
	if len(types) != 1 || len(header["Content-Encoding"]) > 0 || !isPlain(types[0]) {
		return unreadable
	}
	mediaType, parameters, err := mime.ParseMediaType(types[0])
	if err != nil || mediaType != "application/x-www-form-urlencoded" {
		return unreadable
	}
	for name, value := range parameters {
		if name != "charset" || !strings.EqualFold(value, "utf-8") {
			return unreadable
		}
	}
	return form
}
