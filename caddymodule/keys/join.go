package keys

import (
	"errors"
	"slices"
)

// Join returns a source of the keys of several sources. A signature is accepted if one of
// the sources accepts it. Put the sources first that find their keys by `kid`: they cost
// nothing for another's token.
//
// Attack (RFC 8725 §2.1): with secrets beside public keys, sign with the text of a public key
// as if it were a secret. A source is only asked about algorithms of its own keys, and each
// key is only used with the algorithms of its type, so joining adds no way to verify.
func Join(sources ...Source) Source {
	if len(sources) == 1 {
		return sources[0]
	}
	joined := make(joined, len(sources))
	for i, source := range sources {
		joined[i] = part{source, source.Algorithms()}
	}
	return joined
}

// joined are several sources of one issuer.
type joined []part

// part is one of several sources, with its algorithms, which never change.
type part struct {
	Source
	algorithms []string
}

// Algorithms implements Source. It lists those of all sources, each once.
func (j joined) Algorithms() (names []string) {
	for _, a := range algorithms {
		if slices.ContainsFunc(j, func(p part) bool { return slices.Contains(p.algorithms, a.name) }) {
			names = append(names, a.name)
		}
	}
	return names
}

// Epoch implements Source. The epochs of the sources only grow, so the sum changes whenever
// one of them does.
func (j joined) Epoch() (sum uint64) {
	for _, p := range j {
		sum += p.Epoch()
	}
	return sum
}

// Verify implements Source. If no source accepts the signature, the error is the first that
// applies:
//
//   - a source has no keys now: any of them could have verified the signature (Invariant 7);
//   - a key set holds the `kid`, so that the key is not a new one: the signature is invalid;
//   - a key set that is fetched does not hold the `kid`: it is asked for it;
//   - the signature is invalid.
//
// A key set is asked for a `kid` only if no source holds it. The tokens of one set do not make
// the gate fetch the others.
func (j joined) Verify(s Signature) error {
	var unavailable, known error
	var unknown []*Remote
	result := errNoKey
	for _, p := range j {
		if !slices.Contains(p.algorithms, s.Algorithm) {
			continue
		}
		err := p.verify(s)
		switch {
		case err == nil:
			return nil
		case errors.Is(err, ErrUnknownKey):
			unknown = append(unknown, p.Source.(*Remote))
		case errors.Is(err, ErrUnavailable):
			unavailable = err
		case p.holds(s.KeyID):
			known = err
		default:
			result = err
		}
	}
	if unavailable == nil && known != nil {
		return known
	}
	asked := &unknownKey{}
	for _, set := range unknown {
		asked.sets = append(asked.sets, set.expect(s.KeyID))
	}
	switch {
	case unavailable != nil:
		return unavailable
	case len(asked.sets) > 0:
		return asked
	default:
		return result
	}
}

// verify is Source.Verify, but does not ask the issuer for an unknown `kid`.
func (p part) verify(s Signature) error {
	if remote, ok := p.Source.(*Remote); ok {
		return remote.verify(s)
	}
	return p.Source.Verify(s)
}

// holds reports whether a key set holds this `kid`. Secrets and PEM files have none.
func (p part) holds(id string) bool {
	set, ok := p.Source.(interface{ holds(id string) bool })
	return ok && id != "" && set.holds(id)
}
