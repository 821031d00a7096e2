package operator

import (
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/sessiongate/sessiongate/caddymodule/token"
	"github.com/sessiongate/sessiongate/store"
	"github.com/sessiongate/sessiongate/store/replica"
)

// revokedBy says in words which revocations name a token.
func (g gate) revokedBy(verdict replica.Verdict, t *token.Verified) string {
	k := &t.Keys
	if verdict == replica.Clear {
		return "no revocation that the gate holds names it"
	}
	var by []string
	for _, one := range []struct {
		verdict replica.Verdict
		text    string
	}{
		{replica.BySession, "its session is revoked, key " + k.First().String() + g.lockedOut(t)},
		{replica.ByToken, "the token itself is revoked, key " + k.Token.String()},
		{replica.BySubject, "tokens of its subject issued up to " + g.instant(k.Subject, k.Session) + " are revoked, key " + k.Subject.String()},
		{replica.ByIssuer, "tokens of its issuer issued up to " + g.instant(k.Issuer, k.Session) + " are revoked, key " + k.Issuer.String()},
		{replica.Outlived, "a revocation of it may be forgotten: a clock went back, or it was issued before the retention was raised and lives longer"},
		{replica.ByFloor, "it was issued before the store lost revocations, and no gate knows which; its user has to log in again"},
	} {
		if verdict&one.verdict != 0 {
			by = append(by, one.text)
		}
	}
	return strings.Join(by, "; ")
}

// lockedOut says that the issuer made the token after a logout had ended its session, and what
// to do (caller.NoteRefusal).
func (g gate) lockedOut(t *token.Verified) string {
	if _, ended := g.Hub().EndedBefore(&t.Keys, t.Lead()); !ended {
		return ""
	}
	return ", and the issuer made this token after that, because its own session goes on: the user stays locked out until it ends there, too " +
		"(end_session_endpoint); see docs/identity-providers.md"
}

// instant returns the instant up to which tokens of a subject, or an issuer, with this
// session are revoked. The set finds both kinds by the key alone.
func (g gate) instant(of, session store.Key) string {
	_, set := g.Hub().Store()
	return unix(set.NotBefore(&store.Keys{Subject: of, Session: session})).Format(time.RFC3339)
}

// freshness says in words whether the gate can prove that its set is fresh.
func (g gate) freshness() string {
	s := g.state()
	detail := "the gate " + s.freshness()
	if why, _ := s.storeAdvice(); why != "" {
		detail += ": " + why
	}
	if s.Error != "" {
		detail += ": " + s.Error
	}
	if s.Shared {
		detail += "; the lease is " + s.Lease()
	}
	return detail
}

// detail describes the result of a step. It quotes and shortens texts of the token, because
// its signature may be invalid.
func (g gate) detail(step token.Step, e token.Explanation, now time.Time) string {
	switch step {
	case token.StepForm:
		return "a signed token in compact form; its typ is that of an access token, or absent"
	case token.StepAlgorithm:
		return "alg " + clipped(e.Algorithm)
	case token.StepIssuer:
		return "iss " + clipped(e.Issuer) + g.similarIssuer(e.Issuer)
	case token.StepSignature:
		if e.KeyID == "" {
			return "alg " + clipped(e.Algorithm) + ", no kid"
		}
		return "alg " + clipped(e.Algorithm) + ", kid " + clipped(e.KeyID)
	case token.StepClaims:
		return "no claim that the gate reads appears twice, and the token is not a logout token"
	case token.StepAudience:
		return "a claim of audience_claim names this gate, or any_audience is configured"
	case token.StepRequire:
		return "each claim that require names is one of its values, or contains one"
	case token.StepLifetime:
		if e.Token == nil {
			return "at most " + g.settings.MaxTokenLifetime.String()
		}
		return fmt.Sprintf("exp is %v after iat, at most %v", Seconds(e.Token.ExpiresAt-e.Token.IssuedAt).Duration(), g.settings.MaxTokenLifetime)
	case token.StepIdentity:
		return "subject, session and token id are texts of 1 to 1024 bytes, or integers up to 2^53, or absent"
	case token.StepTime:
		return g.times(e.Token, now)
	default:
		return ""
	}
}

// similarIssuer names the configured issuer that differs from this `iss` only by its spelling,
// or the configured issuers if it is none of them.
func (g gate) similarIssuer(iss string) string {
	spelling := func(name string) string { return strings.ToLower(strings.TrimSuffix(name, "/")) }
	for _, configured := range g.settings.Issuers {
		switch {
		case token.IsIssuerOf(configured, iss):
			return ""
		case spelling(configured) == spelling(iss):
			return fmt.Sprintf(", and the configured issuer is %q; write it exactly as in iss", configured)
		}
		if part := tenantPart(configured, iss); part != "" {
			return fmt.Sprintf(", and the configured issuer is %q, which no token has; write * for %s, and name the claim of the tenant with wildcard",
				configured, part)
		}
	}
	if iss == "" { // accept_missing_iss may take it
		return ""
	}
	return fmt.Sprintf(", and the configured issuers are %q", g.settings.Issuers)
}

// tenantPart returns the segment of a configured issuer that stands for all tenants in the
// documentation of issuers, if the other segments are those of this `iss`.
func tenantPart(configured, iss string) string {
	ours, theirs := strings.Split(configured, "/"), strings.Split(iss, "/")
	if len(ours) != len(theirs) {
		return ""
	}
	part := ""
	for n, segment := range ours {
		switch isTenants := strings.ContainsAny(segment, "{}") || slices.Contains([]string{"common", "organizations", "consumers"}, segment); {
		case segment == theirs[n]:
		case isTenants && part == "":
			part = segment
		default:
			return ""
		}
	}
	return part
}

// times says how far the dates of a token are from now.
func (g gate) times(t *token.Verified, now time.Time) string {
	if t == nil {
		return ""
	}
	detail := fmt.Sprintf("issued %s, expires %s, leeway %v",
		fromNow(t.IssuedAt, now), fromNow(t.ExpiresAt, now), g.settings.Leeway)
	if notBefore, ok := t.Claim("nbf"); ok {
		detail += ", nbf " + clipped(notBefore)
	}
	return detail
}

// fromNow says how far a second is from now.
func fromNow(second int64, now time.Time) string {
	d := second - now.Unix()
	if d < 0 {
		return Seconds(-d).Duration().String() + " ago"
	}
	return "in " + Seconds(d).Duration().String()
}

// clipped quotes the beginning of a text that anybody may have written, 100 bytes at
// most.
func clipped(text string) string {
	const most = 100
	if len(text) > most {
		return fmt.Sprintf("%q…", text[:most])
	}
	return fmt.Sprintf("%q", text)
}
