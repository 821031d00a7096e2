package token

import (
	"encoding/json"
	"log/slog"
	"math"
	"slices"
	"strconv"
	"strings"
	"sync/atomic"
	"time"

	"github.com/sessiongate/sessiongate/caddymodule/strictjson"
)

// WithoutSession is what ends with a token that names neither a session nor a login.
type WithoutSession uint8

const (
	// EndSubject: every access token that was issued to the subject up to then.
	EndSubject WithoutSession = iota
	// EndToken: the token alone.
	EndToken
	// RefuseToken: such tokens are not accepted at all.
	RefuseToken
)

// WithoutSession returns what the issuer's rules say about a token that names neither a
// session nor a login. It also returns a value for other tokens.
func (t *Verified) WithoutSession() WithoutSession { return t.rules.WithoutSession }

// SessionClaims returns the names of the claims in which the issuer's rules look for a session,
// in the words of an error: `sid`, or `sid or session_id`.
func (t *Verified) SessionClaims() string { return strings.Join(t.rules.SessionClaims, " or ") }

// ConfiguredIssuer returns the name of the issuer in the configuration, which may hold an
// asterisk.
func (t *Verified) ConfiguredIssuer() string { return t.rules.Issuer }

// AdmitsReauthentication reports whether the issuer's rules admit tokens of a revoked session
// if their login is later than the revocation.
func (t *Verified) AdmitsReauthentication() bool { return t.rules.AdmitReauthentication }

// IsMachine reports whether the token is a machine's, and not that of a user who is present:
// it has an actor (`act`, RFC 8693 §4.1) or no subject, or its subject is its own `client_id`,
// `azp` or `cid`.
func (t *Verified) IsMachine() bool { return t.machine }

// Lead returns by how many seconds the clock of the issuer is ahead of this gate's, as far as
// the `iat` of its tokens has shown: from 0 to the leeway. It never falls while the
// configuration runs.
func (t *Verified) Lead() int64 { return t.rules.lead.Load() }

// LoginLead is Lead for the clock that writes `auth_time`: from 0 to twice the leeway.
func (t *Verified) LoginLead() int64 { return t.rules.loginLead.Load() }

// lockedOutEvery is the shortest time between two warnings of one issuer, in seconds.
const lockedOutEvery = 60

// MayWarnLockedOut reports whether a warning is due that users of the issuer are locked out:
// once a minute at most for each configured issuer. If it is, the minute begins at the Unix
// second now.
func (t *Verified) MayWarnLockedOut(now int64) bool {
	before := t.rules.lockedOut.Load()
	return now-before >= lockedOutEvery && t.rules.lockedOut.CompareAndSwap(before, now)
}

// Lead returns Verified.Lead for the tokens of an issuer, with its tenant if it has tenants. It
// is 0 for an issuer that is not trusted.
func (v *Verifier) Lead(name string) int64 {
	i, _, err := v.trust(name)
	if err != nil {
		return 0
	}
	return i.lead.Load()
}

// noteLead notes by how many seconds the dates of a token are ahead of this gate's clock.
func (i *issuer) noteLead(t *Verified, now int64) {
	raise(&i.lead, t.IssuedAt-now)
	raise(&i.loginLead, t.AuthTime-now)
}

// raise sets value to the larger of value and to.
func raise(value *atomic.Int64, to int64) {
	for before := value.Load(); to > before && !value.CompareAndSwap(before, to); before = value.Load() {
	}
}

// setLogin reads when the subject logged in, and whether there is somebody who did.
func (v *Verifier) setLogin(t *Verified, i *issuer, m members) {
	t.rules = i
	if !i.NoLogin {
		t.AuthTime = loginTime(m, t.IssuedAt+v.leeway)
	}
	_, acts := m.find("act")
	t.machine = acts || t.Subject == "" || slices.ContainsFunc([]string{"client_id", "azp", "cid"}, func(claim string) bool {
		client, err := m.id(claim)
		return err == nil && client == t.Subject
	})
}

// LacksSessions reports whether the tokens of an issuer's users that were verified have no
// session claim, so that a logout of the issuer by `sid` names none of them. It is false if
// one had a session claim, and before there was a token.
func (v *Verifier) LacksSessions(iss string) bool {
	i, _, err := v.trust(iss)
	return err == nil && i.unnamed.Load() && !i.named.Load()
}

// noteSession notes whether the issuer's tokens name sessions. It warns once of an issuer
// whose tokens name neither a session nor a login, and are not those of machines: a logout
// ends more, or less, than people expect.
func (t *Verified) noteSession(logger *slog.Logger) {
	switch {
	case t.SessionID != "":
		t.rules.named.Store(true)
	case !t.machine:
		t.rules.unnamed.Store(true)
	}
	if t.Session != "" || t.machine {
		return
	}
	t.rules.nameless.Do(func() {
		logger.Warn("a token of the issuer names no session and no login; caddy session-gate check says what DELETE ends for it: "+
			"name its claim in session_claim, or choose without_session", "issuer", t.rules.Issuer)
	})
}

// checkLogin refuses a token that names neither a session nor a login, if the issuer's rules
// say so.
func (t *Verified) checkLogin() error {
	if t.rules.WithoutSession == RefuseToken && t.SessionID == "" && (t.Subject == "" || t.AuthTime == 0) {
		return refuse(t.namelessFault())
	}
	return nil
}

// namelessFault says why a token names no session and no login, and which words would help.
func (t *Verified) namelessFault() string {
	fault := "it names no session and no login; without_session subject or token accepts it, and session_claim names the claim of its session"
	if t.Subject == "" {
		fault += "; it has no subject, which a login needs: subject_claim names its claim"
	}
	if t.rules.NoLogin {
		fault += "; login_claim auth_time would tell its login"
	}
	return fault
}

// loginTime returns `auth_time` (OpenID Connect Core 1.0 §2, RFC 9068 §2.2.1) in Unix
// seconds, rounded down, or 0 if there is none from 1 to latest. It is a number, or a text
// of ISO 8601 (ADFS).
//
// Attack, or a careless issuer: `auth_time` in milliseconds, 0, or in the future, so that all
// logins look alike or a revoked session looks new. Such a value proves nothing, and is
// absent. It is no reason to lock users out.
func loginTime(m members, latest int64) int64 {
	value, ok := m.find("auth_time")
	if !ok {
		return 0
	}
	seconds := math.Floor(loginSeconds(value))
	// A store keeps no later one as an instant.
	const lastKept = math.MaxUint32 - 1
	if !(seconds >= 1 && seconds <= float64(min(latest, lastKept))) { // so that NaN is absent, too
		return 0
	}
	return int64(seconds)
}

// loginSeconds returns a date in Unix seconds, or 0.
func loginSeconds(value json.RawMessage) float64 {
	text, isText := strictjson.Text(value)
	if !isText {
		number, err := strconv.ParseFloat(string(value), 64)
		if err != nil {
			return 0
		}
		return number
	}
	for _, layout := range []string{time.RFC3339, "2006-01-02T15:04:05Z0700", "2006-01-02T15:04:05Z07", "20060102T150405Z0700"} {
		if date, err := time.Parse(layout, text); err == nil {
			return float64(date.Unix())
		}
	}
	return 0
}
