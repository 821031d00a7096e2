package caddymodule

import (
	"errors"
	"fmt"
	"net/http"
	"strings"
	"time"

	"github.com/sessiongate/sessiongate/caddymodule/caller"
	"github.com/sessiongate/sessiongate/caddymodule/reply"
	"github.com/sessiongate/sessiongate/caddymodule/token"
	"github.com/sessiongate/sessiongate/store"
	"github.com/sessiongate/sessiongate/store/replica"
)

// explained tells an operator what the gate makes of a token. It is the answer of
// `POST /session_gate/check`.
type explained struct {
	// Admitted says that a request with the token would go upstream now. If not,
	// Status and Reason are those of the answer: the reason as in
	// {http.session_gate.reason}.
	Admitted bool   `json:"admitted"`
	Status   int    `json:"status"`
	Reason   string `json:"reason,omitempty"`
	// Steps are the rules that the token was held to, in order. The first that it
	// does not pass decides.
	Steps []explainedStep `json:"steps"`
	// Claims are what the token says, if the signature is the issuer's.
	Claims *explainedClaims `json:"claims,omitempty"`
}

type explainedStep struct {
	Step   string `json:"step"`
	Passed bool   `json:"passed"`
	Detail string `json:"detail"`
}

type explainedClaims struct {
	Issuer    string    `json:"issuer"`
	Subject   string    `json:"subject,omitempty"`
	SessionID string    `json:"session_id,omitempty"`
	TokenID   string    `json:"token_id,omitempty"`
	IssuedAt  time.Time `json:"issued_at"`
	ExpiresAt time.Time `json:"expires_at"`
	// The prefixes of the hashes by which logs, events and lists name the token.
	SessionKey string `json:"session_key,omitempty"`
	TokenKey   string `json:"token_key"`
	SubjectKey string `json:"subject_key,omitempty"`
}

// explainToken tells what the gate makes of a token. The token is in no log and in
// no answer.
func explainToken(app *App, r *http.Request) (any, error) {
	var raw string
	err := parameters{"token": textMember(&raw, "a string", func(s string) bool { return s != "" })}.readBody(r)
	if err != nil {
		return nil, err
	}
	if raw == "" {
		return nil, badRequest(errors.New("checking a token: no token"))
	}
	return app.explain(raw, time.Now()), nil
}

// explain holds a token to the rules as a request with it would be, and tells each.
//
// Invariant 1: verify first, then check. What decides are the verifier and
// the replica themselves; here is only told what they say.
func (a *App) explain(raw string, now time.Time) explained {
	e := a.verifier.Explain(raw, now)
	told := explained{Claims: claimsOf(e.Token)}
	for i, step := range e.Steps {
		passed := e.Err == nil || i < len(e.Steps)-1
		told.Steps = append(told.Steps, explainedStep{string(step), passed, a.detail(step, e, now)})
		if !passed {
			told.Steps[i].Detail = whyNot(step, e.Err, told.Steps[i].Detail)
		}
	}
	var deny *reply.Denial
	if e.Err != nil {
		deny = caller.DenyCredential(e.Err)
	}
	if e.Token != nil {
		step, refused := a.explainRevocation(e.Token, now)
		told.Steps = append(told.Steps, step...)
		if deny == nil {
			deny = refused
		}
	}
	told.Admitted, told.Status = deny == nil, http.StatusOK
	if deny != nil {
		told.Status, told.Reason = deny.Status, deny.Reason
	}
	return told
}

// whyNot says in the verifier's words which rule a step found broken, and what the
// token has there, where that is a matter of values.
func whyNot(step token.Step, err error, detail string) string {
	rule := strings.TrimSuffix(strings.TrimPrefix(err.Error(), "verifying token: "), ": "+token.ErrInvalid.Error())
	switch step {
	case token.StepAlgorithm, token.StepIssuer, token.StepSignature, token.StepTime:
		return rule + " (" + detail + ")"
	default:
		return rule
	}
}

// explainRevocation tells whether the token is revoked, and whether the gate can
// tell.
func (a *App) explainRevocation(t *token.Verified, now time.Time) ([]explainedStep, *reply.Denial) {
	verdict := a.hub.Check(&t.Keys, now)
	held := verdict
	if verdict == replica.Unavailable {
		held = a.hub.Look(&t.Keys)
	}
	return []explainedStep{
		{"revocation", held == replica.Clear, revokedBy(held, &t.Keys)},
		{"freshness", verdict != replica.Unavailable, a.freshness()},
	}, caller.DenyVerdict(verdict)
}

