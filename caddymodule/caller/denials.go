package caller

import (
	"errors"
	"net/http"
	"strings"

	"github.com/sessiongate/sessiongate/caddymodule/credential"
	"github.com/sessiongate/sessiongate/caddymodule/reply"
	"github.com/sessiongate/sessiongate/caddymodule/token"
	"github.com/sessiongate/sessiongate/store/replica"
)

// realm is the gate's name in a challenge (RFC 9110 §11.5).
const realm = `Bearer realm="session_gate"`

// These denials are answered by other packages, too. Challenges follow RFC 6750 §3.1. They
// have no error attribute if the request has no credential. They have no detail that
// distinguishes a malformed, an expired, a forged and a revoked token.
var (
	// Invalid refuses a token that this gate does not trust.
	Invalid = reply.New(http.StatusUnauthorized, "unauthorized",
		"Missing or invalid access token.", realm+`, error="invalid_token"`).Because("invalid")
	// Revoked refuses a token that is revoked.
	Revoked = Invalid.Because("revoked").As(reply.Revoked).With(reply.Detail{Err: errRevoked})
	// Unavailable refuses a token while the gate cannot check it.
	Unavailable = reply.New(http.StatusServiceUnavailable, "temporarily_unavailable",
		"The session cannot be checked at the moment. Try again.", "").Because("unavailable").With(reply.Detail{Err: VerdictError(replica.Unavailable)})
)

var errRevoked = errors.New("a revocation names the token, its session or its subject")

var (
	missing = reply.New(http.StatusUnauthorized, "unauthorized",
		"Missing or invalid access token.", realm).Because("missing").As(reply.Missing).With(reply.Detail{Err: credential.ErrMissing})
	expired   = Invalid.Because("expired")
	malformed = Invalid.Because("malformed")
	several   = reply.New(http.StatusBadRequest, "invalid_request",
		"More than one credential in the request.", realm+`, error="invalid_request"`).Because("several")
	crossSite = reply.New(http.StatusForbidden, "forbidden",
		"The browser does not say that the request comes from this site. If a proxy changes Host, keep it, or name the page's origin in cors.",
		"").Because("cross_site")
)

// DenyCredential returns the denial for an error of credential.Extractor or token.Verifier.
// An error that it does not know is Invalid.
func DenyCredential(err error) *reply.Denial {
	switch {
	case errors.Is(err, credential.ErrMissing):
		return missing
	case errors.Is(err, credential.ErrSeveral):
		return several
	case errors.Is(err, token.ErrMalformed):
		return malformed
	case errors.Is(err, token.ErrExpired):
		return expired
	case errors.Is(err, token.ErrUnavailable):
		return Unavailable
	default:
		return Invalid
	}
}

// refused is DenyCredential with a detail for logs. A request without a credential has none of its
// own.
func refused(err error) *reply.Denial {
	deny := DenyCredential(err)
	if deny == missing {
		return deny
	}
	issuer, subject := token.Named(err)
	return deny.With(reply.Detail{Issuer: issuer, Subject: subject, Err: err})
}

// Of returns a denial with the issuer and the subject of the caller's token, for logs. rule is the
// rule that the request breaks, nil for that of the denial.
func Of(t *token.Verified, deny *reply.Denial, rule error) *reply.Denial {
	if rule == nil {
		rule = deny.Detail.Err
	}
	return deny.With(reply.Detail{Issuer: t.ConfiguredIssuer(), Subject: t.Subject, Err: rule})
}

// VerdictError is the rule by which a check refuses a token, for logs.
type VerdictError replica.Verdict

// Error names every reason.
func (v VerdictError) Error() string {
	verdict := replica.Verdict(v)
	if verdict == replica.Unavailable {
		return "the gate cannot prove that it knows all revocations"
	}
	var by []string
	for _, one := range []struct {
		verdict replica.Verdict
		text    string
	}{
		{replica.BySession, "its session is revoked"},
		{replica.ByToken, "the token itself is revoked"},
		{replica.BySubject, "all tokens of its subject from before an instant are revoked"},
		{replica.ByIssuer, "all tokens of its issuer from before an instant are revoked"},
		{replica.Outlived, "a revocation of it may be forgotten"},
		{replica.ByFloor, "it was issued before the store lost revocations"},
	} {
		if verdict&one.verdict != 0 {
			by = append(by, one.text)
		}
	}
	return strings.Join(by, "; ")
}

// DenyVerdict returns the denial for what a check found, and nil for replica.Clear.
func DenyVerdict(verdict replica.Verdict) *reply.Denial {
	switch verdict {
	case replica.Clear:
		return nil
	case replica.Unavailable:
		return Unavailable
	default:
		return Revoked
	}
}
