package token

import "time"

// Step names one rule, or a group of rules, that Verify holds a token to.
type Step string

// The steps, in the order in which Verify takes them.
const (
	// StepForm: three parts of base64url (RFC 7515 §7.1), a header that is a JSON
	// object, no `crit`, and a `typ` that an access token may have.
	StepForm Step = "form"
	// StepAlgorithm: some trusted issuer may use `alg`.
	StepAlgorithm Step = "algorithm"
	// StepIssuer: `iss` is one of the issuers trusted.
	StepIssuer Step = "issuer"
	// StepSignature: the issuer may use `alg`, has a key for it, by `kid` where it
	// names its keys, and the signature is that key's.
	StepSignature Step = "signature"
	// StepClaims: no claim has a twin, and the token is no other kind of token.
	StepClaims Step = "claims"
	// StepAudience: `aud` names this gate.
	StepAudience Step = "audience"
	// StepLifetime: `exp` and `iat` are there, and not too far apart.
	StepLifetime Step = "lifetime"
	// StepIdentity: the ids of subject, session and token can be ids.
	StepIdentity Step = "identity"
	// StepTime: the token is good now.
	StepTime Step = "time"
)

// Explanation tells how far a token came with Verify.
type Explanation struct {
	// Steps are those that were taken. The token passed all of them, but for the
	// last one if there is an Err.
	Steps []Step
	// Algorithm and KeyID are `alg` and `kid`, and Issuer is `iss`, as the token has
	// them; "" if that could not be read. Unless StepSignature was passed, they are
	// nobody's word.
	Algorithm, KeyID, Issuer string
	// Token is the token if all but its time was found good, else nil.
	Token *Verified
	// Err is what Verify returns.
	Err error
}

// Explain verifies a token as Verify does, for people who want to know why a token
// is refused. It goes by the cache no more than Verify does for a token that it
// sees for the first time, and leaves it as it is.
func (v *Verifier) Explain(raw string, now time.Time) Explanation {
	var e Explanation
	e.Token, e.Err = v.verify(raw, now.Unix(), &e)
	return e
}

// take notes that a step is taken. A nil explanation is for nobody.
func (e *Explanation) take(step Step) {
	if e != nil {
		e.Steps = append(e.Steps, step)
	}
}

// header notes what the header says.
func (e *Explanation) header(h header) {
	if e != nil {
		e.Algorithm, e.KeyID = h.algorithm, h.keyID
	}
}

// issuer notes whom the token names.
func (e *Explanation) issuer(name string) {
	if e != nil {
		e.Issuer = name
	}
}

// IsSigned reports whether a text has the form of a signed token, rather than that
// of an id: three parts of base64url, the first of which is a JSON object.
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
