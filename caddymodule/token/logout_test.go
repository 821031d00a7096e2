package token_test

import (
	"errors"
	"maps"
	"strings"
	"testing"
	"time"

	"github.com/sessiongate/sessiongate/caddymodule/credential"
	"github.com/sessiongate/sessiongate/caddymodule/token"
	"github.com/sessiongate/sessiongate/caddymodule/token/tokentest"
)

const logoutURI = "http://schemas.openid.net/event/backchannel-logout"

// logoutClaims returns the claims of a valid logout token, with changes: a nil value
// removes the claim.
func logoutClaims(changes map[string]any) map[string]any {
	claims := map[string]any{
		"iss": tokentest.Issuer, "aud": tokentest.Audience, "sub": "alice", "sid": "session-1", "jti": "logout-1",
		"iat": now.Unix(), "exp": now.Add(2 * time.Minute).Unix(), "events": map[string]any{logoutURI: map[string]any{}},
	}
	maps.Copy(claims, changes)
	maps.DeleteFunc(claims, func(_ string, value any) bool { return value == nil })
	return claims
}

func TestVerifyLogout(t *testing.T) {
	key := tokentest.NewKey(t, "ES256", "")
	v := verifierFor(t, sourceFor(t, key))
	for name, test := range map[string]struct {
		changes, header map[string]any
	}{
		"typed":                            {nil, map[string]any{"typ": "logout+jwt"}},
		"typed in full":                    {nil, map[string]any{"typ": "application/logout+jwt"}},
		"typed as a JWT":                   {nil, nil},
		"without a type":                   {nil, map[string]any{"typ": nil}},
		"of a session":                     {map[string]any{"sub": nil}, nil},
		"of a session, with an empty sub":  {map[string]any{"sub": ""}, nil},
		"of a subject":                     {map[string]any{"sid": nil}, nil},
		"for several":                      {map[string]any{"aud": []string{"web", tokentest.Audience}}, nil},
		"with something in the event":      {map[string]any{"events": map[string]any{logoutURI: map[string]any{"x": 1}}}, nil},
		"with another event":               {map[string]any{"events": map[string]any{logoutURI: map[string]any{}, "revoke_offline_access": true}}, nil},
		"with other claims":                {map[string]any{"toe": 1, "txn": "x", "typ": "Logout"}, nil},
		"as old as it may be":              {map[string]any{"iat": now.Add(-10*time.Minute + time.Second).Unix(), "exp": now.Add(time.Second).Unix()}, nil},
		"without an end":                   {map[string]any{"exp": nil}, nil},
		"without an end, just not over":    {map[string]any{"exp": nil, "iat": now.Unix() - 149}, nil},
		"of a clock ahead":                 {map[string]any{"iat": now.Unix() + 30}, nil},
		"just over, by a clock behind":     {map[string]any{"iat": now.Unix() - 130, "exp": now.Unix() - 29}, nil},
		"of a session with another client": {map[string]any{"azp": "web"}, nil},
	} {
		claims := logoutClaims(test.changes)
		l, err := v.VerifyLogout(tokentest.Mint(t, key, claims, test.header), now)
		if err != nil {
			t.Errorf("%s: %v", name, err)
			continue
		}
		text := func(name string) string { text, _ := claims[name].(string); return text }
		want := token.Logout{
			Issuer: tokentest.Issuer, Configured: tokentest.Issuer, SessionID: text("sid"), Subject: text("sub"), TokenID: "logout-1",
			IssuedAt: claims["iat"].(int64), ExpiresAt: claims["iat"].(int64) + 120,
		}
		if exp, ends := claims["exp"].(int64); ends {
			want.ExpiresAt = exp
		}
		if *l != want {
			t.Errorf("%s: read %+v, want %+v", name, *l, want)
		}
	}
}

