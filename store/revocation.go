package store

import (
	"crypto/sha256"
	"encoding/binary"
	"encoding/hex"
	"fmt"
	"sync/atomic"
)

// Kind says what a revocation names.
type Kind uint8

// The kinds are part of the stored format: a number, once used, keeps its
// meaning for good.
const (
	// KindSession revokes every token of one session (`sid`) of an issuer.
	KindSession Kind = 1
	// KindToken revokes one token, by its token id (`jti`). If it has neither `jti` nor
	// `sid`, it is revoked by the SHA-256 of its signing input.
	KindToken Kind = 2
	// KindSubject revokes all that an issuer issued to a subject (`sub`) up to and
	// including the second of an instant.
	KindSubject Kind = 3
	// KindIssuer revokes all that an issuer issued up to and including the
	// second of an instant.
	KindIssuer Kind = 4
)

// String returns the kind as it is written in logs: "session", "token", "subject" or
// "issuer".
func (k Kind) String() string {
	switch k {
	case KindSession:
		return "session"
	case KindToken:
		return "token"
	case KindSubject:
		return "subject"
	case KindIssuer:
		return "issuer"
	default:
		return fmt.Sprintf("kind(%d)", uint8(k))
	}
}

// Valid reports whether k is one of the four kinds of this version.
func (k Kind) Valid() bool { return k >= KindSession && k <= KindIssuer }

// HasInstant reports whether every revocation of this kind carries a NotBefore, which tokens
// are compared with by their `iat`.
func (k Kind) HasInstant() bool { return k == KindSubject || k == KindIssuer }

// Key is the name under which something is revoked: the first 16 bytes of a SHA-256.
// The zero Key names nothing.
type Key [16]byte

// NewKey derives the key of a value. The parts are hashed with their lengths
// before them, so that no choice of separators inside a namespace, an issuer
// or an id can make two different things share a key. For KindIssuer the value
// is empty.
//
// Invariant 6: a key always includes the issuer. The same `sid` under
// two issuers is two sessions.
func NewKey(namespace string, kind Kind, issuer, value string) Key {
	buf := make([]byte, 0, 4*10+len(namespace)+len(issuer)+len(value)+1)
	buf = appendPart(buf, namespace)
	buf = append(buf, byte(kind))
	buf = appendPart(buf, issuer)
	buf = appendPart(buf, value)
	sum := sha256.Sum256(buf)
	return Key(sum[:len(Key{})])
}

// loginDomain stands where NewKey has the kind. A kind is a small number and never becomes
// this one.
const loginDomain = 0xff

// NewLoginKey derives the key of a login: of all tokens that an issuer issued to a subject
// after one authentication, whose time is the claim `auth_time`, in Unix seconds. It is
// revoked as a session (KindSession).
//
// Attack: obtain a token with a session claim that looks like the name of a victim's login,
// and end that login by a logout. No value of a session has the key of a login.
func NewLoginKey(namespace, issuer, subject string, authTime int64) Key {
	buf := make([]byte, 0, 4*10+len(namespace)+len(issuer)+len(subject)+1)
	buf = appendPart(buf, namespace)
	buf = append(buf, loginDomain)
	buf = appendPart(buf, issuer)
	buf = appendPart(buf, subject)
	buf = binary.AppendVarint(buf, authTime)
	sum := sha256.Sum256(buf)
	return Key(sum[:len(Key{})])
}

func appendPart(buf []byte, part string) []byte {
	buf = binary.AppendUvarint(buf, uint64(len(part)))
	return append(buf, part...)
}

// IsZero reports whether the key names nothing.
func (k Key) IsZero() bool { return k == Key{} }

// String returns the prefix of the key that may be logged. It is four bytes in hex: enough
// to find a line again, and too little to be an id.
func (k Key) String() string { return hex.EncodeToString(k[:4]) }

// Revocation states that tokens named by Key are no longer accepted.
type Revocation struct {
	// Kind says what Key names.
	Kind Kind
	// Key names it.
	Key Key
	// NotBefore is an instant in Unix seconds. KindSubject and KindIssuer require it:
	// `iat` must be after it. KindSession may have it: then only tokens are revoked whose
	// AuthTime is not after it, and those without one. A session without it is revoked for
	// good. Zero for KindToken.
	NotBefore int64
	// Except is the session that a KindSubject or KindIssuer revocation leaves
	// alone, or zero. It belongs to this one revocation: two revocations of a
	// subject are two predicates joined by OR, never merged into one.
	Except Key
	// Expires is the time, in Unix seconds, after which the revocation may be
	// forgotten, because no token that it names can be unexpired any more.
	Expires int64
	// Origin is for people who read the log. It decides nothing, and replicas do not keep
	// it.
	Origin
}

// Validate returns what makes r impossible to store: an unknown kind, no key, a missing
// or superfluous instant, a superfluous exception, no expiry, or an origin that is not
// valid.
func (r Revocation) Validate() error {
	switch {
	case !r.Kind.Valid():
		return fmt.Errorf("checking revocation: unknown kind %d", uint8(r.Kind))
	case r.Key.IsZero():
		return fmt.Errorf("checking revocation: %s without a key", r.Kind)
	case r.Kind.HasInstant() && r.NotBefore == 0, r.Kind == KindToken && r.NotBefore != 0, r.NotBefore < 0:
		return fmt.Errorf("checking revocation: %s with not-before %d", r.Kind, r.NotBefore)
	case !r.Except.IsZero() && !r.Kind.HasInstant():
		return fmt.Errorf("checking revocation: %s with an exception", r.Kind)
	case r.Expires <= 0 || r.Expires > maxUnix:
		return fmt.Errorf("checking revocation: expiry %d is out of range", r.Expires)
	case r.NotBefore > maxUnix, r.Kind == KindSession && r.NotBefore == maxUnix:
		return fmt.Errorf("checking revocation: not-before %d is out of range", r.NotBefore)
	}
	return r.Origin.Validate()
}

// maxUnix is the last second that the replica's packed set can hold (the year
// 2106). Anything later is an error long before it is stored. As the instant of a session,
// it means "for good" there.
const maxUnix = 1<<32 - 1

// Keys are the names by which one verified token can be revoked. They are made once
// when the token is verified, and kept with it. A zero Session, Login or Subject means
// that the token names none. Keys must not be copied after first use and belong to one
// replica.
type Keys struct {
	// Session and Login name the sessions of the token: the one of its session claim, and
	// the one of NewLoginKey. The token is revoked if either is.
	Session Key
	Login   Key
	Token   Key
	Subject Key
	Issuer  Key
	// AuthTime is when the subject authenticated, in Unix seconds, or zero if the token
	// does not say. A revocation of a session by instant is compared with it.
	AuthTime int64
	// IssuedAt is the claim `iat` in Unix seconds.
	IssuedAt int64
	// Expires is `exp` plus the leeway, in Unix seconds: from then on no gate accepts
	// the token.
	Expires int64
	// Clear belongs to the replica that checks these keys: the version of its set in
	// which it found no revocation of them.
	Clear atomic.Uint64
}

// First returns the session that names the token: that of its session claim, or else its
// login. It is zero if the token names neither. An exception (Revocation.Except) spares the
// tokens of which this is the session.
func (k *Keys) First() Key {
	if k.Session.IsZero() {
		return k.Login
	}
	return k.Session
}
