package token_test

import (
	"bytes"
	"errors"
	"fmt"
	"log/slog"
	"strings"
	"testing"
	"time"

	"github.com/sessiongate/sessiongate/caddymodule/token"
	"github.com/sessiongate/sessiongate/caddymodule/token/tokentest"
)

// Attack: `auth_time` that issuers write in another way, or that a token should not have. It
// never refuses a token, and never makes one look as if its user had logged in later. `iat`
// is 1800000000, and the leeway 30 s.
func TestAuthTime(t *testing.T) {
	v, key := hmacVerifier(t)
	for value, want := range map[string]int64{
		"1799999000":                    1_799_999_000,
		"1799999000.9":                  1_799_999_000,
		"1.799999e9":                    1_799_999_000,
		"1":                             1,
		"1.5":                           1,
		"1800000030":                    1_800_000_030,
		"1800000030.9":                  1_800_000_030,
		`"2027-01-15T07:43:20.000Z"`:    1_799_999_000,
		`"2027-01-15T07:43:20Z"`:        1_799_999_000,
		`"2027-01-15T07:43:20.999Z"`:    1_799_999_000,
		`"2027-01-15T08:43:20+01:00"`:   1_799_999_000,
		`"2027-01-15T08:43:20+0100"`:    1_799_999_000,
		`"2027-01-15T08:43:20+01"`:      1_799_999_000,
		`"20270115T074320Z"`:            1_799_999_000,
		"1800000031":                    0, // in the future
		"1799999000000":                 0, // milliseconds
		"0":                             0,
		"0.9":                           0,
		"-0":                            0,
		"-1799999000":                   0,
		"1e400":                         0,
		"9007199254740993":              0,
		`"2027-01-15T09:43:20Z"`:        0, // in the future
		`"1960-01-01T00:00:00Z"`:        0,
		`"2027-01-15T07:43:20"`:         0, // of no zone
		`"2027-01-15"`:                  0,
		`"1799999000"`:                  0,
		`"yesterday"`:                   0,
		`""`:                            0,
		"null":                          0,
		"true":                          0,
		"[1799999000]":                  0,
		`{"auth_time":1799999000}`:      0,
		`"2027-01-15T07:43:20Z\u0000"`:  0,
		`" 2027-01-15T07:43:20Z"`:       0,
		`"2027-13-15T07:43:20Z"`:        0,
		`"12027-01-15T07:43:20Z"`:       0,
		`"2027-01-15T07:43:20.0000000"`: 0,
	} {
		raw := tokentest.Seal(t, key, `{"alg":"HS256"}`, with(t, `"auth_time":`+value))
		if got := mustVerify(t, v, raw).AuthTime; got != want {
			t.Errorf("%s: logged in at %d, want %d", value, got, want)
		}
		if got, err := v.VerifySignatureOnly(raw); err != nil || got.AuthTime != want {
			t.Errorf("%s, by the signature: %+v, %v, want %d", value, got, err, want)
		}
	}
	if got := mustVerify(t, v, tokentest.Mint(t, key, tokentest.Claims(now, nil))).AuthTime; got != 0 {
		t.Errorf("no auth_time: logged in at %d", got)
	}
}

// A token of an issuer that moves `auth_time` without a login names none.
func TestLoginClaimNone(t *testing.T) {
	v, key := hmacVerifier(t, func(o *token.Options) { o.Issuers[0].NoLogin = true })
	raw := tokentest.Mint(t, key, tokentest.Claims(now, map[string]any{"auth_time": now.Unix()}))
	if got := mustVerify(t, v, raw).AuthTime; got != 0 {
		t.Errorf("logged in at %d, want no login", got)
	}
}

func TestWithoutSession(t *testing.T) {
	refusing, key := hmacVerifier(t, func(o *token.Options) { o.Issuers[0].WithoutSession = token.RefuseToken })
	for name, test := range map[string]struct {
		changes map[string]any
		refused bool
	}{
		"a session":                        {map[string]any{}, false},
		"a login":                          {map[string]any{"sid": nil, "auth_time": now.Unix()}, false},
		"neither":                          {map[string]any{"sid": nil}, true},
		"an empty session":                 {map[string]any{"sid": ""}, true},
		"a login in milliseconds":          {map[string]any{"sid": nil, "auth_time": now.UnixMilli()}, true},
		"a login of nobody":                {map[string]any{"sid": nil, "sub": nil, "auth_time": now.Unix()}, true},
		"a session of nobody":              {map[string]any{"sub": nil}, false},
		"a machine, with an id of its own": {map[string]any{"sid": nil, "azp": "alice"}, true},
	} {
		raw := tokentest.Mint(t, key, tokentest.Claims(now, test.changes))
		if _, err := refusing.Verify(raw, now); (err != nil) != test.refused || err != nil && !errors.Is(err, token.ErrInvalid) {
			t.Errorf("%s: %v, want refused %t", name, err, test.refused)
		}
		// A token that is only learned from is never refused for this.
		if _, err := refusing.VerifySignatureOnly(raw); err != nil {
			t.Errorf("%s, by the signature: %v", name, err)
		}
	}
	bare := tokentest.Claims(now, map[string]any{"sid": nil})
	_, err := refusing.Verify(tokentest.Mint(t, key, bare), now)
	wantError(t, err, "it names no session and no login; without_session subject or token accepts it")
	for _, rule := range []token.WithoutSession{token.EndSubject, token.EndToken} {
		v, key := hmacVerifier(t, func(o *token.Options) { o.Issuers[0].WithoutSession = rule })
		if got := mustVerify(t, v, tokentest.Mint(t, key, bare)).WithoutSession(); got != rule {
			t.Errorf("the rule is %d, want %d", got, rule)
		}
	}
}