// OpenID Connect Back-Channel Logout 1.0 §2.4 and §2.6, with each rule broken once. The
// attack is the same everywhere: end sessions that the issuer did not end. The attacker has
// a token that the issuer signed for another purpose, another client, or an earlier time.
func TestVerifyLogoutRefuses(t *testing.T) {
	key, other := tokentest.NewKey(t, "ES256", ""), tokentest.NewKey(t, "ES256", "")
	v := verifierFor(t, sourceFor(t, key))
	events := func(value any) map[string]any { return map[string]any{"events": value} }
	for name, test := range map[string]struct {
		changes, header map[string]any
		want            error
	}{
		"another issuer":                   {map[string]any{"iss": "https://evil.example"}, nil, token.ErrInvalid},
		"no issuer":                        {map[string]any{"iss": nil}, nil, token.ErrInvalid},
		"another audience":                 {map[string]any{"aud": "web"}, nil, token.ErrInvalid},
		"no audience":                      {map[string]any{"aud": nil}, nil, token.ErrInvalid},
		"an audience that is no text":      {map[string]any{"aud": []any{tokentest.Audience, 1}}, nil, token.ErrInvalid},
		"no iat":                           {map[string]any{"iat": nil}, nil, token.ErrInvalid},
		"an iat in the future":             {map[string]any{"iat": now.Unix() + 31}, nil, token.ErrInvalid},
		"an iat that is text":              {map[string]any{"iat": "1"}, nil, token.ErrInvalid},
		"no exp, after two minutes":        {map[string]any{"exp": nil, "iat": now.Unix() - 150}, nil, token.ErrExpired},
		"no exp, and from the future":      {map[string]any{"exp": nil, "iat": now.Unix() + 31}, nil, token.ErrInvalid},
		"an exp that is text":              {map[string]any{"exp": "1800000060"}, nil, token.ErrInvalid},
		"expired":                          {map[string]any{"iat": now.Unix() - 130, "exp": now.Unix() - 30}, nil, token.ErrExpired},
		"good for long":                    {map[string]any{"exp": now.Unix() + 601}, nil, token.ErrInvalid},
		"old, and good for long":           {map[string]any{"iat": now.Unix() - 86_400, "exp": now.Unix() + 60}, nil, token.ErrInvalid},
		"not yet":                          {map[string]any{"nbf": now.Unix() + 31}, nil, token.ErrInvalid},
		"no jti":                           {map[string]any{"jti": nil}, nil, token.ErrInvalid},
		"an empty jti":                     {map[string]any{"jti": ""}, nil, token.ErrInvalid},
		"a jti that is a fraction":         {map[string]any{"jti": 1.5}, nil, token.ErrInvalid},
		"neither sid nor sub":              {map[string]any{"sid": nil, "sub": nil}, nil, token.ErrInvalid},
		"a sid that is no id":              {map[string]any{"sid": "a\nb"}, nil, token.ErrInvalid},
		"an empty sub and no sid":          {map[string]any{"sub": "", "sid": nil}, nil, token.ErrInvalid},
		"no events":                        {events(nil), nil, token.ErrInvalid},
		"events that are a list":           {events([]string{logoutURI}), nil, token.ErrInvalid},
		"events that are text":             {events(logoutURI), nil, token.ErrInvalid},
		"no event":                         {events(map[string]any{}), nil, token.ErrInvalid},
		"another event":                    {events(map[string]any{logoutURI + "s": map[string]any{}}), nil, token.ErrInvalid},
		"the event in other letters":       {events(map[string]any{strings.ToUpper(logoutURI): map[string]any{}}), nil, token.ErrInvalid},
		"the event is null":                {events(map[string]any{logoutURI: nil}), nil, token.ErrInvalid},
		"the event is true":                {events(map[string]any{logoutURI: true}), nil, token.ErrInvalid},
		"the event is a list":              {events(map[string]any{logoutURI: []any{}}), nil, token.ErrInvalid},
		"a duplicate of the event":         {events(map[string]any{logoutURI: map[string]any{}, strings.ToUpper(logoutURI): 1}), nil, token.ErrInvalid},
		"a nonce":                          {map[string]any{"nonce": "n-0S6_WzA2Mj"}, nil, token.ErrInvalid},
		"an empty nonce":                   {map[string]any{"nonce": ""}, nil, token.ErrInvalid},
		"a nonce that is false":            {map[string]any{"nonce": false}, nil, token.ErrInvalid},
		"a duplicate of sid":               {map[string]any{"SID": "session-2"}, nil, token.ErrInvalid},
		"typed as an access token":         {nil, map[string]any{"typ": "at+jwt"}, token.ErrInvalid},
		"typed as a security event token":  {nil, map[string]any{"typ": "secevent+jwt"}, token.ErrInvalid},
		"crit":                             {nil, map[string]any{"crit": []string{"exp"}}, token.ErrInvalid},
		"alg none":                         {nil, map[string]any{"alg": "none"}, token.ErrInvalid},
		"an algorithm that is not allowed": {nil, map[string]any{"alg": "HS256"}, token.ErrInvalid},
	} {
		l, err := v.VerifyLogout(tokentest.Mint(t, key, logoutClaims(test.changes), test.header), now)
		if l != nil || !errors.Is(err, test.want) {
			t.Errorf("%s: %v, error %v, want %v", name, l, err, test.want)
		}
	}
	good := tokentest.Mint(t, key, logoutClaims(nil))
	for name, raw := range map[string]string{
		"signed by somebody else": tokentest.Mint(t, other, logoutClaims(nil)),
		"an access token":         tokentest.Mint(t, key, tokentest.Claims(now, nil)),
		"changed":                 strings.Replace(good, ".", "A.", 1),
	} {
		if l, err := v.VerifyLogout(raw, now); l != nil || !errors.Is(err, token.ErrInvalid) {
			t.Errorf("%s: %v, error %v, want ErrInvalid", name, l, err)
		}
	}
	for name, raw := range map[string]string{
		"nothing": "", "unsigned": good[:strings.LastIndexByte(good, '.')+1], "encrypted": good + ".x.y", "too long": good + strings.Repeat("x", credential.MaxSize),
	} {
		if l, err := v.VerifyLogout(raw, now); l != nil || !errors.Is(err, token.ErrMalformed) {
			t.Errorf("%s: %v, error %v, want ErrMalformed", name, l, err)
		}
	}
}

