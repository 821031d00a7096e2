package keys

import (
	"bytes"
	"crypto"
	"encoding/base64"
	"encoding/json"
	"slices"
	"strings"

	"github.com/go-jose/go-jose/v4"

	"github.com/sessiongate/sessiongate/caddymodule/strictjson"
)

// publicMembers are the members that make up a public key (RFC 7518 §6, RFC 8037 §2). The
// library gets these and no others.
var publicMembers = []string{"kty", "crv", "n", "e", "x", "y"}

// coordinateSizes are the lengths of the coordinates on a curve, in bytes (RFC 7518 §6.2.1.2).
var coordinateSizes = map[string]int{"P-256": 32, "P-384": 48, "P-521": 66}

// readPublicKey reads the public key of a JSON Web Key. A null member is absent.
//
// Issuers encode numbers in ways that the RFC forbids: with padding, in the alphabet of
// standard base64, and EC coordinates without their leading zeros or with one more (Java's
// BigInteger). The number is the same, so these are read. The certificate of a key is not
// looked at (`x5c`, `x5t`, `x5t#S256`, `x5u`): an old or damaged one is no fault of the key.
func readPublicKey(m strictjson.Members) (crypto.PublicKey, error) {
	read := make(map[string]string, len(publicMembers))
	for _, name := range publicMembers {
		text, err := optionalText(m, name)
		if err != nil {
			return nil, err
		}
		read[name] = text
	}
	for _, name := range []string{"n", "e", "x", "y"} {
		number, err := decodeNumber(read[name])
		if err != nil {
			return nil, keyError{name, "it is not base64"}
		}
		if size, ok := coordinateSizes[read["crv"]]; ok && (name == "x" || name == "y") {
			number = resize(number, size)
		}
		read[name] = base64.RawURLEncoding.EncodeToString(number)
	}
	for name, text := range read {
		if text == "" {
			delete(read, name)
		}
	}
	document, err := json.Marshal(read)
	if err != nil {
		return nil, keyError{"kty", "it cannot be encoded"}
	}
	var parsed jose.JSONWebKey
	if err := parsed.UnmarshalJSON(document); err != nil {
		// The library's text may quote the key.
		return nil, keyError{suspect(read), "it is of an unknown type, too large or damaged"}
	}
	return parsed.Key, nil
}

// decodeNumber decodes base64url, also with padding, and standard base64.
func decodeNumber(text string) ([]byte, error) {
	text = strings.NewReplacer("+", "-", "/", "_").Replace(strings.TrimRight(text, "="))
	return base64.RawURLEncoding.DecodeString(text)
}

// resize returns a number in as many bytes, if it fits. An empty one stays empty: it is a
// missing number, and not zero.
func resize(number []byte, size int) []byte {
	significant := bytes.TrimLeft(number, "\x00")
	if len(number) == 0 || len(significant) > size {
		return number
	}
	return append(make([]byte, size-len(significant), size), significant...)
}

// suspect returns the member at which a reader of the log should look first.
func suspect(read map[string]string) string {
	switch read["kty"] {
	case "RSA":
		return "n"
	case "EC":
		if _, known := coordinateSizes[read["crv"]]; known {
			return "x"
		}
		return "crv"
	case "OKP":
		return "crv"
	default:
		return "kty"
	}
}

// publishedKey returns the public key of a key that also holds its private members, in any
// letter case, or nil. An empty secret and null reveal nothing.
func publishedKey(m strictjson.Members) crypto.PublicKey {
	var public strictjson.Members
	secret := false
	for _, member := range m {
		name := strictjson.Fold(member.Name)
		switch {
		case slices.Contains(publicMembers, name):
			public = append(public, strictjson.Member{Name: name, Value: member.Value})
		case slices.Contains(privateMembers, name):
			secret = secret || !isNull(member.Value) && string(member.Value) != `""`
		}
	}
	if !secret {
		return nil
	}
	key, err := readPublicKey(public)
	if err != nil {
		return nil
	}
	return key
}

// optionalText returns a member that is a string. A missing, null or empty one is "".
func optionalText(m strictjson.Members, name string) (string, error) {
	value, ok := m.Find(name)
	if !ok || isNull(value) {
		return "", nil
	}
	text, isText := strictjson.Text(value)
	if !isText {
		return "", keyError{name, "it is not a string"}
	}
	return text, nil
}

func isNull(value json.RawMessage) bool { return string(value) == "null" }
