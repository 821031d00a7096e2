package store

import (
	"encoding/hex"
	"strings"
)

// loginPrefix begins the id of a login.
const loginPrefix = "login~"

// LoginID returns the id by which people and programs name a login: the text for a key of
// NewLoginKey. It is opaque, and the same at every gate of the namespace.
func LoginID(login Key) string { return loginPrefix + hex.EncodeToString(login[:]) }

// ParseLoginID returns the key that an id of a login names. It reports false for every other
// text.
//
// A session claim may hold such a text. It still names a session, because that key comes
// from NewKey. But the text as an id always names the login.
func ParseLoginID(id string) (login Key, ok bool) {
	digits, ok := strings.CutPrefix(id, loginPrefix)
	if !ok || len(digits) != 2*len(login) || digits != strings.ToLower(digits) {
		return Key{}, false
	}
	if _, err := hex.Decode(login[:], []byte(digits)); err != nil || login.IsZero() {
		return Key{}, false
	}
	return login, true
}