func TestReauthentication(t *testing.T) {
	for _, want := range []bool{false, true} {
		v, key := hmacVerifier(t, func(o *token.Options) { o.Issuers[0].AdmitReauthentication = want })
		raw := tokentest.Mint(t, key, tokentest.Claims(now, nil))
		learned, err := v.VerifySignatureOnly(raw)
		if got := mustVerify(t, v, raw).AdmitsReauthentication(); got != want || err != nil || learned.AdmitsReauthentication() != want {
			t.Errorf("admitted %t, want %t, error %v", got, want, err)
		}
	}
}

// Attack: one machine logs out, and all machines with that account are out. Or a user who
// has the name of a client loses nothing at a logout.
func TestMachines(t *testing.T) {
	v, key := hmacVerifier(t, func(o *token.Options) { o.Issuers[0].SubjectClaims = []string{"sub", "user_id"} })
	for name, test := range map[string]struct {
		changes map[string]any
		want    bool
	}{
		"a user":                     {map[string]any{"azp": "web", "client_id": "web", "cid": "web"}, false},
		"no subject":                 {map[string]any{"sub": nil}, true},
		"an empty subject":           {map[string]any{"sub": "", "azp": ""}, true},
		"its client_id":              {map[string]any{"client_id": "alice"}, true},
		"its azp":                    {map[string]any{"azp": "alice", "client_id": "web"}, true},
		"its cid":                    {map[string]any{"cid": "alice"}, true},
		"its client_id as a number":  {map[string]any{"sub": "17", "client_id": 17}, true},
		"another spelling":           {map[string]any{"client_id": "Alice"}, false},
		"a client_id that is a list": {map[string]any{"client_id": []string{"alice"}}, false},
		"an actor":                   {map[string]any{"act": map[string]any{"sub": "service"}}, true},
		"another subject claim":      {map[string]any{"sub": nil, "user_id": "bob", "client_id": "web"}, false},
	} {
		if got := mustVerify(t, v, tokentest.Mint(t, key, tokentest.Claims(now, test.changes))).IsMachine(); got != test.want {
			t.Errorf("%s: a machine's %t, want %t", name, got, test.want)
		}
	}
	raw := tokentest.Seal(t, key, `{"alg":"HS256"}`, with(t, `"act":null`))
	if mustVerify(t, v, raw).IsMachine() {
		t.Error("an actor that is null makes a machine's token")
	}
}

// An `iat` that follows from `exp` bounds auth_time as a stated one does.
func TestAuthTimeIsAtMostAMissingIssuedAt(t *testing.T) {
	v, key := hmacVerifier(t, func(o *token.Options) { o.Issuers[0].AcceptMissingIssuedAt = 5 * time.Minute })
	for members, want := range map[string]int64{`"auth_time":1800000030`: 1_800_000_030, `"auth_time":1800000031`: 0} {
		if got := mustVerify(t, v, tokentest.Seal(t, key, `{"alg":"HS256"}`, with(t, members, "iat"))).AuthTime; got != want {
			t.Errorf("%s: logged in at %d, want %d", members, got, want)
		}
	}
}

// Fault: most issuers name no session in access tokens, and a logout then ends more, or less,
// than people expect. The log tells once for each issuer. Tokens of machines do not count.
func TestATokenThatNamesNoSessionIsAWarning(t *testing.T) {
	var log bytes.Buffer
	v, key := hmacVerifier(t, func(o *token.Options) { o.Logger = slog.New(slog.NewTextHandler(&log, nil)) })
	for name, claims := range map[string]map[string]any{
		"a session": {}, "a login": {"sid": nil, "auth_time": now.Unix()}, "a machine": {"sid": nil, "client_id": "alice"},
	} {
		if mustVerify(t, v, tokentest.Mint(t, key, tokentest.Claims(now, claims))); log.Len() > 0 {
			t.Errorf("%s: the log has %s", name, &log)
		}
	}
	for n := range 3 {
		mustVerify(t, v, tokentest.Mint(t, key, tokentest.Claims(now, map[string]any{"sid": nil, "jti": fmt.Sprint(n)})))
	}
	if text := log.String(); strings.Count(text, "names no session and no login") != 1 || !strings.Contains(text, tokentest.Issuer) {
		t.Errorf("the log has %s, want one warning that names the issuer", text)
	}
}

// Fault: an issuer writes all dates of its refresh tokens in milliseconds. The store could not
// keep such a login, and every request for tokens would be 503.
func TestALoginThatNoStoreKeepsIsAbsent(t *testing.T) {
	v, key := hmacVerifier(t)
	milliseconds := now.UnixMilli()
	raw := tokentest.Mint(t, key, tokentest.Claims(now, map[string]any{"iat": milliseconds, "exp": milliseconds + 1, "auth_time": milliseconds}))
	if got, err := v.VerifySignatureOnly(raw); err != nil || got.AuthTime != 0 || !got.Keys.Login.IsZero() {
		t.Errorf("%+v, %v, want no login", got, err)
	}
}
