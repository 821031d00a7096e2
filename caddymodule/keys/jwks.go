package keys

import (
	"bytes"
	"crypto"
	"encoding/json"
	"errors"
	"fmt"
	"slices"
	"strings"

	"github.com/sessiongate/sessiongate/caddymodule/strictjson"
)

// The largest numbers of keys that are used of a set, and under one `kid`. They bound the
// signatures that one token can make the gate verify. A `kid` should be unique (RFC 7517
// §4.5). A token without `kid` gets as many keys as one with a `kid`.
const (
	maxJWKs    = 100
	maxSameKID = 4
)

// keyDocument holds the contents of a key set (RFC 7517 §5).
type keyDocument struct {
	keys []jwk
	// published are the public keys of the private keys in the set.
	published []crypto.PublicKey
	// ignored says which keys were left out and why, for the log, each text once.
	ignored []string
}

func (d *keyDocument) ignore(reason string) {
	if !slices.Contains(d.ignored, reason) {
		d.ignored = append(d.ignored, reason)
	}
}

// shownReasons returns the reasons as one log line shows them. They are as long as the
// issuer's `kid`s, and as many as its keys, so both are cut.
func shownReasons(ignored []string) string {
	more := ""
	if n := len(ignored) - maxShownKeys; n > 0 {
		ignored, more = ignored[:maxShownKeys], fmt.Sprintf("; and %d more", n)
	}
	return printable(strings.Join(ignored, "; ")) + more
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
		set.add(text)
	}
	// A private key that was published is burnt, also if its public key stands in the
	// set under a `kid` of its own. The other keys are not. Refusing the whole set would
	// keep the burnt key in force and a new one out.
	for _, key := range set.keys {
		if slices.ContainsFunc(set.published, key.is) {
			set.ignore(fmt.Sprintf("key %q: its private key is in the set", key.id))
		}
	}
	set.keys = without(set.keys, set.published)
	if len(set.keys) == 0 {
		return set, fmt.Errorf("parsing key set: none of its %d keys is usable", len(texts))
	}
	return set, nil
}

// keysOf returns the elements of the member `keys`. Duplicates in another letter case, such
// as `Keys`, are refused, because the issuer and the gate could read different ones. Some
// issuers publish an array of keys, or one key, instead of a set, and some write a byte order
// mark in front. Each has one meaning, so it is read.
func keysOf(document []byte) (texts []json.RawMessage, err error) {
	document = bytes.TrimSpace(bytes.TrimPrefix(document, []byte("\ufeff")))
	m, err := strictjson.ReadMembers(document)
	if errors.Is(err, strictjson.ErrNotObject) {
		if texts, isArray := strictjson.Elements(document); isArray {
			return texts, nil
		}
	}
	if err != nil {
		return nil, err
	}
	value, ok := m.Find("keys")
	if !ok {
		if _, isKey := m.Find("kty"); isKey {
			return []json.RawMessage{document}, nil
		}
		return nil, fmt.Errorf("looking for keys: there are none")
	}
	texts, ok = strictjson.Elements(value)
	if !ok {
		return nil, fmt.Errorf("looking for keys: they are no array")
	}
	return texts, nil
}

// add reads a key of the set. It notes why a key is left out.
func (d *keyDocument) add(text json.RawMessage) {
	m, err := strictjson.ReadMembers(text)
	if err != nil {
		d.ignore("a key that is not a strict JSON object")
		return
	}
	if public := publishedKey(m); public != nil {
		d.published = append(d.published, public)
	}
	key, err := parseJWK(m)
	if err == nil && key.id != "" && d.count(key.id) >= maxSameKID {
		err = keyError{"kid", fmt.Sprintf("more than %d have one kid", maxSameKID)}
	}
	if err != nil {
		d.ignore(leftOut(m, err))
		return
	}
	d.keys = append(d.keys, key)
}

// count returns how many keys have this `kid`.
func (d *keyDocument) count(id string) (n int) {
	for _, key := range d.keys {
		if key.id == id {
			n++
		}
	}
	return n
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
// that `kid` at all. For "" it returns the first maxSameKID keys that fit.
func findJWK(keys []jwk, id string, a *algorithm) (found []any, known bool) {
	for _, key := range keys {
		if id != "" && key.id != id {
			continue
		}
		known = true
		if slices.Contains(key.fits, a) && len(found) < maxSameKID {
			found = append(found, key.public)
		}
	}
	return found, known
}

// holdsID reports whether there is a key with this `kid`.
func holdsID(keys []jwk, id string) bool {
	return slices.ContainsFunc(keys, func(key jwk) bool { return key.id == id })
}

// verifyWith returns nil if one of the keys, which fit the algorithm, made the signature.
func verifyWith(found []any, a *algorithm, s Signature) error {
	err := errNoMatch
	for _, key := range found {
		if a.verifies(s, key) {
			return nil
		}
		err = errSignature
	}
	return err
}
