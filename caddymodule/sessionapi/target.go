package sessionapi

import (
	"bytes"
	"encoding/json"
	"errors"
	"net/http"
	"strings"

	"github.com/sessiongate/sessiongate/caddymodule/reply"
	"github.com/sessiongate/sessiongate/caddymodule/strictjson"
	"github.com/sessiongate/sessiongate/caddymodule/token"
)

// maxBody bounds the body of a session call (invariant 12).
const maxBody = 4 << 10

// readTarget reads the session_id in the body of a DELETE, or "" if there is none, or
// returns why the body is refused. A body that does not arrive in time is answered 400,
// like a body that breaks off. Browsers and proxies would retry after a 408 by themselves.
func readTarget(w http.ResponseWriter, r *http.Request) (sessionID string, deny *reply.Denial) {
	switch {
	case r.ContentLength > maxBody:
		return "", denyTooLarge
	case r.ContentLength > 0 && reply.MediaType(r.Header) != reply.MediaJSON:
		return "", denyMediaType // refused before the client sends the body
	}
	body, err := reply.ReadBody(w, r, maxBody+1)
	switch {
	case len(body) > maxBody:
		return "", denyTooLarge
	case err != nil:
		return "", denyBody
	case len(body) == 0:
		return "", nil
	case reply.MediaType(r.Header) != reply.MediaJSON:
		return "", denyMediaType
	case isNull(body):
		return "", nil
	}
	sessionID, err = parseTarget(body)
	if err != nil {
		return "", denyBody
	}
	return sessionID, nil
}

// isNull reports whether a JSON text is null. Clients that always send a body write so that
// they have none.
func isNull(text []byte) bool { return string(bytes.Trim(text, " \t\r\n")) == "null" }

var errTarget = errors.New("session_id is not one usable string")

// parseTarget returns the session_id in a JSON object, or "" if there is none, or null. It
// ignores other members.
//
// Attack: {"session_id":"mine","SESSION_ID":"yours"}, in which two readers find two
// sessions. A name that differs only in letter case is refused even alone.
//
// Invariant 6: ids are opaque strings of 1 to 1024 bytes, by the same rule here and in
// tokens.
func parseTarget(body []byte) (sessionID string, err error) {
	seen := false
	err = strictjson.Scan(body, strictjson.MaxDepth, func(name string, value json.RawMessage) error {
		if !strings.EqualFold(name, "session_id") {
			return nil
		}
		text, ok := strictjson.Text(value)
		if seen || name != "session_id" || !isNull(value) && (!ok || !token.ValidID(text)) {
			return errTarget
		}
		seen, sessionID = true, text
		return nil
	})
	return sessionID, err
}

// readSegment reads the session id in the path.
func (a *API) readSegment(w http.ResponseWriter, r *http.Request) (sessionID string, deny *reply.Denial) {
	sessionID, ok := a.o.Children.Child(r.URL)
	if !ok || !token.ValidID(sessionID) {
		return "", denySegment
	}
	return sessionID, refuseContent(w, r)
}

// refuseContent refuses a request with a body.
//
// Attack, or mistake: DELETE of all sessions with a body that names one session, sent to
// the wrong path. The call must not end more than was meant.
func refuseContent(w http.ResponseWriter, r *http.Request) *reply.Denial {
	if r.ContentLength > 0 {
		return denyContent // refused before the client sends the body
	}
	if body, err := reply.ReadBody(w, r, 1); err != nil || len(body) > 0 {
		return denyContent
	}
	return nil
}
