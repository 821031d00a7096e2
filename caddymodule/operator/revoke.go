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

	"github.com/sessiongate/sessiongate/caddymodule/hub"
	"github.com/sessiongate/sessiongate/caddymodule/strictjson"
	"github.com/sessiongate/sessiongate/caddymodule/token"
	"github.com/sessiongate/sessiongate/store"
)

// maxReason bounds an operator's reason, in bytes.
const maxReason = 200

// order is what an operator wants revoked.
type order struct {
	issuer, session, token, subject, except, reason string
	issuerBefore                                    bool
	// before is the instant of issuerBefore and of subject; zero is now.
	before time.Time
}

// readOrder reads the body of a revocation.
func readOrder(r *http.Request) (o order, err error) {
	err = parameters{
		"issuer":         textMember(&o.issuer, "the iss of an issuer", func(s string) bool { return s != "" }),
		"session":        textMember(&o.session, wantID, token.ValidID),
		"token":          textMember(&o.token, "a token id, or a whole token and nothing else", isTokenOrID),
		"subject":        textMember(&o.subject, wantID, token.ValidID),
		"except_session": textMember(&o.except, wantID, token.ValidID),
		"reason":         textMember(&o.reason, fmt.Sprintf("a line of at most %d bytes", maxReason), isReason),
		"before":         o.readBefore,
		"issuer_before": func(value json.RawMessage) error {
			if err := json.Unmarshal(value, &o.issuerBefore); err != nil || !o.issuerBefore {
				return errors.New("it has to be true")
			}
			return nil
		},
	}.readBody(r)
	return o, err
}

// readBefore reads an instant: Unix seconds, or RFC 3339.
func (o *order) readBefore(value json.RawMessage) (err error) {
	if text, ok := strictjson.Text(value); ok {
		o.before, err = time.Parse(time.RFC3339, text)
	} else {
		var seconds int64
		seconds, err = strconv.ParseInt(string(value), 10, 64)
		o.before = time.Unix(seconds, 0)
	}
	if err != nil || o.before.Unix() < 1 {
		return errors.New("it has to be an instant after 1970, as RFC 3339 writes it, or in whole Unix seconds")
	}
	return nil
}

// isTokenOrID reports whether a text is a whole token, or can be the id of one.
//
// Fault: a token that was copied with its header field, with quotes, or in part, is
// revoked as if it were an id, which nothing has.
func isTokenOrID(text string) bool {
	const header = "eyJ" // how the JSON of a token begins (RFC 7515 §3.1)
	field, _, _ := strings.Cut(text, ":")
	copied := strings.EqualFold(field, "Authorization") || strings.Contains(text, header) && strings.ContainsAny(text, ". :\"'")
	return token.IsSigned(text) || token.ValidID(text) && !copied
}

// isReason reports whether a text can stand in a log line and in an event.
func isReason(text string) bool {
	return len(text) <= maxReason && utf8.ValidString(text) &&
		strings.IndexFunc(text, func(r rune) bool { return !unicode.IsPrint(r) }) < 0
}

// check refuses an order of which nobody could tell what it means.
func (o order) check(now time.Time, leeway time.Duration) error {
	named := 0
	for _, given := range []bool{o.session != "", o.token != "", o.subject != "", o.issuerBefore} {
		if given {
			named++
		}
	}
	switch instant := o.subject != "" || o.issuerBefore; {
	case named != 1:
		return errors.New("it names what to revoke by exactly one of session, token, subject and issuer_before")
	case !instant && !o.before.IsZero():
		return errors.New("before is for subject and issuer_before; a session and a token are revoked for good")
	case !instant && o.except != "":
		return errors.New("except_session is for subject and issuer_before")
	case o.before.After(now.Add(leeway)):
		return errors.New("before is in the future: tokens that are not issued yet cannot be revoked")
	}
	return nil
}

