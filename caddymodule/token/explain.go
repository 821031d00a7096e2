package token

import "time"

// Step names one rule, or a group of rules, that Verify applies to a token.
type Step string

// The steps, in the order of Verify.
const (
	// StepForm: three parts of base64url (RFC 7515 §7.1), a header that is a JSON
	// object, no `crit`, and a `typ` that an access token may have.
	StepForm Step = "form"
	// StepAlgorithm: some trusted issuer may use `alg`.
	StepAlgorithm Step = "algorithm"
	// StepIssuer: `iss` is one of the trusted issuers, or is absent and may be.
	StepIssuer Step = "issuer"
	// StepSignature: the issuer may use `alg`, and one of its keys made the signature. If
	// the issuer has a key set, `kid` names that key.
	StepSignature Step = "signature"
	// StepClaims: no claim occurs twice, and the token is an access token by its claims.
	StepClaims Step = "claims"
	// StepAudience: `aud` names this gate.
	StepAudience Step = "audience"
	// StepRequire: the token has the claims that the issuer's `require` names.
	StepRequire Step = "require"
	// StepLifetime: `exp` and `iat`, or what stands for it, are there, and not too far apart.
	StepLifetime Step = "lifetime"
	// StepIdentity: subject, session id and token id are valid.
	StepIdentity Step = "identity"
	// StepTime: the token is valid at this time.
	StepTime Step = "time"
)

// Explanation lists the steps of Verify that a token passed.
type Explanation struct {
	// Steps are the steps that were taken. The token passed all of them, except the last
	// one if there is an Err.
	Steps []Step
	// Algorithm, KeyID and Issuer are `alg`, `kid` and `iss` of the token, "" if they could
	// not be read. Do not trust them unless StepSignature was passed.
	Algorithm, KeyID, Issuer string
	// Audience is the first of the issuer's audience claims that the token has, and its JSON,
	// such as `aud is ["web"]`, if the signature is valid; else "".
	Audience string
	// Token is the token if it is valid, or if only its time is wrong; else nil.
	Token *Verified
	// Err is what Verify returns.
	Err error

	verifier *Verifier
	size     int      // of the text of the token, in bytes
	typ      []string // `typ` for Compare, empty if the header cannot be read
	trusted  *issuer  // nil until StepSignature
	members  members  // none until StepClaims was passed
	signed   bool     // whether there are members
}

// Explain verifies a token as Verify does, and records the steps. It neither uses nor
// changes the cache.
func (v *Verifier) Explain(raw string, now time.Time) Explanation {
	e := Explanation{verifier: v, size: len(raw)}
	if j, err := parseAnyJWS(raw); err == nil {
		e.typ = named("typ", j.header.typ)
	}
	e.Token, e.Err = v.verify(raw, now.Unix(), &e)
	return e
}

// take records a step. A nil explanation records nothing.
func (e *Explanation) take(step Step) {
	if e != nil {
		e.Steps = append(e.Steps, step)
	}
}

// header records `alg` and `kid`.
func (e *Explanation) header(h header) {
	if e != nil {
		e.Algorithm, e.KeyID = h.algorithm, h.keyID
	}
}

// issuer records `iss`.
func (e *Explanation) issuer(name string) {
	if e != nil {
		e.Issuer = name
	}
}

// trusts records the rules of the issuer.
func (e *Explanation) trusts(i *issuer) {
	if e != nil {
		e.trusted = i
	}
}

// has records the claims of a token with a valid signature.
func (e *Explanation) has(m members) {
	if e != nil {
		e.members, e.signed = m, true
	}
}

// audience records the audience of a token with a valid signature.
func (e *Explanation) audience(s signedClaims) {
	if e == nil {
		return
	}
	for _, claim := range s.issuer.AudienceClaims {
		if value, ok := s.members.find(claim); ok {
			e.Audience = claim + " is " + string(value)
			return
		}
	}
}

// IsSigned reports whether a text has the form of a signed token, rather than of an id:
// three parts of base64url, with a JSON object in the first part.
func IsSigned(text string) bool {
	p, err := split(text)
	if err != nil {
		return false
	}
	decoded, err := decode("header", p.header)
	if err != nil {
		return false
	}
	_, err = parseObject("header", decoded)
	return err == nil
}
