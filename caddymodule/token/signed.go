package token

// signed is what one of the issuers has signed. Of its claims none but `iss` was
// looked at.
type signed struct {
	issuer  *issuer
	members members
	// epoch is that of the issuer's keys.
	epoch uint64
}

// genuine verifies the signature of a token of whatever kind.
//
// Invariant 1: verify first. Of the payload only `iss` is used before
// the signature has been verified, and only to choose the keys.
//
// Invariant 12: what a forged token costs is bounded. That no name has a
// twin is therefore looked into after the signature: with hundreds of members it
// costs more than an admitted request does. Nothing is accepted before it.
//
// It tells the explanation, which may be nil, how far it came.
func (v *Verifier) genuine(j jws, e *Explanation) (s signed, err error) {
	e.take(StepAlgorithm)
	e.header(j.header)
	// Also of an issuer that is not trusted, and before the payload is read, which
	// may be large.
	if !v.allows(j.header.algorithm) {
		return s, errAlgorithm
	}
	e.take(StepIssuer)
	payload, err := j.decodePayload()
	if err != nil {
		return s, err
	}
	claims, err := parseObject("payload", payload)
	if err != nil {
		return s, err
	}
	name, _, err := textOf("iss", claims.First("iss")[0])
	if err != nil {
		return s, err
	}
	e.issuer(name)
	var trusted bool
	if s.issuer, trusted = v.issuers[name]; !trusted {
		return s, refuse("iss is not trusted")
	}
	// Read before the keys are: should they change in between, the token is
	// stale at once instead of never.
	s.epoch = s.issuer.Keys.Epoch()
	e.take(StepSignature)
	if err := s.issuer.signatures.verify(j); err != nil {
		return s, err
	}
	e.take(StepClaims)
	s.members, err = membersOf("payload", claims)
	return s, err
}