// revokedBy says in words by what a token is revoked.
func revokedBy(verdict replica.Verdict, k *store.Keys) string {
	if verdict == replica.Clear {
		return "nothing that is held revokes it"
	}
	var by []string
	for _, one := range []struct {
		verdict replica.Verdict
		text    string
	}{
		{replica.BySession, "its session is revoked, key " + k.Session.String()},
		{replica.ByToken, "the token itself is revoked, key " + k.Token.String()},
		{replica.BySubject, "it was issued up to an instant before which all tokens of its subject are revoked, key " + k.Subject.String()},
		{replica.ByIssuer, "it was issued up to an instant before which all tokens of its issuer are revoked, key " + k.Issuer.String()},
		{replica.Outlived, "revocations that may have named it are forgotten: a clock went back, or it was issued before the retention was raised and lives for longer"},
		{replica.ByFloor, "it was issued before the store lost revocations that nobody can name; its user logs in again"},
	} {
		if verdict&one.verdict != 0 {
			by = append(by, one.text)
		}
	}
	return strings.Join(by, "; ")
}

// freshness says in words whether the gate's set is fresh.
func (a *App) freshness() string {
	s := a.state()
	detail := "the gate " + s.admission()
	if why, _ := s.advice(); why != "" {
		detail += ": " + why
	}
	if s.Error != "" {
		detail += ": " + s.Error
	}
	if s.Shared {
		detail += "; the lease is " + s.lease()
	}
	return detail
}

// detail says what a step found. The words of a token whose signature is not the
// issuer's are quoted, and bounded.
func (a *App) detail(step token.Step, e token.Explanation, now time.Time) string {
	switch step {
	case token.StepForm:
		return "a signed token in compact form, declared as an access token or not at all"
	case token.StepAlgorithm:
		return "alg " + clipped(e.Algorithm)
	case token.StepIssuer:
		return "iss " + clipped(e.Issuer)
	case token.StepSignature:
		if e.KeyID == "" {
			return "alg " + clipped(e.Algorithm) + ", no kid"
		}
		return "alg " + clipped(e.Algorithm) + ", kid " + clipped(e.KeyID)
	case token.StepClaims:
		return "no claim is there twice, and it is no logout token"
	case token.StepAudience:
		return "aud names this gate, or any_audience is configured"
	case token.StepLifetime:
		if e.Token == nil {
			return "at most " + time.Duration(a.MaxTokenLifetime).String()
		}
		return fmt.Sprintf("exp is %v after iat, at most %v", seconds(float64(e.Token.ExpiresAt-e.Token.IssuedAt)), time.Duration(a.MaxTokenLifetime))
	case token.StepIdentity:
		return "sub, session and token id are 1 to 256 bytes each, or absent"
	case token.StepTime:
		return a.times(e.Token, now)
	default:
		return ""
	}
}

// times says how far away the dates of a token are.
func (a *App) times(t *token.Verified, now time.Time) string {
	if t == nil {
		return ""
	}
	detail := fmt.Sprintf("issued %s, expires %s, leeway %v",
		fromNow(t.IssuedAt, now), fromNow(t.ExpiresAt, now), time.Duration(*a.Leeway))
	if notBefore, ok := t.Claim("nbf"); ok {
		detail += ", nbf " + clipped(notBefore)
	}
	return detail
}

// fromNow says how far a second is from now.
func fromNow(second int64, now time.Time) string {
	d := second - now.Unix()
	if d < 0 {
		return seconds(float64(-d)).String() + " ago"
	}
	return "in " + seconds(float64(d)).String()
}

// clipped quotes the beginning of a text that anybody may have written.
func clipped(text string) string {
	const most = 100
	if len(text) > most {
		return fmt.Sprintf("%q…", text[:most])
	}
	return fmt.Sprintf("%q", text)
}

// claimsOf are the claims of a token that was verified.
func claimsOf(t *token.Verified) *explainedClaims {
	if t == nil {
		return nil
	}
	c := &explainedClaims{
		Issuer: t.Issuer, Subject: t.Subject, SessionID: t.SessionID, TokenID: t.TokenID,
		IssuedAt: unix(t.IssuedAt), ExpiresAt: unix(t.ExpiresAt), TokenKey: t.Keys.Token.String(),
	}
	if !t.Keys.Session.IsZero() {
		c.SessionKey = t.Keys.Session.String()
	}
	if !t.Keys.Subject.IsZero() {
		c.SubjectKey = t.Keys.Subject.String()
	}
	return c
}
