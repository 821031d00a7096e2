package store

import (
	"encoding/binary"
	"fmt"
)

// The payload of an entry, as every store writes it:
//
//	format   1 byte, 1 or 2
//	then one or more revocations, each
//	  kind     1 byte
//	  key      16 bytes
//	  expires  uvarint, Unix seconds
//	  and, for KindSubject and KindIssuer only,
//	    not-before  uvarint, Unix seconds
//	    except      16 bytes, zero for none
//
// In format 2, a KindSession with an instant has kindUpTo as its kind, and then also
//
//	not-before  uvarint, Unix seconds
//
// And format 2 has origins between the revocations. An origin is that of all revocations
// after it, until the next one:
//
//	kind     1 byte, kindOrigin
//	source   1 byte
//	made     uvarint, Unix seconds, zero if not known
//	reason   uvarint, its length, and then its bytes
//
// A payload has the lowest format that can say all of it, so that each content has one
// encoding. Anything else is ErrUnreadable. An entry that this version does not understand
// might revoke something, so it is never ignored.
const (
	formatOne = 1
	formatTwo = 2

	kindOrigin = 0
	kindUpTo   = 0x80 | byte(KindSession)
)

// Format is the newest format of entries that this gate understands. Each heartbeat
// names it, and the head names the one that every gate of the fleet understands. Gates
// write no newer one, so that two adjacent versions work together. A gate that names
// none counts as 1.
const Format = formatTwo

// In returns the revocation as the given format of entries can say it. Format 1 has no
// instants of sessions and no origins: it revokes such a session for good, which refuses
// more tokens and never fewer.
func (r Revocation) In(format uint64) Revocation {
	if format < formatTwo {
		r.Origin = Origin{}
		if r.Kind == KindSession {
			r.NotBefore = 0
		}
	}
	return r
}

// format returns the lowest format that can say r.
func (r Revocation) format() byte {
	if r.In(formatOne) != r {
		return formatTwo
	}
	return formatOne
}

const (
	// MaxRevocations is how many revocations one entry may hold.
	MaxRevocations = 4096
	// MaxReasons is how many bytes of reasons one entry may hold. Revocations with the same
	// origin, one after another, share their reason.
	MaxReasons = 64 << 10
)

// Fit returns how many of the revocations, from the first on, one entry may hold. It is 0
// only if there are none.
func Fit(revocations []Revocation) int {
	reasons := 0
	for i, r := range revocations {
		if begins(revocations, i) {
			reasons += len(r.Reason)
		}
		if i == MaxRevocations || reasons > MaxReasons {
			return i
		}
	}
	return len(revocations)
}

// Reasons returns how many bytes of reasons an entry of these revocations would hold.
func Reasons(revocations []Revocation) (size int) {
	for i, r := range revocations {
		if begins(revocations, i) {
			size += len(r.Reason)
		}
	}
	return size
}

// begins reports whether the revocation at i has another origin than the one before it.
func begins(revocations []Revocation, i int) bool {
	var before Origin
	if i > 0 {
		before = revocations[i-1].Origin
	}
	return revocations[i].Origin != before
}

// MarshalRevocations returns the payload of an entry. It fails on no
// revocations, on more than Fit, and on one that is not valid.
func MarshalRevocations(revocations []Revocation) ([]byte, error) {
	if n := Fit(revocations); len(revocations) == 0 || n < len(revocations) {
		return nil, fmt.Errorf("encoding entry: %d revocations, want 1 to %d with at most %d bytes of reasons",
			len(revocations), MaxRevocations, MaxReasons)
	}
	payload := make([]byte, 1, 1+len(revocations)*(1+len(Key{})+5))
	payload[0] = formatOne
	for i, r := range revocations {
		if err := r.Validate(); err != nil {
			return nil, fmt.Errorf("encoding entry: %w", err)
		}
		payload[0] = max(payload[0], r.format())
		if begins(revocations, i) {
			payload = appendOrigin(payload, r.Origin)
		}
		payload = appendRevocation(payload, r)
	}
	return payload, nil
}

func appendOrigin(payload []byte, o Origin) []byte {
	payload = append(payload, kindOrigin, byte(o.Source))
	payload = binary.AppendUvarint(payload, uint64(o.Made))
	return appendPart(payload, o.Reason)
}

func appendRevocation(payload []byte, r Revocation) []byte {
	kind, upTo := byte(r.Kind), r.Kind == KindSession && r.NotBefore != 0
	if upTo {
		kind = kindUpTo
	}
	payload = append(payload, kind)
	payload = append(payload, r.Key[:]...)
	payload = binary.AppendUvarint(payload, uint64(r.Expires))
	if upTo || r.Kind.HasInstant() {
		payload = binary.AppendUvarint(payload, uint64(r.NotBefore))
	}
	if r.Kind.HasInstant() {
		payload = append(payload, r.Except[:]...)
	}
	return payload
}
