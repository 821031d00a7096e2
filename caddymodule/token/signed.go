package token

// signedClaims are the claims of a token that one of the issuers has signed. Only `iss` was
// looked at.
type signedClaims struct {
	issuer  *issuer
	members members
	// epoch is that of the issuer's keys.
	epoch uint64
}

// verifySignature verifies the signature of a token of any kind.
//
// Invariant 1: verify first. Before the signature has been verified, only `iss` of the
// payload is used, and only to choose the keys.
//
// Invariant 12: the cost of a forged token is bounded. Duplicate names are therefore looked
// for after the signature: with hundreds of members that costs more than an admitted request
// does. No token is accepted before it.
//
// The explanation, which may be nil, gets the steps that were taken.
func (v *Verifier) verifySignature(j jws, e *Explanation) (s signedClaims, err error) {
	e.take(StepAlgorithm)
	e.header(j.header)
	// Before the payload is read, which may be large, and also for an issuer that is not
	// trusted.
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
	// Read the epoch first: if the keys change in between, the token is stale at once
	// instead of never.
	s.epoch = s.issuer.Keys.Epoch()
	e.take(StepSignature)
	if err := s.issuer.signatures.verify(j); err != nil {
		return s, err
	}
	e.take(StepClaims)
	s.members, err = membersOf("payload", claims)
	return s, err
}
