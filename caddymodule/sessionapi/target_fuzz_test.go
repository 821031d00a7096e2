package sessionapi

import (
	"encoding/json"
	"errors"
	"io"
	"net/http/httptest"
	"strings"
	"testing"
	"unicode"
	"unicode/utf8"

	"github.com/sessiongate/sessiongate/caddymodule/caller/callertest"
	"github.com/sessiongate/sessiongate/caddymodule/strictjson"
	"github.com/sessiongate/sessiongate/caddymodule/strictjson/strictjsontest"
)

// sessionIDIn reads a body by the words of the contract and by the tokens of encoding/json.
// It returns the session_id, "" for none, or false for a body that must be refused.
func sessionIDIn(body string) (sessionID string, ok bool) {
	if strings.Trim(body, " \t\r\n") == "null" {
		return "", true
	}
	decoder := json.NewDecoder(strings.NewReader(body))
	if open, err := decoder.Token(); err != nil || open != json.Delim('{') || !utf8.ValidString(body) {
		return "", false
	}
	found := 0
	for decoder.More() {
		name, err := decoder.Token()
		text, isText := name.(string)
		var value json.RawMessage
		if err != nil || !isText || decoder.Decode(&value) != nil || strictjsontest.Depth(string(value)) >= strictjson.MaxDepth {
			return "", false
		}
		if !strings.EqualFold(text, "session_id") {
			continue
		}
		var decoded any
		if text != "session_id" || json.Unmarshal(value, &decoded) != nil {
			return "", false
		}
		if sessionID, isText = decoded.(string); decoded != nil && (!isText || !isSessionID(sessionID)) {
			return "", false
		}
		found++
	}
	if _, err := decoder.Token(); err != nil || found > 1 {
		return "", false
	}
	if _, err := decoder.Token(); !errors.Is(err, io.EOF) {
		return "", false
	}
	return sessionID, true
}

func isSessionID(text string) bool {
	for _, r := range text {
		if unicode.IsControl(r) || r == '\ufffd' {
			return false
		}
	}
	return len(text) >= 1 && len(text) <= 1024
}

// Attack: a body names one session to the gate and another to a reader that decodes it,
// too.
//
//   - An accepted body has the same meaning in a map, in a struct, which ignores letter
//     case, and to a decoder that stops after the first value.
//   - A refused body breaks a rule of the contract.
func FuzzSessionBody(f *testing.F) {
	for _, body := range []string{
		`{"session_id":"a"}`, `{}`, ` {"x":[1],"session_id" : "\u00e9"} `, `{"session_id":"a","SESSION_ID":"b"}`, `{"\u017fession_id":"b"}`,
		`{"session_id":"a"}{"session_id":"b"}`, `{"session_id":null}`, `{"session_id":"\ud800"}`, `{"session_id":""}`, "{\"session_id\":\"\xff\"}", `null`,
		`[{"session_id":"a"}]`, `{"session_id":"` + strings.Repeat("s", 1024) + `"}`, `{"session_id":"` + strings.Repeat("é", 513) + `"}`,
		nested(strictjson.MaxDepth), nested(strictjson.MaxDepth + 1), `{"x":{"session_id":"inner"},"session_id":"outer"}`, `{"session_id":"a\u0085"}`,
		`{"x":1e999,"session_id":"a"}`,
	} {
		f.Add(body)
	}
	f.Fuzz(func(t *testing.T, body string) {
		if len(body) > maxBody || body == "" {
			return
		}
		got, deny := readTarget(httptest.NewRecorder(), jsonBody(body))
		want, ok := sessionIDIn(body)
		if ok != (deny == nil) || got != want || deny != nil && deny != denyBody {
			t.Fatalf("%q names %q, %s; the contract says %q, %t", body, got, callertest.Written(deny), want, ok)
		}
		if deny != nil {
			return
		}
		var inMap map[string]json.RawMessage
		inStruct, first := new(struct {
			SessionID string `json:"session_id"`
		}), new(struct {
			SessionID string `json:"session_id"`
		})
		err := errors.Join(json.Unmarshal([]byte(body), &inMap), json.Unmarshal([]byte(body), inStruct), json.NewDecoder(strings.NewReader(body)).Decode(first))
		if err != nil || inStruct.SessionID != got || first.SessionID != got {
			t.Errorf("%q names %q; decoders say %q and %q, %v", body, got, inStruct.SessionID, first.SessionID, err)
		}
		var text string
		if raw, there := inMap["session_id"]; there && string(raw) != "null" != (got != "") || there && (json.Unmarshal(raw, &text) != nil || text != got) {
			t.Errorf("%q names %q; in a map it is %s", body, got, raw)
		}
	})
}
