package token_test

import (
	"encoding/json"
	"errors"
	"io"
	"strings"
	"unicode/utf8"

	"github.com/sessiongate/sessiongate/caddymodule/credential"
	"github.com/sessiongate/sessiongate/caddymodule/strictjson"
	"github.com/sessiongate/sessiongate/caddymodule/strictjson/strictjsontest"
)

// reference is a literal reading of the specifications, up to the choice of a key. Tests
// compare the verifier with it.
type reference struct {
	parts             [3][]byte
	algorithm, keyID  string
	malformed, refuse bool
}

// readReference reads a JWS in compact form: RFC 7515 §7.1, with RFC 4648 §5 for
// the alphabet and §3.5 for the spare bits, RFC 7515 §4.1 for the header.
func readReference(raw string) (r reference) {
	texts := strings.Split(raw, ".")
	if len(texts) != 3 || len(raw) > credential.MaxSize {
		return reference{malformed: true}
	}
	for i, text := range texts {
		decoded, inAlphabet, whole := base64url(text)
		if !inAlphabet || text == "" {
			return reference{malformed: true}
		}
		r.parts[i], r.refuse = decoded, r.refuse || !whole
	}
	if !r.refuse {
		r.refuse = !r.readHeader()
	}
	return r
}

// base64url decodes literally: six bits for each character, and spare bits must be zero.
func base64url(text string) (decoded []byte, inAlphabet, whole bool) {
	const alphabet = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_"
	bits, have := 0, 0
	for _, c := range []byte(text) {
		value := strings.IndexByte(alphabet, c)
		if value < 0 {
			return nil, false, false
		}
		bits, have = bits<<6|value, have+6
		if have >= 8 {
			have -= 8
			decoded = append(decoded, byte(bits>>have))
			bits &= 1<<have - 1
		}
	}
	return decoded, true, bits == 0 && have < 6
}

// readHeader applies the rules of this gate to the members that encoding/json finds.
func (r *reference) readHeader() bool {
	names, values, ok := readObject(r.parts[0])
	if !ok {
		return false
	}
	text := map[string]string{}
	for i, name := range names {
		switch name {
		case "crit", "b64":
			return false
		case "typ", "alg", "kid":
			var value any
			if json.Unmarshal(values[i], &value) != nil {
				return false
			}
			if value == nil { // as if it were absent
				continue
			}
			if text[name], ok = value.(string); !ok {
				return false
			}
		}
	}
	if typ := text["typ"]; typ != "" {
		switch strings.ToLower(typ) {
		case "jwt", "at+jwt", "application/jwt", "application/at+jwt":
		default:
			return false
		}
	}
	r.algorithm, r.keyID = text["alg"], text["kid"]
	_, given := text["alg"]
	return given
}

// readObject reads the one JSON object in doc by the tokens of encoding/json. ok is false
// if decoders could disagree: for invalid UTF-8, duplicate names, trailing data, or the
// depth.
func readObject(doc []byte) (names []string, values []json.RawMessage, ok bool) {
	decoder := json.NewDecoder(strings.NewReader(string(doc)))
	if open, err := decoder.Token(); err != nil || open != json.Delim('{') || !utf8.Valid(doc) {
		return nil, nil, false
	}
	for decoder.More() {
		name, err := decoder.Token()
		text, isText := name.(string)
		var value json.RawMessage
		if err != nil || !isText || decoder.Decode(&value) != nil || strictjsontest.Depth(string(value)) >= strictjson.MaxDepth {
			return nil, nil, false
		}
		for _, other := range names {
			if strings.EqualFold(text, other) {
				return nil, nil, false
			}
		}
		names, values = append(names, text), append(values, value)
	}
	if _, err := decoder.Token(); err != nil {
		return nil, nil, false
	}
	_, err := decoder.Token()
	return names, values, errors.Is(err, io.EOF)
}
