package token

import (
	"fmt"
	"slices"
	"sync"
	"sync/atomic"
	"time"

	"github.com/sessiongate/sessiongate/caddymodule/keys"
)

// IssuerOptions are the rules for the tokens of one issuer. A claim is named by the member
// of the payload, or by a dotted path to a member below it; a member of exactly that name
// comes first.
type IssuerOptions struct {
	// Issuer is the exact value of `iss`. Required.
	Issuer string
	// Audiences lists the accepted audiences. A token must hold one of them. Required unless
	// AnyAudience.
	Audiences []string
	// AudienceClaims names the claims that hold audiences: one of them must hold one of
	// Audiences. Default: aud.
	AudienceClaims []string
	// AnyAudience also accepts tokens for other services, and tokens without `aud`.
	// Default: false.
	AnyAudience bool
	// LogoutAudiences lists the clients whose logout tokens are accepted, by their `aud`.
	// Default: Audiences, or any with AnyAudience.
	LogoutAudiences []string
	// Algorithms lists the accepted signature algorithms, by their names in RFC 7518.
	// Default: all that the keys can verify.
	Algorithms []string
	// SessionClaims names the claims with the session id. The first that a token has counts.
	// Default: sid.
	SessionClaims []string
	// SubjectClaims names the claims with the subject. The first that a token has counts.
	// Default: sub.
	SubjectClaims []string
	// TokenIDClaim names the claim with the token id. Default: jti.
	TokenIDClaim string
	// ScopeClaims names the claims with the scopes of a token: texts with spaces between the
	// scopes (RFC 8693 §4.2), or arrays. All of them count. Default: scope and scp.
	ScopeClaims []string
	// Require lists what a token must hold besides. All of it counts. Default: nothing.
	Require []Requirement
	// AcceptMissingIssuer takes tokens without `iss` for tokens of this issuer. At most one
	// issuer of a verifier has it. Default: false.
	AcceptMissingIssuer bool
	// AcceptMissingIssuedAt also accepts tokens without `iat`, and is the lifetime of this
	// issuer's tokens. Then `nbf` counts as `iat`, or else `exp` minus the lifetime. A
	// lifetime that is too short makes tokens survive a revocation of their subject.
	// Default: none, `iat` is required.
	AcceptMissingIssuedAt time.Duration
	// WildcardClaim names the claim whose value stands in Issuer instead of the asterisk.
	// Then Issuer of a verified token is its own `iss`, so that tenants do not share
	// revocations. Default: none.
	WildcardClaim string
	// WildcardValues lists the accepted values of WildcardClaim. Default: all.
	WildcardValues []string
	// NoLogin says that `auth_time` names no login, because the issuer moves it without one.
	// Default: false.
	NoLogin bool
	// WithoutSession is what ends with a token that names neither a session nor a login.
	// Default: EndSubject.
	WithoutSession WithoutSession
	// AdmitReauthentication admits tokens of a revoked session whose login is later than the
	// revocation. It is only for issuers whose refreshed tokens keep their own `auth_time`.
	// Default: false.
	AdmitReauthentication bool
	// Keys holds the issuer's keys. Required.
	Keys keys.Source
}

// issuer is one trusted issuer with valid options.
type issuer struct {
	IssuerOptions
	signatures *Signatures
	reads      names
	wildcard   wildcard // if there is a WildcardClaim
	// scopeClaims are the claims whose texts are lists of scopes.
	scopeClaims []string
	lead        atomic.Int64 // see Verified.Lead
	loginLead   atomic.Int64 // see Verified.LoginLead
	named       atomic.Bool  // whether a verified token had a session claim
	unnamed     atomic.Bool  // whether a user's had none
	nameless    sync.Once    // warns of tokens that name no session
	lockedOut   atomic.Int64 // the Unix second of the last warning of users who are locked out
}

func newIssuer(options IssuerOptions) (*issuer, error) {
	options.setDefaults()
	if err := options.check(); err != nil {
		return nil, fmt.Errorf("checking issuer %q: %w", options.Issuer, err)
	}
	signatures, err := NewSignatures(options.Keys, options.Algorithms...)
	if err != nil {
		return nil, fmt.Errorf("checking issuer %q: %w", options.Issuer, err)
	}
	i := &issuer{IssuerOptions: options, signatures: signatures, reads: options.names()}
	i.wildcard, _ = newWildcard(options.Issuer) // was checked
	i.scopeClaims = append([]string{"scope", "scp"}, options.ScopeClaims...)
	return i, nil
}

// setDefaults names the claims that are not configured.
func (o *IssuerOptions) setDefaults() {
	for _, list := range []struct {
		to       *[]string
		standard []string
	}{
		{&o.AudienceClaims, []string{"aud"}},
		{&o.SessionClaims, []string{"sid"}},
		{&o.SubjectClaims, []string{"sub"}},
		{&o.ScopeClaims, []string{"scope", "scp"}},
	} {
		if len(*list.to) == 0 {
			*list.to = list.standard
		}
	}
	if o.TokenIDClaim == "" {
		o.TokenIDClaim = "jti"
	}
}

// check refuses options that contradict each other.
func (o *IssuerOptions) check() error {
	switch {
	case o.Issuer == "":
		return fmt.Errorf("it has no name")
	case o.Keys == nil:
		return fmt.Errorf("no keys")
	case o.AnyAudience && len(o.Audiences) > 0:
		return fmt.Errorf("both an audience and any audience")
	case !o.AnyAudience && len(o.Audiences) == 0:
		return fmt.Errorf("no audience")
	case slices.Contains(o.Audiences, ""), slices.Contains(o.LogoutAudiences, ""):
		return fmt.Errorf("an empty audience")
	case slices.Contains(o.SessionClaims, o.TokenIDClaim):
		return fmt.Errorf("session and token id are one claim %q", o.TokenIDClaim)
	}
	for _, r := range o.Require {
		if err := r.check(); err != nil {
			return err
		}
	}
	if o.AcceptMissingIssuedAt < 0 {
		return fmt.Errorf("a negative lifetime %v of tokens without iat", o.AcceptMissingIssuedAt)
	}
	for _, claims := range [][]string{o.AudienceClaims, o.SessionClaims, o.SubjectClaims, o.ScopeClaims} {
		if slices.Contains(claims, "") {
			return fmt.Errorf("a claim without a name")
		}
	}
	for _, claim := range slices.Concat(o.SessionClaims, o.SubjectClaims, []string{o.TokenIDClaim}) {
		if slices.Contains(datedClaims, claim) {
			return fmt.Errorf("claim %q cannot name a session, a subject or a token", claim)
		}
	}
	return o.checkWildcard()
}

// datedClaims are the claims that many tokens of different users share.
//
// Attack: `auth_time` names the session. Whoever logs in within the same second as the
// victim ends the victim's session.
var datedClaims = []string{"iss", "aud", "exp", "iat", "nbf", "auth_time"}
