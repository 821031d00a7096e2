package store

import (
	"encoding/binary"
	"fmt"
)

// The payload of an entry, as every store writes it:
//
//	version  1 byte, 1
//	then one or more revocations, each
//	  kind     1 byte
//	  key      16 bytes
//	  expires  uvarint, Unix seconds
//	  and, for KindSubject and KindIssuer only,
//	    not-before  uvarint, Unix seconds
//	    except      16 bytes, zero for none
//
// Anything else is ErrUnreadable. An entry that this version does not understand might
// revoke something, so it is never ignored.
const payloadVersion = 1

// Format is the newest format of entries that this gate understands. Each heartbeat
// names it, and the head names the one that every gate of the fleet understands. Gates
// write no newer one, so that two adjacent versions work together. A gate that names
// none counts as 1.
const Format = payloadVersion

// MaxRevocations is how many revocations one entry may hold.
const MaxRevocations = 4096

// MarshalRevocations returns the payload of an entry. It fails on no
// revocations, on more than MaxRevocations, and on one that is not valid.
func MarshalRevocations(revocations []Revocation) ([]byte, error) {
	if len(revocations) == 0 || len(revocations) > MaxRevocations {
		return nil, fmt.Errorf("encoding entry: %d revocations, want 1 to %d", len(revocations), MaxRevocations)
	}
	payload := make([]byte, 0, 1+len(revocations)*(1+len(Key{})+5))
	payload = append(payload, payloadVersion)
	for _, r := range revocations {
		if err := r.Validate(); err != nil {
			return nil, fmt.Errorf("encoding entry: %w", err)
		}
		payload = append(payload, byte(r.Kind))
		payload = append(payload, r.Key[:]...)
		payload = binary.AppendUvarint(payload, uint64(r.Expires))
		if r.Kind.HasInstant() {
			payload = binary.AppendUvarint(payload, uint64(r.NotBefore))
			payload = append(payload, r.Except[:]...)
		}
	}
	return payload, nil
}

// UnmarshalRevocations reads the payload of an entry. Its errors wrap
// ErrUnreadable. The result shares no memory with the payload.
func UnmarshalRevocations(payload []byte) ([]Revocation, error) {
	if len(payload) == 0 {
		return nil, fmt.Errorf("decoding entry: empty payload: %w", ErrUnreadable)
	}
	if payload[0] != payloadVersion {
		return nil, fmt.Errorf("decoding entry: version %d, this gate knows %d: %w",
			payload[0], payloadVersion, ErrUnreadable)
	}
	rest := payload[1:]
	var revocations []Revocation
	for len(rest) > 0 {
		if len(revocations) == MaxRevocations {
			return nil, fmt.Errorf("decoding entry: more than %d revocations: %w", MaxRevocations, ErrUnreadable)
		}
		var r Revocation
		var err error
		if r, rest, err = cutRevocation(rest); err != nil {
			return nil, fmt.Errorf("decoding entry: %w: %w", err, ErrUnreadable)
		}
		revocations = append(revocations, r)
	}
	if len(revocations) == 0 {
		return nil, fmt.Errorf("decoding entry: no revocations: %w", ErrUnreadable)
	}
	return revocations, nil
}

func cutRevocation(b []byte) (r Revocation, rest []byte, err error) {
	const fixed = 1 + len(Key{})
	if len(b) < fixed {
		return r, nil, fmt.Errorf("revocation cut off")
	}
	r.Kind, r.Key = Kind(b[0]), Key(b[1:fixed])
	if r.Expires, b, err = cutSeconds(b[fixed:]); err != nil {
		return r, nil, err
	}
	if r.Kind.HasInstant() {
		if r.NotBefore, b, err = cutSeconds(b); err != nil {
			return r, nil, err
		}
		if len(b) < len(r.Except) {
			return r, nil, fmt.Errorf("revocation cut off")
		}
		r.Except, b = Key(b[:len(r.Except)]), b[len(r.Except):]
	}
	return r, b, r.Validate()
}

func cutSeconds(b []byte) (int64, []byte, error) {
	v, n := binary.Uvarint(b)
	if n <= 0 || v > maxUnix {
		return 0, nil, fmt.Errorf("time out of range")
	}
	// A last byte of zero adds nothing. It would give one number many spellings, and
	// only the shortest is ever written.
	if n > 1 && b[n-1] == 0 {
		return 0, nil, fmt.Errorf("time with a superfluous byte")
	}
	return int64(v), b[n:], nil
}
