package token

import (
	"math"
	"time"

	"github.com/sessiongate/sessiongate/caddymodule/strictjson"
)

// MaxLogoutAge is the longest accepted lifetime (`exp` - `iat`) of a logout token. OpenID
// Connect Back-Channel Logout 1.0 §4 encourages two minutes; some providers use five.
const MaxLogoutAge = 10 * time.Minute

// usualLogoutAge is the lifetime of a logout token without `exp`, in seconds. Hydra,
// authentik, LemonLDAP and Glewlwyd send none, although §2.4 requires it.
const usualLogoutAge = 120

// logoutTokenTypes are the types of logout tokens. OpenID Connect Back-Channel Logout 1.0
// §2.4 recommends an explicit type and does not require it.
var logoutTokenTypes = []string{"", "JWT", "logout+jwt"}

// logoutEvent is the member of `events` that makes a security event token a logout
// token (§2.4).
const logoutEvent = "http://schemas.openid.net/event/backchannel-logout"

// Logout holds the claims of a logout token. It ends a session, or all sessions of a subject
// that began up to IssuedAt.
type Logout struct {
	// Issuer is `iss`. Configured is the name of the issuer in the configuration, which may hold
	// an asterisk.
	Issuer, Configured string
	// SessionID is `sid`, whatever claim of access tokens names the session. Subject is
	// `sub`. At least one of them is set.
	SessionID, Subject string
	// TokenID is `jti`, of 1 to 1024 bytes.
	TokenID string
	// IssuedAt and ExpiresAt are `iat` and `exp`, rounded down to Unix seconds. Without `exp`,
	// ExpiresAt is two minutes after IssuedAt.
	IssuedAt, ExpiresAt int64
}

// VerifyLogout verifies a logout token by the rules of OpenID Connect Back-Channel Logout
// 1.0 §2.6. It does not check whether the token was received before. Errors wrap
// ErrMalformed, ErrInvalid, ErrExpired or ErrUnavailable, as in Verify. The error of a token
// that one of the issuers has signed is a *SignedError. It never waits, and verifies a
// signature at each call.
func (v *Verifier) VerifyLogout(raw string, now time.Time) (*Logout, error) {
	l, err := v.verifyLogout(raw, now.Unix())
	if err != nil {
		v.logger.Debug("logout token refused", "error", err)
		return nil, err
	}
	return l, nil
}

func (v *Verifier) verifyLogout(raw string, now int64) (*Logout, error) {
	j, err := v.parse(raw, logoutTokenTypes)
	if err != nil {
		return nil, err
	}
	s, err := v.verifySignature(j, nil)
	if err != nil {
		return nil, err
	}
	l := &Logout{Issuer: s.name, Configured: s.issuer.Issuer}
	if err := l.set(s, now, v.leeway); err != nil {
		return nil, s.refused(err, "sub")
	}
	return l, nil
}

// set checks the claims of a signed token, and reads those of a logout token.
func (l *Logout) set(s signedClaims, now, leeway int64) error {
	if err := checkLogout(s.members); err != nil {
		return err
	}
	if err := s.issuer.checkLogoutAudience(s.members); err != nil {
		return err
	}
	if err := l.setIDs(s.members); err != nil {
		return err
	}
	return l.setTime(s.members, now, leeway)
}

// checkLogout refuses a token that is not a logout token by its claims (RFC 8725 §3.12).
//
// Attack: an ID token ends its owner's session. It names the same issuer, client and
// session, and passes through the browser. Or a service that ignores `events` reads a
// logout token as an ID token, and admits its holder. So `events` must name the logout, and
// `nonce`, which ID tokens of browsers have, is prohibited.
func checkLogout(m members) error {
	// §2.4 requires `iss`, also from an issuer whose access tokens have none.
	if value, _ := m.find("iss"); string(value) == `""` || value == nil {
		return refuse("iss is missing")
	}
	if _, has := m.Find("nonce"); has {
		return refuse("nonce is prohibited in a logout token")
	}
	events, ok := m.Find("events")
	if !ok {
		return refuse("events is missing")
	}
	named, err := strictjson.ReadMembers(events)
	if err != nil {
		return refuse("events: " + err.Error())
	}
	// The content of the event does not matter: §2.4 recommends an empty object.
	if event, ok := named.Find(logoutEvent); !ok || event[0] != '{' {
		return refuse("events does not name a logout")
	}
	return nil
}

// checkLogoutAudience is checkAudience for logout tokens. Their `aud` is the client (§2.4),
// and is required even if any audience is accepted.
func (i *issuer) checkLogoutAudience(m members) error {
	const claim = "aud"
	if value, ok := m.find(claim); !ok || string(value) == `""` {
		return refuse("aud is missing")
	}
	fault := audienceFault(m, []string{claim}, i.LogoutAudiences, false)
	if len(i.LogoutAudiences) == 0 {
		fault = audienceFault(m, []string{claim}, i.Audiences, i.AnyAudience)
	}
	if fault == "" {
		return nil
	}
	return refuse(fault + "; logout_audience lists the clients whose logout tokens are accepted")
}

// setIDs reads the ids of the token, the session and the subject.
func (l *Logout) setIDs(m members) (err error) {
	for _, id := range []struct {
		name string
		text *string
	}{{"jti", &l.TokenID}, {"sid", &l.SessionID}, {"sub", &l.Subject}} {
		if *id.text, err = m.id(id.name); err != nil {
			return err
		}
	}
	switch {
	case l.TokenID == "":
		return refuse("jti is missing")
	case l.SessionID == "" && l.Subject == "":
		return refuse("neither sid nor sub is there")
	}
	return nil
}

// setTime reads and checks the dates of a logout token.
//
// Attack: an attacker keeps an intercepted logout token, to end sessions with it later. So
// the token is valid for minutes only, whatever its `exp`, and if it has none.
func (l *Logout) setTime(m members, now, leeway int64) (err error) {
	if l.IssuedAt, err = m.requiredDate("iat"); err != nil {
		return err
	}
	ends := false
	if l.ExpiresAt, ends, err = m.date("exp", math.Floor); err != nil {
		return err
	}
	if !ends {
		l.ExpiresAt = l.IssuedAt + usualLogoutAge
	}
	notBefore, _, err := m.date("nbf", math.Ceil)
	switch {
	case err != nil:
		return err
	case l.ExpiresAt-l.IssuedAt > int64(MaxLogoutAge/time.Second):
		return refuse("exp - iat is over the longest lifetime of a logout token")
	case now >= l.ExpiresAt+leeway:
		return errExpired
	case now < max(l.IssuedAt, notBefore)-leeway:
		return errNotYet
	}
	return nil
}
