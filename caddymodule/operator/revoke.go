package operator

import (
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"strconv"
	"strings"
	"time"
	"unicode"
	"unicode/utf8"

	"github.com/sessiongate/sessiongate/caddymodule/ending"
	"github.com/sessiongate/sessiongate/caddymodule/hub"
	"github.com/sessiongate/sessiongate/caddymodule/strictjson"
	"github.com/sessiongate/sessiongate/caddymodule/token"
	"github.com/sessiongate/sessiongate/store"
)

// maxReason bounds an operator's reason, in bytes.
const maxReason = 200

// RevokeRequest is the body of `POST /session_gate/revocations`: what an operator wants to
// revoke. Exactly one of Session, Token, Subject and IssuerBefore is set.
type RevokeRequest struct {
	// Issuer is the `iss`. It may be absent if there is only one issuer.
	Issuer string `json:"issuer,omitempty"`
	// Session is the id of one session.
	Session string `json:"session,omitempty"`
	// Token is the id of one token, or a whole token. With a whole token, its session is
	// revoked, too.
	Token string `json:"token,omitempty"`
	// Subject revokes everything issued to a subject up to Before.
	Subject string `json:"subject,omitempty"`
	// IssuerBefore revokes everything that the issuer issued up to Before.
	IssuerBefore bool `json:"issuer_before,omitempty"`
	// Before is RFC 3339, or a number of Unix seconds. Default: now, by the issuer's clock as
	// far as this gate knows it (token.Verifier.Lead).
	Before time.Time `json:"before,omitzero"`
	// ExceptSession is a session that Subject or IssuerBefore does not revoke.
	ExceptSession string `json:"except_session,omitempty"`
	// Unseen also revokes a session or a subject that no gate has seen.
	Unseen bool `json:"unseen,omitempty"`
	// Reason is a line for the gate's log and for events, at most 200 bytes.
	Reason string `json:"reason,omitempty"`
}

// read reads the body of a call.
func (o *RevokeRequest) read(r *http.Request) error {
	return parameters{
		"issuer":         textMember(&o.Issuer, "the iss of an issuer", func(s string) bool { return s != "" }),
		"session":        textMember(&o.Session, wantID, token.ValidID),
		"token":          textMember(&o.Token, "a token id, or a whole token and nothing else", isTokenOrID),
		"subject":        textMember(&o.Subject, wantID, token.ValidID),
		"except_session": textMember(&o.ExceptSession, wantID, token.ValidID),
		"reason":         textMember(&o.Reason, fmt.Sprintf("a line of at most %d bytes", maxReason), isReason),
		"before": func(value json.RawMessage) (err error) {
			text, ok := strictjson.Text(value)
			if !ok {
				text = string(value)
			}
			o.Before, err = ParseBefore(text)
			return err
		},
		"issuer_before": func(value json.RawMessage) error {
			if err := json.Unmarshal(value, &o.IssuerBefore); err != nil || !o.IssuerBefore {
				return errors.New("want true")
			}
			return nil
		},
		"unseen": func(value json.RawMessage) error {
			if err := json.Unmarshal(value, &o.Unseen); err != nil {
				return errors.New("want true or false")
			}
			return nil
		},
	}.readBody(r)
}

// ParseBefore reads an instant: a number of Unix seconds, or RFC 3339.
func ParseBefore(text string) (time.Time, error) {
	var before time.Time
	seconds, err := strconv.ParseInt(text, 10, 64)
	if err == nil {
		before = time.Unix(seconds, 0)
	} else {
		before, err = time.Parse(time.RFC3339, text)
	}
	if err != nil || before.Unix() < 1 || before.Year() > 9999 {
		return time.Time{}, errors.New("want an instant after 1970, in RFC 3339 or in whole Unix seconds")
	}
	return before, nil
}

// isTokenOrID reports whether a text is a whole token, or can be the id of one.
//
// Fault: an operator copies a token with its header field, with quotes, or in part. The
// gate would revoke it as an id, which no token has.
func isTokenOrID(text string) bool {
	const header = "eyJ" // the first characters of every token (RFC 7515 §3.1)
	field, _, _ := strings.Cut(text, ":")
	copied := strings.EqualFold(field, "Authorization") || strings.Contains(text, header) && strings.ContainsAny(text, ". :\"'")
	return token.IsSigned(text) || token.ValidID(text) && !copied
}

// isReason reports whether a text can stand in a log line and in an event.
func isReason(text string) bool {
	return len(text) <= maxReason && utf8.ValidString(text) &&
		strings.IndexFunc(text, func(r rune) bool { return !unicode.IsPrint(r) }) < 0
}

// check refuses a request whose members contradict each other.
func (o RevokeRequest) check(now time.Time, leeway time.Duration) error {
	named := 0
	for _, given := range []bool{o.Session != "", o.Token != "", o.Subject != "", o.IssuerBefore} {
		if given {
			named++
		}
	}
	switch hasInstant := o.Subject != "" || o.IssuerBefore; {
	case named != 1:
		return errors.New("name what to revoke by exactly one of session, token, subject and issuer_before")
	case !hasInstant && !o.Before.IsZero():
		return errors.New("before is for subject and issuer_before; a session and a token are revoked for good")
	case !hasInstant && o.ExceptSession != "":
		return errors.New("except_session is for subject and issuer_before")
	case o.Before.After(now.Add(leeway)):
		return errors.New("before is in the future: tokens that are not issued yet cannot be revoked")
	}
	return nil
}

