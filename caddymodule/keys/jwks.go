package keys

import (
	"crypto"
	"encoding/json"
	"fmt"
	"slices"

	"github.com/sessiongate/sessiongate/caddymodule/strictjson"
)

// The largest numbers of keys that are used of a set, and under one `kid`. They bound the
// signatures that one token can make the gate verify. A `kid` should be unique (RFC 7517
// §4.5).
const (
	maxJWKs    = 100
	maxSameKID = 4
)

// keyDocument holds the contents of a key set (RFC 7517 §5).
type keyDocument struct {
	keys []jwk
	// published are the public keys of the private keys in the set.
	published []crypto.PublicKey
	// ignored are the reasons why keys were left out, for the log, each once.
	ignored []string
}

func (d *keyDocument) ignore(reason string) {
	if !slices.Contains(d.ignored, reason) {
		d.ignored = append(d.ignored, reason)
	}
}

// parseJWKS reads a key set. Keys that cannot verify signatures here are left out. A set
// without any usable key is an error; its published and ignored keys are returned with it.
func parseJWKS(document []byte) (set keyDocument, err error) {
	texts, err := keysOf(document)
	if err != nil {
		return set, fmt.Errorf("parsing key set: %w", err)
	}
	if len(texts) > maxJWKs {
		set.ignore(fmt.Sprintf("all but the first %d keys", maxJWKs))
		texts = texts[:maxJWKs]
	}
	for _, text := range texts {
		if err := set.add(text); err != nil {
			set.ignore(err.Error())
		}
	}
	// A private key that was published is burnt, also if its public key stands in the
	// set under a `kid` of its own. The other keys are not. Refusing the whole set would
	// keep the burnt key in force and a new one out.
	if left := without(set.keys, set.published); len(left) < len(set.keys) {
		set.keys = left
		set.ignore("checking key: its private half is in the set")
	}
	if len(set.keys) == 0 {
		return set, fmt.Errorf("parsing key set: none of its %d keys is usable", len(texts))
	}
	return set, nil
}

// keysOf returns the elements of the member `keys`. Duplicates in another letter case, such
// as `Keys`, are refused, because the issuer and the gate could read different ones.
func keysOf(document []byte) (texts []json.RawMessage, err error) {
	m, err := strictjson.ReadMembers(document)
	if err != nil {
		return nil, err
	}
	value, ok := m.Find("keys")
	if !ok {
		return nil, fmt.Errorf("looking for keys: there are none")
	}
	texts, ok = strictjson.Elements(value)
	if !ok {
		return nil, fmt.Errorf("looking for keys: they are no array")
	}
	return texts, nil
}

func (d *keyDocument) add(text json.RawMessage) error {
	m, err := strictjson.ReadMembers(text)
	if err != nil {
		return fmt.Errorf("reading key: not a strict JSON object")
	}
	if public := publishedKey(m); public != nil {
		d.published = append(d.published, public)
	}
	key, err := parseJWK(text, m)
	if err != nil {
		return err
	}
	same := 0
	for _, other := range d.keys {
		if key.id != "" && key.id == other.id {
			same++
		}
	}
	if same >= maxSameKID {
		return fmt.Errorf("counting keys: more than %d have one kid", maxSameKID)
	}
	d.keys = append(d.keys, key)
	return nil
}

// without returns the keys that are not in those.
func without(keys []jwk, those []crypto.PublicKey) []jwk {
	return slices.DeleteFunc(slices.Clone(keys), func(key jwk) bool { return slices.ContainsFunc(those, key.is) })
}

// holdsAll reports whether every key of old is in keys, unchanged.
func holdsAll(keys, old []jwk) bool {
	return !slices.ContainsFunc(old, func(o jwk) bool { return !slices.ContainsFunc(keys, o.same) })
}

// findJWK returns the keys with that `kid` that fit the algorithm, and whether the set has
// that `kid` at all. For "" it returns the one key that fits, and none if several do.
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