// revoke revokes what an operator wants revoked, and answers with a receipt.
func revoke(g gate, r *http.Request) (any, error) {
	o, err := readOrder(r)
	if err != nil {
		return nil, err
	}
	now := time.Now()
	if err := o.check(now, g.settings.Leeway); err != nil {
		return nil, badRequest(fmt.Errorf("revoking: %w", err))
	}
	revocations, issuer, err := g.revocationsOf(o, now)
	if err != nil {
		return nil, err
	}
	if err := g.checkOpen("revoking"); err != nil {
		return nil, err
	}
	for _, revocation := range revocations {
		g.settings.Logger.Warn("an operator revokes", "kind", revocation.Kind.String(), "key", revocation.Key, "reason", o.reason)
	}
	told, err := g.Hub().RevokeWithReceipt(r.Context(), hub.Cause{Source: hub.SourceAdmin, Issuer: issuer, Reason: o.reason}, revocations...)
	if err != nil {
		return nil, unavailable(fmt.Errorf("%w; it holds at this gate and is offered to the store until the store takes it; "+
			"whether other gates have it is not known: see their health, and send the same again when the store answers", err))
	}
	// Invariant 5: a token of the very second of an instant is refused, and a
	// login right after the answer must not be.
	hub.AwaitAfter(r.Context(), revocations[0].NotBefore)
	return g.receiptOf(issuer, told), nil
}

// revocationsOf turns an order into revocations of one issuer.
func (g gate) revocationsOf(o order, now time.Time) (revocations []store.Revocation, issuer string, err error) {
	if token.IsSigned(o.token) {
		return g.revocationsOfToken(o, now)
	}
	if issuer, err = g.issuerNamed(o.issuer); err != nil {
		return nil, "", err
	}
	revocation := store.Revocation{Expires: g.Hub().Expires(now)}
	switch {
	case o.session != "":
		revocation.Kind, revocation.Key = store.KindSession, g.Hub().Key(store.KindSession, issuer, o.session)
	case o.token != "":
		revocation.Kind, revocation.Key = store.KindToken, g.Hub().Key(store.KindToken, issuer, o.token)
	case o.subject != "":
		revocation.Kind, revocation.Key = store.KindSubject, g.Hub().Key(store.KindSubject, issuer, o.subject)
	default:
		revocation.Kind, revocation.Key = store.KindIssuer, g.Hub().Key(store.KindIssuer, issuer, "")
	}
	if revocation.Kind.HasInstant() {
		if o.before.IsZero() {
			o.before = now
		}
		revocation.NotBefore = o.before.Unix()
		if o.except != "" {
			revocation.Except = g.Hub().Key(store.KindSession, issuer, o.except)
		}
	}
	return []store.Revocation{revocation}, issuer, nil
}

// revocationsOfToken revokes what a whole token names: the token, and the session
// that it belongs to, of which there are other tokens.
//
// Attack: have an operator revoke a session by a token that somebody made up.
func (g gate) revocationsOfToken(o order, now time.Time) ([]store.Revocation, string, error) {
	verified, err := g.Verifier().Verify(o.token, now)
	if errors.Is(err, token.ErrUnavailable) {
		return nil, "", unavailable(fmt.Errorf("revoking a token: %w; revoke its session, or its subject, by name", err))
	}
	if err != nil {
		return nil, "", badRequest(fmt.Errorf("revoking a token: %w; whoever holds it is refused already; "+
			"revoke its session, or its subject, by name", err))
	}
	if o.issuer != "" && o.issuer != verified.Issuer {
		return nil, "", badRequest(errors.New("revoking a token: it is another issuer's"))
	}
	expires := g.Hub().Expires(now)
	revocations := []store.Revocation{{Kind: store.KindToken, Key: verified.Keys.Token, Expires: expires}}
	if !verified.Keys.Session.IsZero() {
		revocations = append(revocations, store.Revocation{Kind: store.KindSession, Key: verified.Keys.Session, Expires: expires})
	}
	return revocations, verified.Issuer, nil
}
