package keys

import (
	"bytes"
	"crypto"
	"encoding/json"
	"fmt"
	"slices"

	"github.com/go-jose/go-jose/v4"

	"github.com/sessiongate/sessiongate/caddymodule/strictjson"
)

// jwk is a usable public key of a set (RFC 7517).
type jwk struct {
	id     string // `kid`, "" for none
	public any
	fits   []*algorithm
}

// The members of a JSON Web Key (RFC 7517 §4, RFC 7518 §6, RFC 8037 §2).
var (
	// privateMembers are the secret ones of RSA, EC, OKP, oct and AKP keys.
	privateMembers = []string{"d", "p", "q", "dp", "dq", "qi", "oth", "k", "priv"}
	publicMembers  = []string{"kty", "crv", "n", "e", "x", "y"}
	otherMembers   = []string{"use", "key_ops", "alg", "kid", "x5u", "x5c", "x5t", "x5t#S256", "pub"}
	allMembers     = slices.Concat(privateMembers, publicMembers, otherMembers)
)

// parseJWK reads a key from its text and the members in it.
func parseJWK(text json.RawMessage, m strictjson.Members) (jwk, error) {
	if err := checkNames(m); err != nil {
		return jwk{}, err
	}
	if err := checkPurpose(m); err != nil {
		return jwk{}, err
	}
	id, _, err := m.Text("kid")
	if err != nil {
		return jwk{}, fmt.Errorf("reading key: its kid is not a string")
	}
	name, named, err := m.Text("alg")
	if err != nil {
		return jwk{}, fmt.Errorf("reading key: its alg is not a string")
	}
	var parsed jose.JSONWebKey
	if err := parsed.UnmarshalJSON(text); err != nil {
		// The library's text may quote the key.
		return jwk{}, fmt.Errorf("reading key: of an unknown type, too large or damaged")
	}
	if err := checkPublicKey(parsed.Key); err != nil {
		return jwk{}, err
	}
	key := jwk{id: id, public: parsed.Key, fits: algorithmsFor(parsed.Key)}
	if named {
		key.fits = slices.DeleteFunc(key.fits, func(a *algorithm) bool { return a.name != name })
	}
	if len(key.fits) == 0 {
		return jwk{}, fmt.Errorf("reading key: its alg is not a signature of its type")
	}
	return key, nil
}

// checkNames refuses members whose name is a known one in another letter case. Names are
// compared exactly here (RFC 7517 §4), but the library that reads the numbers ignores case:
// `"USE":"enc"` and `"D"` must not pass the checks and then be read.
func checkNames(m strictjson.Members) error {
	for _, member := range m {
		if slices.Contains(allMembers, member.Name) {
			continue
		}
		if slices.ContainsFunc(allMembers, func(known string) bool {
			return strictjson.Fold(known) == strictjson.Fold(member.Name)
		}) {
			return fmt.Errorf("reading key: the name of a member is in another case")
		}
	}
	return nil
}

// checkPurpose refuses keys that are not published for verifying signatures.
func checkPurpose(m strictjson.Members) error {
	// A secret in a public document, even an empty one, is a mistake of the issuer. A
	// symmetric key would also let everybody who can read it sign.
	for _, name := range privateMembers {
		if _, private := m.Find(name); private {
			return fmt.Errorf("reading key: it is private or symmetric")
		}
	}
	if use, has, err := m.Text("use"); err != nil || has && use != "sig" {
		return fmt.Errorf("reading key: its use is not sig")
	}
	if value, has := m.Find("key_ops"); has {
		return checkOperations(value)
	}
	return nil
}

// checkOperations reads `key_ops` (RFC 7517 §4.3): distinct texts, and `verify`
// among them.
//
// Attack: a private key that also decrypts or unwraps. An RSA key behind a padding oracle
// signs whatever it is asked to, so a key for both purposes is not used.
func checkOperations(value json.RawMessage) error {
	elements, _ := strictjson.Elements(value)
	var operations []string
	for _, element := range elements {
		operation, isText := strictjson.Text(element)
		if !isText || slices.Contains(operations, operation) {
			return fmt.Errorf("reading key: its key_ops are not distinct texts")
		}
		operations = append(operations, operation)
	}
	if !slices.Contains(operations, "verify") {
		return fmt.Errorf("reading key: its key_ops do not hold verify")
	}
	for _, operation := range []string{"encrypt", "decrypt", "wrapKey", "unwrapKey", "deriveKey", "deriveBits"} {
		if slices.Contains(operations, operation) {
			return fmt.Errorf("reading key: its key_ops are not for signatures alone")
		}
	}
	return nil
}

// publishedKey returns the public key of a key that also holds its private members, in any
// letter case, or nil. An empty secret and null reveal nothing.
func publishedKey(m strictjson.Members) crypto.PublicKey {
	public := make(map[string]json.RawMessage)
	secret := false
	for _, member := range m {
		name := strictjson.Fold(member.Name)
		switch {
		case slices.Contains(publicMembers, name):
			public[name] = member.Value
		case slices.Contains(privateMembers, name):
			secret = secret || !bytes.Equal(member.Value, []byte("null")) && !bytes.Equal(member.Value, []byte(`""`))
		}
	}
	if !secret {
		return nil
	}
	text, err := json.Marshal(public)
	if err != nil {
		return nil
	}
	var parsed jose.JSONWebKey
	if parsed.UnmarshalJSON(text) != nil {
		return nil
	}
	return parsed.Key
}

// same reports whether two keys verify the same tokens.
func (k jwk) same(other jwk) bool {
	return k.id == other.id && slices.Equal(k.fits, other.fits) && k.is(other.public)
}

// is reports whether this is the key.
func (k jwk) is(public crypto.PublicKey) bool {
	own, ok := k.public.(interface{ Equal(crypto.PublicKey) bool })
	return ok && own.Equal(public)
}
