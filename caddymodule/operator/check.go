package operator

import (
	"context"
	"errors"
	"net/http"
	"strings"
	"time"
	"unicode"

	"github.com/sessiongate/sessiongate/caddymodule/caller"
	"github.com/sessiongate/sessiongate/caddymodule/reply"
	"github.com/sessiongate/sessiongate/caddymodule/token"
	"github.com/sessiongate/sessiongate/store/replica"
)

// Explanation explains how the gate decides about a token. It is the answer of `POST
// /session_gate/check`.
type Explanation struct {
	// Admitted reports whether a request with the token would go upstream now. If not,
	// Status is the status of the answer, and Reason the value of
	// {http.session_gate.reason}.
	Admitted bool   `json:"admitted"`
	Status   int    `json:"status"`
	Reason   string `json:"reason,omitempty"`
	// Steps are the rules that were applied, in order. The first rule that the token does
	// not pass decides.
	Steps []Step `json:"steps"`
	// Sites are the rules that sites have of their own (audience and require of their
	// session_gate). Admitted is about a site without any. Absent if there are none, or if the
	// token is not valid.
	Sites []SiteRules `json:"sites,omitempty"`
	// Revocations are what revokes the token, each with its origin. Absent if it is not revoked.
	Revocations []Revocation `json:"revocations,omitempty"`
	// Claims are the claims of the token, if the issuer has signed it, also if it is refused.
	Claims *Claims `json:"claims,omitempty"`
	// Unverified is what another token claims. Anybody may have written it.
	Unverified *UnverifiedClaims `json:"unverified,omitempty"`
	// Ends says what a DELETE with the token ends, as the header Session-Gate-Ended does:
	// "session", "login", "subject" or "token". EndsDetail says it in words. Both are empty if
	// the token breaks a rule, other than by its time.
	Ends       string `json:"ends,omitempty"`
	EndsDetail string `json:"ends_detail,omitempty"`
}

// Step is one rule, and whether the token passed it.
type Step struct {
	Step   string `json:"step"`
	Passed bool   `json:"passed"`
	Detail string `json:"detail"`
	// Expected and Found are the values that were compared, with their names, such as `aud
	// "web"`. Long values and long lists are cut. Absent if nothing was compared.
	Expected string `json:"expected,omitempty"`
	Found    string `json:"found,omitempty"`
}

// Claims are the claims of a token with a valid signature.
type Claims struct {
	Issuer    string `json:"issuer"`
	Subject   string `json:"subject,omitempty"`
	SessionID string `json:"session_id,omitempty"`
	TokenID   string `json:"token_id,omitempty"`
	// IssuedAt and ExpiresAt are absent if a refused token does not say.
	IssuedAt  time.Time `json:"issued_at,omitzero"`
	ExpiresAt time.Time `json:"expires_at,omitzero"`
	// Prefixes of the hashes by which logs, events and lists name the token.
	SessionKey string `json:"session_key,omitempty"`
	TokenKey   string `json:"token_key"`
	SubjectKey string `json:"subject_key,omitempty"`
}

// UnverifiedClaims are claims that nobody has verified.
type UnverifiedClaims struct {
	Issuer    string    `json:"issuer,omitempty"`
	Subject   string    `json:"subject,omitempty"`
	SessionID string    `json:"session_id,omitempty"`
	TokenID   string    `json:"token_id,omitempty"`
	IssuedAt  time.Time `json:"issued_at,omitzero"`
	ExpiresAt time.Time `json:"expires_at,omitzero"`
}

// check explains how the gate decides about a token. No log and no answer holds the token.
func check(g gate, r *http.Request) (any, error) {
	var raw string
	err := parameters{"token": textMember(&raw, "a string", func(s string) bool { return s != "" })}.readBody(r)
	if err != nil {
		return nil, err
	}
	if raw == "" {
		return nil, badRequest(errors.New("checking a token: no token"))
	}
	return g.explain(r.Context(), raw, time.Now()), nil
}

// explain applies the rules to a token, as for a request, and describes each.
//
// Invariant 1: verify first, then check. The verifier and the replica decide, and package
// caller chooses the answer, as for a request. explain only describes the decision.
func (g gate) explain(ctx context.Context, raw string, now time.Time) Explanation {
	e := g.Verifier().ExplainWaiting(ctx, raw, now)
	var answer Explanation
	answer.Claims, answer.Unverified = g.claims(raw, e.Token)
	for i, step := range e.Steps {
		answer.Steps = append(answer.Steps, g.compared(step, e.Err == nil || i < len(e.Steps)-1, e, now))
	}
	var deny *reply.Denial
	if e.Err != nil {
		deny = caller.DenyCredential(e.Err)
	}
	if e.Token != nil {
		answer.Ends, answer.EndsDetail = g.ends(ctx, e.Token, now)
		answer.Sites = g.sites(e.Token)
		step, held, refused := g.explainRevocation(e.Token, now)
		answer.Steps = append(answer.Steps, step...)
		var asked questions
		answer.Revocations = asked.about(g.reasons(ctx, held, e.Token))
		g.answer(ctx, asked)
		if deny == nil {
			deny = refused
		}
	}
	answer.Admitted, answer.Status = deny == nil, http.StatusOK
	if deny != nil {
		answer.Status, answer.Reason = deny.Status, deny.Reason
	}
	return answer
}

// brokenRule describes the rule that a token breaks at a step, in the verifier's words, with
// the token's value if there is one.
func brokenRule(step token.Step, e token.Explanation, detail string) string {
	rule := strings.TrimSuffix(strings.TrimPrefix(e.Err.Error(), "verifying token: "), ": "+token.ErrInvalid.Error())
	switch {
	case step == token.StepAudience && e.Audience != "":
		return rule + " (" + cut(e.Audience) + ")"
	case step == token.StepAlgorithm, step == token.StepIssuer, step == token.StepSignature, step == token.StepTime:
		return rule + " (" + detail + ")"
	default:
		return rule
	}
}

// cut returns the beginning of a JSON value, 100 bytes at most, without characters that move the
// cursor of a terminal.
func cut(value string) string {
	const most = 100
	if len(value) > most {
		value = strings.ToValidUTF8(value[:most], "") + "…"
	}
	return strings.Map(func(r rune) rune {
		if unicode.IsPrint(r) {
			return r
		}
		return unicode.ReplacementChar
	}, value)
}

// explainRevocation describes whether the token is revoked, and whether the gate can prove
// that its set is fresh. held is the verdict of the set, fresh or not.
func (g gate) explainRevocation(t *token.Verified, now time.Time) (steps []Step, held replica.Verdict, deny *reply.Denial) {
	verdict := g.Hub().Check(&t.Keys, now)
	held = verdict
	if verdict == replica.Unavailable {
		held = g.Hub().Look(&t.Keys)
	}
	return []Step{
		{Step: "revocation", Passed: held == replica.Clear, Detail: g.revokedBy(held, t)},
		{Step: "freshness", Passed: verdict != replica.Unavailable, Detail: g.freshness()},
	}, held, caller.DenyVerdict(verdict)
}
