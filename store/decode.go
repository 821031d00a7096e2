package store

import (
	"encoding/binary"
	"errors"
	"fmt"
)

// UnmarshalRevocations reads the payload of an entry. Its errors wrap
// ErrUnreadable. The result shares no memory with the payload.
func UnmarshalRevocations(payload []byte) ([]Revocation, error) {
	if len(payload) == 0 {
		return nil, fmt.Errorf("decoding entry: empty payload: %w", ErrUnreadable)
	}
	d := decoder{format: payload[0], rest: payload[1:]}
	if d.format != formatOne && d.format != formatTwo {
		return nil, fmt.Errorf("decoding entry: version %d, this gate knows %d and %d: %w",
			d.format, formatOne, formatTwo, ErrUnreadable)
	}
	revocations, err := d.all()
	if err != nil {
		return nil, fmt.Errorf("decoding entry: %w: %w", err, ErrUnreadable)
	}
	return revocations, nil
}

// decoder reads a payload from its second byte on.
type decoder struct {
	format byte
	rest   []byte
	// origin is that of the next revocations.
	origin Origin
}

var errCutOff = errors.New("revocation cut off")

// all reads all that is left. It refuses every encoding but the one of MarshalRevocations,
// so that no two gates read one entry differently.
func (d *decoder) all() (revocations []Revocation, err error) {
	needed := byte(formatOne)
	for len(d.rest) > 0 {
		if err := d.cutOrigin(); err != nil {
			return nil, err
		}
		r, err := d.cutRevocation()
		if err != nil {
			return nil, err
		}
		needed = max(needed, r.format())
		if revocations = append(revocations, r); len(revocations) > MaxRevocations {
			return nil, fmt.Errorf("more than %d revocations", MaxRevocations)
		}
	}
	switch {
	case len(revocations) == 0:
		return nil, errors.New("no revocations")
	case Fit(revocations) < len(revocations):
		return nil, fmt.Errorf("more than %d bytes of reasons", MaxReasons)
	case needed != d.format:
		return nil, fmt.Errorf("format %d, where format %d says all", d.format, needed)
	}
	return revocations, nil
}

// cutOrigin reads the origin of the next revocations, if there is one.
func (d *decoder) cutOrigin() error {
	if d.format < formatTwo || d.rest[0] != kindOrigin {
		return nil
	}
	if len(d.rest) < 2 {
		return errCutOff
	}
	o := Origin{Source: Source(d.rest[1])}
	d.rest = d.rest[2:]
	var err error
	if o.Made, err = d.cutSeconds(); err != nil {
		return err
	}
	length, err := d.cutSeconds()
	if err != nil || length > int64(len(d.rest)) {
		return errors.New("reason cut off")
	}
	o.Reason, d.rest = string(d.rest[:length]), d.rest[length:]
	if o == d.origin {
		return errors.New("an origin twice")
	}
	d.origin = o
	return nil
}

func (d *decoder) cutRevocation() (r Revocation, err error) {
	const fixed = 1 + len(Key{})
	if len(d.rest) < fixed {
		return r, errCutOff
	}
	kind := d.rest[0]
	r.Kind, r.Key, r.Origin = Kind(kind), Key(d.rest[1:fixed]), d.origin
	d.rest = d.rest[fixed:]
	upTo := d.format >= formatTwo && kind == kindUpTo
	if upTo {
		r.Kind = KindSession
	}
	if r.Expires, err = d.cutSeconds(); err != nil {
		return r, err
	}
	if upTo || r.Kind.HasInstant() {
		if r.NotBefore, err = d.cutSeconds(); err != nil {
			return r, err
		}
	}
	if upTo && r.NotBefore == 0 {
		return r, errors.New("session with an instant of zero")
	}
	if r.Kind.HasInstant() {
		if len(d.rest) < len(r.Except) {
			return r, errCutOff
		}
		r.Except, d.rest = Key(d.rest[:len(r.Except)]), d.rest[len(r.Except):]
	}
	return r, r.Validate()
}

func (d *decoder) cutSeconds() (int64, error) {
	v, n := binary.Uvarint(d.rest)
	if n <= 0 || v > maxUnix {
		return 0, errors.New("time out of range")
	}
	// A last byte of zero adds nothing. It would give one number many spellings, and
	// only the shortest is ever written.
	if n > 1 && d.rest[n-1] == 0 {
		return 0, errors.New("time with a superfluous byte")
	}
	d.rest = d.rest[n:]
	return int64(v), nil
}
