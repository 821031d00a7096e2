package keys

import (
	"crypto"
	"encoding/json"
	"fmt"
	"slices"

	"github.com/sessiongate/sessiongate/caddymodule/strictjson"
)

// jwk is a usable public key of a set (RFC 7517).
type jwk struct {
	id     string // `kid`, "" for none
	public any
	fits   []*algorithm
}

// keyError is the reason why a key of a set is not used: a member, "" for the key as a whole,
// and what is wrong with it. It quotes nothing of the key.
type keyError struct{ member, reason string }

// Error implements error.
func (e keyError) Error() string {
	if e.member == "" {
		return e.reason
	}
	return e.member + ": " + e.reason
}

// The members of a JSON Web Key (RFC 7517 §4, RFC 7518 §6, RFC 8037 §2) that are read or
// refused here.
var (
	// privateMembers are the secret ones of RSA, EC, OKP, oct and AKP keys.
	privateMembers = []string{"d", "p", "q", "dp", "dq", "qi", "oth", "k", "priv"}
	otherMembers   = []string{"use", "key_ops", "alg", "kid", "pub"}
	allMembers     = slices.Concat(privateMembers, publicMembers, otherMembers)
)

// parseJWK reads a key from the members in it.
func parseJWK(m strictjson.Members) (jwk, error) {
	if err := checkNames(m); err != nil {
		return jwk{}, err
	}
	if err := checkPurpose(m); err != nil {
		return jwk{}, err
	}
	id, err := optionalText(m, "kid")
	if err != nil {
		return jwk{}, err
	}
	name, err := optionalText(m, "alg")
	if err != nil {
		return jwk{}, err
	}
	public, err := readPublicKey(m)
	if err != nil {
		return jwk{}, err
	}
	if member, err := checkPublicKey(public); err != nil {
		return jwk{}, keyError{member, err.Error()}
	}
	key := jwk{id: id, public: public, fits: algorithmsFor(public)}
	if name != "" {
		key.fits = slices.DeleteFunc(key.fits, func(a *algorithm) bool { return !a.isNamed(name) })
	}
	if len(key.fits) == 0 {
		return jwk{}, keyError{"alg", "its alg is not a signature of its type"}
	}
	return key, nil
}

// checkNames refuses members whose name is a known one in another letter case. Names are
// compared exactly (RFC 7517 §4), but many readers ignore case: `"USE":"enc"` and `"D"` say
// what the issuer meant.
func checkNames(m strictjson.Members) error {
	for _, member := range m {
		if slices.Contains(allMembers, member.Name) {
			continue
		}
		for _, known := range allMembers {
			if strictjson.Fold(known) == strictjson.Fold(member.Name) {
				return keyError{known, "the name of a member is in another case"}
			}
		}
	}
	return nil
}

// checkPurpose refuses keys that are not published for verifying signatures.
func checkPurpose(m strictjson.Members) error {
	// A secret in a public document, even an empty one, is a mistake of the issuer. A
	// symmetric key would also let everybody who can read it sign. Null is no secret: some
	// issuers write every member that they know.
	for _, name := range privateMembers {
		if value, has := m.Find(name); has && !isNull(value) {
			return keyError{name, "it is private or symmetric"}
		}
	}
	if use, err := optionalText(m, "use"); err != nil || use != "" && use != "sig" {
		return keyError{"use", "its use is not sig"}
	}
	if value, has := m.Find("key_ops"); has && !isNull(value) {
		return checkOperations(value)
	}
	return nil
}

// checkOperations reads `key_ops` (RFC 7517 §4.3): distinct texts, and `verify` among them.
// An empty list says nothing. Operations beside `verify` do not matter: issuers list all that
// their libraries know (Oracle: verify and encrypt), and this gate only verifies.
func checkOperations(value json.RawMessage) error {
	elements, isArray := strictjson.Elements(value)
	var operations []string
	for _, element := range elements {
		operation, isText := strictjson.Text(element)
		if !isText || slices.Contains(operations, operation) {
			return keyError{"key_ops", "its key_ops are not distinct texts"}
		}
		operations = append(operations, operation)
	}
	if !isArray || len(operations) > 0 && !slices.Contains(operations, "verify") {
		return keyError{"key_ops", "its key_ops do not hold verify"}
	}
	return nil
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

// The bounds of one log line about the keys that are left out.
const (
	maxShownKeys  = 8
	maxShownKeyID = 64 // bytes
)

// leftOut says which key of a set is not used, and why.
func leftOut(m strictjson.Members, reason error) string {
	id, err := optionalText(m, "kid")
	if err != nil || id == "" {
		return fmt.Sprintf("a key without kid: %s", reason)
	}
	if len(id) > maxShownKeyID {
		id = id[:maxShownKeyID] + "…"
	}
	return fmt.Sprintf("key %q: %s", id, reason)
}