// revoke revokes what an operator names, and answers with a receipt.
func revoke(g gate, r *http.Request) (any, error) {
	var o RevokeRequest
	if err := o.read(r); err != nil {
		return nil, err
	}
	if err := o.check(time.Now(), g.settings.Leeway); err != nil {
		return nil, badRequest(fmt.Errorf("revoking: %w", err))
	}
	if err := g.checkOpen("revoking"); err != nil {
		return nil, err
	}
	unlooked, err := g.checkSeen(r.Context(), o)
	if err != nil {
		return nil, err
	}
	now := time.Now() // an instant counts from when it holds, not from when it was looked for
	revocations, issuer, err := g.revocationsOf(o, now)
	if err != nil {
		return nil, err
	}
	cause := hub.Cause{Source: store.SourceAdmin, Issuer: issuer, Reason: o.Reason, Subject: o.Subject}
	receipt, err := g.Hub().RevokeWithReceipt(r.Context(), cause, revocations...)
	if err != nil {
		return nil, unavailable(fmt.Errorf("%w; the revocation holds at this gate, which retries until the store has it; "+
			"the other gates may not have it yet: see their health, and repeat the call when the store answers", err))
	}
	// Invariant 5: a token issued in the second of the instant is refused. A token of a
	// login right after the answer must not be. When the second of now is over here, it is
	// over by the clock of an issuer that is ahead, too.
	passed := revocations[0].NotBefore
	if o.Before.IsZero() {
		passed = min(passed, now.Unix())
	}
	hub.AwaitAfter(r.Context(), passed)
	answer := g.receiptOf(issuer, receipt)
	answer.Unlooked = unlooked
	return answer, nil
}

// revocationsOf turns a request into revocations of one issuer.
func (g gate) revocationsOf(o RevokeRequest, now time.Time) (revocations []store.Revocation, issuer string, err error) {
	if token.IsSigned(o.Token) {
		return g.revocationsOfToken(o, now)
	}
	if issuer, err = g.issuerNamed(o.Issuer); err != nil {
		return nil, "", err
	}
	revocation := store.Revocation{Expires: g.Hub().Expires(now)}
	switch {
	case o.Session != "":
		revocation.Kind, revocation.Key = store.KindSession, g.Hub().SessionKey(issuer, o.Session)
	case o.Token != "":
		revocation.Kind, revocation.Key = store.KindToken, g.Hub().Key(store.KindToken, issuer, o.Token)
	case o.Subject != "":
		revocation.Kind, revocation.Key = store.KindSubject, g.Hub().Key(store.KindSubject, issuer, o.Subject)
	default:
		revocation.Kind, revocation.Key = store.KindIssuer, g.Hub().Key(store.KindIssuer, issuer, "")
	}
	if revocation.Kind.HasInstant() {
		// Attack: the issuer's clock is ahead, and a token from before the revocation says
		// that it is from after it.
		if o.Before.IsZero() {
			o.Before = now.Add(time.Duration(g.Verifier().Lead(issuer)) * time.Second)
			revocation.Expires = g.Hub().Expires(o.Before)
		}
		revocation.NotBefore = o.Before.Unix()
		if o.ExceptSession != "" {
			revocation.Except = g.Hub().SessionKey(issuer, o.ExceptSession)
		}
	}
	return []store.Revocation{revocation}, issuer, nil
}

// revocationsOfToken returns the revocations for a whole token: of the token, and of its
// sessions, which may have other tokens. An operator revokes them for good.
//
// Attack: trick an operator into revoking a session by a forged token.
func (g gate) revocationsOfToken(o RevokeRequest, now time.Time) ([]store.Revocation, string, error) {
	verified, err := g.Verifier().Verify(o.Token, now)
	if errors.Is(err, token.ErrUnavailable) {
		return nil, "", unavailable(fmt.Errorf("revoking a token: %w; revoke its session, or its subject, by name", err))
	}
	if err != nil {
		return nil, "", badRequest(fmt.Errorf("revoking a token: %w; the gate refuses it already; "+
			"revoke its session, or its subject, by name", err))
	}
	if o.Issuer != "" && o.Issuer != verified.Issuer {
		return nil, "", badRequest(errors.New("revoking a token: another issuer issued it"))
	}
	expires := g.Hub().Expires(now)
	revocations := []store.Revocation{{Kind: store.KindToken, Key: verified.Keys.Token, Expires: expires}}
	for _, session := range ending.Sessions(verified, nil) { // the hub adds the learned ones
		revocations = append(revocations, store.Revocation{Kind: store.KindSession, Key: session, Expires: expires})
	}
	return revocations, verified.Issuer, nil
}
