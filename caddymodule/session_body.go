package caddymodule

import (
	"encoding/json"
	"errors"
	"mime"
	"net/http"
	"strings"

	"github.com/sessiongate/sessiongate/caddymodule/strictjson"
	"github.com/sessiongate/sessiongate/caddymodule/token"
)

// maxBody bounds the body of a session call (invariant 12).
const maxBody = 4 << 10

// readTarget reads the body of a DELETE: the session_id that it names, "" if it
// names none, or why it is refused. A body that does not come in time is as
// incomplete as one that breaks off: 400, because a 408 would have browsers and
// proxies send the same once more, unasked.
func readTarget(w http.ResponseWriter, r *http.Request) (sessionID string, deny *denial) {
	switch {
	case r.ContentLength > maxBody:
		return "", denyTooLarge
	case r.ContentLength > 0 && !isJSON(r.Header):
		return "", denyMediaType // without having the client send it first
	}
	body, err := readBody(w, r, maxBody+1)
	switch {
	case len(body) > maxBody:
		return "", denyTooLarge
	case err != nil:
		return "", denyBody
	case len(body) == 0:
		return "", nil
	case !isJSON(r.Header):
		return "", denyMediaType
	}
	sessionID, err = parseTarget(body)
	if err != nil {
		return "", denyBody
	}
	return sessionID, nil
}

// isJSON reports whether the body is said to be JSON in UTF-8 and nothing else:
// what a proxy in between could take for something different is refused.
func isJSON(header http.Header) bool {
	types := header["Content-Type"]
	if len(types) != 1 || len(header["Content-Encoding"]) > 0 {
		return false
	}
	mediaType, parameters, err := mime.ParseMediaType(types[0])
	if err != nil || mediaType != "application/json" || !isPlain(types[0]) {
		return false
	}
	for name, value := range parameters {
		if name != "charset" || !strings.EqualFold(value, "utf-8") {
			return false
		}
	}
	return true
}

// isPlain reports whether a media type is free of what only some readers decode
// or drop: charset*0=utf (RFC 2231 §3), charset*=us-ascii'en'utf-8 (§4),
// charset="u\tf-8" (RFC 9110 §5.6.4), and blanks that HTTP does not have.
func isPlain(mediaType string) bool {
	for i := range len(mediaType) {
		if c := mediaType[i]; c < ' ' && c != '\t' || c > '~' || c == '*' || c == '\\' {
			return false
		}
	}
	return true
}

var errTarget = errors.New("session_id is not one usable string")

// parseTarget returns the session_id in a JSON object, or "" if there is none.
// Other members are ignored.
//
// Attack: {"session_id":"mine","SESSION_ID":"yours"}, where two readers of one
// body see two sessions. A name that differs in case only is refused also
// alone.
//
// Invariant 6: ids are opaque strings of 1 to 256 bytes, held to one
// rule here and in tokens.
func parseTarget(body []byte) (sessionID string, err error) {
	seen := false
	err = strictjson.Scan(body, strictjson.MaxDepth, func(name string, value json.RawMessage) error {
		if !strings.EqualFold(name, "session_id") {
			return nil
		}
		text, ok := strictjson.Text(value)
		if seen || name != "session_id" || !ok || !token.ValidID(text) {
			return errTarget
		}
		seen, sessionID = true, text
		return nil
	})
	return sessionID, err
}
