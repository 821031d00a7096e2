package token

// signedClaims are the claims of a token that one of the issuers has signed. Only `iss` was
// checked.
type signedClaims struct {
	issuer  *issuer
	name    string // of the issuer
	members members
	// epoch is the epoch of the issuer's keys.
	epoch uint64
}

// verifySignature verifies the signature of a token of any kind.
//
// Invariant 1: verify first. Before the signature is verified, only `iss` of the payload is
// used, and only to choose the keys.
//
// Invariant 12: the cost of a forged token is bounded. So duplicate names are checked after
// the signature: with hundreds of members that check costs more than an admitted request.
// No token is accepted before it.
//
// The explanation, which may be nil, records the steps.
func (v *Verifier) verifySignature(j jws, e *Explanation) (s signedClaims, err error) {
	e.take(StepAlgorithm)
	e.header(j.header)
	// This comes before reading the payload, which may be large, also for an issuer that is
	// not trusted.
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
	if s.issuer, s.name, err = v.trust(name); err != nil {
		return s, err
	}
	e.trusts(s.issuer)
	// Read the epoch first. If the keys change in between, the token is then stale at once,
	// instead of never.
	s.epoch = s.issuer.Keys.Epoch()
	e.take(StepSignature)
	if err := s.issuer.signatures.verify(j); err != nil {
		return s, s.claimed(err)
	}
	e.take(StepClaims)
	if s.members, err = claimsOf(claims, s.issuer.reads, v.added.Load().reads); err != nil {
		return s, s.claimed(err)
	}
	e.has(s.members)
	// Attack: a tenant has a token signed that names another tenant. So nothing in it is believed.
	if err := s.issuer.checkTenant(s.name, s.members); err != nil {
		return s, s.claimed(err)
	}
	return s, nil
}

// claimed returns the error of a token that breaks a rule, and names the issuer.
func (s signedClaims) claimed(err error) error { return &ClaimedError{s.issuer.Issuer, err} }

// refused returns the error of a token that breaks a rule, and that the issuer has signed. The
// claims name the subject.
func (s signedClaims) refused(err error, subjectClaims ...string) error {
	subject, invalid := s.members.id(subjectClaims...)
	if invalid != nil {
		subject = ""
	}
	return &SignedError{Issuer: s.name, Configured: s.issuer.Issuer, Subject: subject, Err: err}
}

// refused returns the error of a token that breaks a rule.
func (t *Verified) refused(err error) error {
	return &SignedError{Issuer: t.Issuer, Configured: t.rules.Issuer, Subject: t.Subject, Err: err}
}
