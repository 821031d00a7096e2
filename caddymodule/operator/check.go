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
	// Revocations are what revokes the token, each with its origin. Absent if it is not revoked.
	Revocations []Revocation `json:"revocations,omitempty"`
	// Claims are the claims of the token, if the issuer has signed it.
	Claims *Claims `json:"claims,omitempty"`
	// Ends says what a DELETE with the token ends, as the header Session-Gate-Ended does:
	// "session", "login", "subject" or "token". EndsDetail says it in words. Both are empty if
	// the issuer has not signed the token.
	Ends       string `json:"ends,omitempty"`
	EndsDetail string `json:"ends_detail,omitempty"`
}

// Step is one rule, and whether the token passed it.
type Step struct {
	Step   string `json:"step"`
	Passed bool   `json:"passed"`
	Detail string `json:"detail"`
}

// Claims are the claims of a token with a valid signature.
type Claims struct {
	Issuer    string    `json:"issuer"`
	Subject   string    `json:"subject,omitempty"`
	SessionID string    `json:"session_id,omitempty"`
	TokenID   string    `json:"token_id,omitempty"`
	IssuedAt  time.Time `json:"issued_at"`
	ExpiresAt time.Time `json:"expires_at"`
	// Prefixes of the hashes by which logs, events and lists name the token.
	SessionKey string `json:"session_key,omitempty"`
	TokenKey   string `json:"token_key"`
	SubjectKey string `json:"subject_key,omitempty"`
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
	answer := Explanation{Claims: claimsOf(e.Token)}
	for i, step := range e.Steps {
		passed := e.Err == nil || i < len(e.Steps)-1
		answer.Steps = append(answer.Steps, Step{string(step), passed, g.detail(step, e, now)})
		if !passed {
			answer.Steps[i].Detail = brokenRule(step, e, answer.Steps[i].Detail)
		}
	}
	var deny *reply.Denial
	if e.Err != nil {
		deny = caller.DenyCredential(e.Err)
	}
	if e.Token != nil {
		answer.Ends, answer.EndsDetail = g.ends(ctx, e.Token, now)
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
		{"revocation", held == replica.Clear, g.revokedBy(held, t)},
		{"freshness", verdict != replica.Unavailable, g.freshness()},
	}, held, caller.DenyVerdict(verdict)
}

// claimsOf returns the claims of a token with a valid signature; nil if there is none.
func claimsOf(t *token.Verified) *Claims {
	if t == nil {
		return nil
	}
	c := &Claims{
		Issuer: t.Issuer, Subject: t.Subject, SessionID: t.Session, TokenID: t.TokenID,
		IssuedAt: unix(t.IssuedAt), ExpiresAt: unix(t.ExpiresAt), TokenKey: t.Keys.Token.String(),
	}
	if first := t.Keys.First(); !first.IsZero() {
		c.SessionKey = first.String()
	}
	if !t.Keys.Subject.IsZero() {
		c.SubjectKey = t.Keys.Subject.String()
	}
	return c
}