// The nonce in the JSON is null, which Go's maps do not distinguish from an absent one.
func TestALogoutTokenHasNoNonceNotEvenNull(t *testing.T) {
	v, key := hmacVerifier(t)
	payload := strings.Replace(marshalled(logoutClaims(nil)), `{`, `{"nonce":null,`, 1)
	if l, err := v.VerifyLogout(tokentest.Seal(t, key, `{"alg":"HS256"}`, payload), now); !errors.Is(err, token.ErrInvalid) {
		t.Errorf("%v, error %v, want ErrInvalid", l, err)
	}
}

// The end in the JSON is null, which counts as none. Attack: keep such a token for later.
func TestALogoutTokenWhoseEndIsNullEndsAfterTwoMinutes(t *testing.T) {
	v, key := hmacVerifier(t)
	const leeway = 30
	for age, valid := range map[int64]bool{0: true, 120 + leeway - 1: true, 120 + leeway: false} {
		claims := marshalled(logoutClaims(map[string]any{"exp": nil, "iat": now.Unix() - age}))
		l, err := v.VerifyLogout(tokentest.Seal(t, key, `{"alg":"HS256"}`, strings.Replace(claims, `{`, `{"exp":null,`, 1)), now)
		if valid && (err != nil || l.ExpiresAt != now.Unix()-age+120) || !valid && !errors.Is(err, token.ErrExpired) {
			t.Errorf("issued %d s ago: %v, error %v, want valid: %t", age, l, err, valid)
		}
	}
}

// Attack: another application sends on a logout token that the issuer sent to it.
func TestLogoutTokensAreForTheClientsNamed(t *testing.T) {
	key := tokentest.NewKey(t, "HS256", "")
	accepts := func(change func(*token.IssuerOptions), aud any) bool {
		v := verifierFor(t, sourceFor(t, key), func(o *token.Options) { change(&o.Issuers[0]) })
		_, err := v.VerifyLogout(tokentest.Mint(t, key, logoutClaims(map[string]any{"aud": aud})), now)
		if err != nil && !errors.Is(err, token.ErrInvalid) {
			t.Errorf("aud %v: %v", aud, err)
		}
		return err == nil
	}
	named := func(o *token.IssuerOptions) { o.LogoutAudiences = []string{"web", "mobile"} }
	anyone := func(o *token.IssuerOptions) { o.Audiences, o.AnyAudience = nil, true }
	both := func(o *token.IssuerOptions) { anyone(o); named(o) }
	for _, test := range []struct {
		name   string
		change func(*token.IssuerOptions)
		aud    any
		want   bool
	}{
		{"a client that is named", named, "mobile", true},
		{"a client that is named, among others", named, []string{"x", "web"}, true},
		{"what access tokens are for, where clients are named", named, tokentest.Audience, false},
		{"any", anyone, "x", true},
		{"none where any is accepted", anyone, nil, false},
		{"another than named where access tokens may be for any", both, "x", false},
		{"the one named where access tokens may be for any", both, "web", true},
	} {
		if got := accepts(test.change, test.aud); got != test.want {
			t.Errorf("%s: accepted %t, want %t", test.name, got, test.want)
		}
	}
}
