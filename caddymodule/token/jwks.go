package token

import (
	"crypto"
	"encoding/json"
	"fmt"
	"slices"

	"github.com/go-jose/go-jose/v4"

	"github.com/sessiongate/sessiongate/caddymodule/strictjson"
)

// maxJWKs bounds the keys of a set, and with them the signatures that one
// token can make the gate verify.
const maxJWKs = 100

// jwk is a usable public key of a set (RFC 7517).
type jwk struct {
	id     string // `kid`, "" for none
	public any
	fits   []*algorithm
}

// parseJWKS reads a key set. Keys that cannot verify signatures here are left
// out, and why is returned for the log, each reason once; a set without any
// usable key is an error.
func parseJWKS(doc []byte) (keys []jwk, ignored []string, err error) {
	var set struct {
		Keys []json.RawMessage `json:"keys"`
	}
	if err := json.Unmarshal(doc, &set); err != nil {
		return nil, nil, fmt.Errorf("parsing key set: %w", err)
	}
	if len(set.Keys) > maxJWKs {
		ignored = append(ignored, fmt.Sprintf("all but the first %d keys", maxJWKs))
		set.Keys = set.Keys[:maxJWKs]
	}
	for _, text := range set.Keys {
		key, err := parseJWK(text)
		if err != nil {
			if reason := err.Error(); !slices.Contains(ignored, reason) {
				ignored = append(ignored, reason)
			}
			continue
		}
		keys = append(keys, key)
	}
	if len(keys) == 0 {
		return nil, ignored, fmt.Errorf("parsing key set: none of its %d keys is usable", len(set.Keys))
	}
	return keys, ignored, nil
}

func parseJWK(text json.RawMessage) (jwk, error) {
	m, err := scanMembers("key", text)
	if err != nil {
		return jwk{}, fmt.Errorf("reading key: not a strict JSON object")
	}
	if err := checkPurpose(m); err != nil {
		return jwk{}, err
	}
	var parsed jose.JSONWebKey
	if err := parsed.UnmarshalJSON(text); err != nil {
		// The library's text may quote the key.
		return jwk{}, fmt.Errorf("reading key: of an unknown type or damaged")
	}
	if err := checkPublicKey(parsed.Key); err != nil {
		return jwk{}, err
	}
	key := jwk{id: parsed.KeyID, public: parsed.Key, fits: algorithmsFor(parsed.Key)}
	if parsed.Algorithm != "" {
		key.fits = slices.DeleteFunc(key.fits, func(a *algorithm) bool { return a.name != parsed.Algorithm })
	}
	if len(key.fits) == 0 {
		return jwk{}, fmt.Errorf("reading key: its alg is not a signature of its type")
	}
	return key, nil
}

// checkPurpose refuses keys that are not published for verifying signatures.
func checkPurpose(m members) error {
	// The secret members of RSA, EC, OKP, oct and AKP keys. Whoever reads such
	// a set can sign, so its signatures mean nothing.
	for _, name := range []string{"d", "p", "q", "dp", "dq", "qi", "oth", "k", "priv"} {
		if _, private := m.find(name); private {
			return fmt.Errorf("reading key: it is private or symmetric")
		}
	}
	if use, has, err := m.text("use"); err != nil || has && use != "sig" {
		return fmt.Errorf("reading key: its use is not sig")
	}
	value, has := m.find("key_ops")
	if !has {
		return nil
	}
	return checkOperations(value)
}

// checkOperations reads `key_ops` (RFC 7517 §4.3): distinct texts, and `verify`
// among them.
//
// The attack: a private key that also decrypts or unwraps. An RSA key behind a
// padding oracle signs whatever is asked of it, so a key that is said to do both
// is taken for none.
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

// same reports whether two keys verify the same tokens.
func (k jwk) same(other jwk) bool {
	public, ok := k.public.(interface{ Equal(crypto.PublicKey) bool })
	return ok && k.id == other.id && slices.Equal(k.fits, other.fits) && public.Equal(other.public)
}

// holdsAll reports whether every key of old is in keys, unchanged.
func holdsAll(keys, old []jwk) bool {
	return !slices.ContainsFunc(old, func(o jwk) bool { return !slices.ContainsFunc(keys, o.same) })
}

// findJWK returns the keys with that `kid` that fit the algorithm. Without a
// `kid` the one key that fits is meant, and none if there are several.
func findJWK(keys []jwk, id string, a *algorithm) (found []any, known bool) {
	for _, key := range keys {
		if id != "" && key.id != id {
			continue
		}
		known = true
		if slices.Contains(key.fits, a) {
			found = append(found, key.public)
		}
	}
	if id == "" && len(found) > 1 {
		return nil, true
	}
	return found, known
}
