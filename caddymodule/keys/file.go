package keys

import (
	"bytes"
	"errors"
	"fmt"
	"slices"
)

// NewJWKS returns a source of the keys in the document of a file: a JSON Web Key Set (RFC 7517
// §5), an array of keys or one key. place is the name of the file, for Status. The rules are those of a set that Remote fetches, and the keys never
// change. ignored says which keys were left out and why, in one line for the log, "" for none.
// A document without a usable key is an error.
func NewJWKS(place string, document []byte) (source Source, ignored string, err error) {
	if bytes.Contains(document, []byte("-----BEGIN ")) {
		return nil, "", errors.New("parsing key set: it is a PEM file; use it as a public key")
	}
	if len(document) > maxDocument {
		return nil, "", fmt.Errorf("parsing key set: more than %d bytes", maxDocument)
	}
	set, err := parseJWKS(document)
	if err != nil {
		if len(set.ignored) > 0 {
			err = fmt.Errorf("%w: %s", err, shownReasons(set.ignored))
		}
		return nil, "", err
	}
	return keyFile{place, set.keys}, shownReasons(set.ignored), nil
}

// keyFile holds the keys of a key set that never changes.
type keyFile struct {
	place string
	keys  []jwk
}

// Algorithms implements Source.
func (f keyFile) Algorithms() (names []string) {
	for _, a := range algorithms {
		if slices.ContainsFunc(f.keys, func(key jwk) bool { return slices.Contains(key.fits, a) }) {
			names = append(names, a.name)
		}
	}
	return names
}

// Verify implements Source. It finds keys as Remote does.
func (f keyFile) Verify(s Signature) error {
	a := algorithmNamed(s.Algorithm)
	found, known := findJWK(f.keys, s.KeyID, a)
	if !known {
		return errNotInSet
	}
	return verifyWith(found, a, s)
}

// Epoch implements Source. It never changes.
func (f keyFile) Epoch() uint64 { return 0 }

// holds reports whether the file has a key with this `kid`.
func (f keyFile) holds(id string) bool { return holdsID(f.keys, id) }
