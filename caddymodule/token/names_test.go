package token_test

import (
	"strings"
	"testing"

	"github.com/sessiongate/sessiongate/caddymodule/token"
	"github.com/sessiongate/sessiongate/caddymodule/token/tokentest"
	"github.com/sessiongate/sessiongate/store"
)

// Attack: an issuer encodes and signs the same claims in another way, and nobody has
// revoked the new token. Its ids must count, not its text.
func TestOneSetOfClaimsIsOneTokenHoweverItIsWritten(t *testing.T) {
	v, key := hmacVerifier(t)
	dates := `"iat":1800000000,"exp":1800000300`
	of := func(ids string) string {
		return `{"iss":"https://id.example.com","aud":"legacy-app",` + dates + "," + ids + "}"
	}
	first := mustVerify(t, v, tokentest.Seal(t, key, `{"alg":"HS256"}`, of(`"sub":"a/é😀","sid":"s/é😀","jti":"t/é😀"`)))
	for name, tt := range map[string][2]string{
		"another header":   {`{"typ":"JWT","alg":"HS256"}`, of(`"sub":"a/é😀","sid":"s/é😀","jti":"t/é😀"`)},
		"an escaped `alg`": {`{"\u0061lg":"HS256"}`, of(`"sub":"a/é😀","sid":"s/é😀","jti":"t/é😀"`)},
		"another order":    {`{"alg":"HS256"}`, of(`"jti":"t/é😀","sid":"s/é😀","sub":"a/é😀"`)},
		"space":            {`{"alg":"HS256"}`, of("\n\t\"sub\" : \"a/é😀\" ,\r\"sid\":\"s/é😀\", \"jti\":\"t/é😀\"\n")},
		"escaped names":    {`{"alg":"HS256"}`, of(`"s\u0075b":"a/é😀","\u0073\u0069\u0064":"s/é😀","jt\u0069":"t/é😀"`)},
		"escaped ids":      {`{"alg":"HS256"}`, of(`"sub":"\u0061\/\u00e9\ud83d\ude00","sid":"\u0073\/\u00E9\uD83D\uDE00","jti":"t\u002f\u00e9\ud83d\ude00"`)},
		"more claims":      {`{"alg":"HS256"}`, of(`"sub":"a/é😀","sid":"s/é😀","jti":"t/é😀","x":{"sid":"y","jti":["z"]}`)},
		"other dates":      {`{"alg":"HS256"}`, strings.Replace(of(`"sub":"a/é😀","sid":"s/é😀","jti":"t/é😀"`), dates, `"iat":1800000001,"exp":1.8000002e9`, 1)},
	} {
		again := mustVerify(t, v, tokentest.Seal(t, key, tt[0], tt[1]))
		if again.Keys.Session != first.Keys.Session || again.Keys.Token != first.Keys.Token || again.Keys.Subject != first.Keys.Subject {
			t.Errorf("%s: another session, token or subject", name)
		}
	}
}

// Only its text can name a token without ids. Signed twice it is one token, encoded twice
// it is two.
func TestTokensWithoutIDsAreDistinguishedByTheirText(t *testing.T) {
	key := tokentest.NewKey(t, "ES256", "") // ES256, whose signatures are random
	v := verifierFor(t, sourceFor(t, key))
	payload := claimsJSON(t, withoutIDs)
	raw, again := tokentest.Seal(t, key, `{"alg":"ES256"}`, payload), tokentest.Seal(t, key, `{"alg":"ES256"}`, payload)
	other := tokentest.Seal(t, key, `{"alg":"ES256"}`, payload+" ")
	if raw == again {
		t.Fatal("one signature came twice")
	}
	first, second, third := mustVerify(t, v, raw), mustVerify(t, v, again), mustVerify(t, v, other)
	if first.Keys.Token != second.Keys.Token || first.TokenID != second.TokenID {
		t.Error("one text, signed twice, is two tokens")
	}
	if first.Keys.Token == third.Keys.Token {
		t.Error("two texts are one token")
	}
}

// Attack: an issuer writes a zero value for everybody without an id. One user logs out, and ends
// everybody's session.
func TestAZeroValueIsNoID(t *testing.T) {
	key := tokentest.NewKey(t, "HS256", "")
	v := verifierFor(t, sourceFor(t, key))
	for _, zero := range []any{nil, "", 0} {
		one := mustVerify(t, v, tokentest.Mint(t, key, tokentest.Claims(now, map[string]any{"sid": zero, "jti": zero, "sub": "alice"})))
		other := mustVerify(t, v, tokentest.Mint(t, key, tokentest.Claims(now, map[string]any{"sid": zero, "jti": zero, "sub": "bob"})))
		if !one.Keys.Session.IsZero() || !other.Keys.Session.IsZero() || one.Keys.Token == other.Keys.Token {
			t.Errorf("%#v names a session or a token", zero)
		}
	}
	if nobody := mustVerify(t, v, tokentest.Mint(t, key, tokentest.Claims(now, map[string]any{"sub": 0}))); !nobody.Keys.Subject.IsZero() {
		t.Error("0 names a subject")
	}
}

// Attack: a reader mistakes one id for another, so that the wrong session ends or the right
// one continues. Ids are compared byte by byte: nothing is normalized, folded, trimmed or
// decoded.
func TestSimilarIDsAreDifferent(t *testing.T) {
	v, key := hmacVerifier(t)
	seen := map[store.Key]string{}
	for _, id := range []string{
		"caf\u00e9", "cafe\u0301", // NFC and NFD
		"abc", "ABC", "Abc", "\uff41bc", "\u0430bc", "abc ", " abc", "abc\u00a0", "abc\u200b", "\ufeffabc", "abc\u202e", "abc\u00ad",
		"1", "01", "1.0", "1e0", "+1", "\u0661", "null", "true", "[]", "{}", `"abc"`, `\u0061bc`, "%61bc", "abc%00", "&#97;bc", "YWJj", "616263",
		"\ufb01", "fi", "\u017f", "s", "\u212a", "K", "k", "\u00df", "ss", "\u0131", "i", "I", "\u0130",
	} {
		verified := mustVerify(t, v, tokentest.Mint(t, key, tokentest.Claims(now, map[string]any{"sid": id, "jti": id, "sub": id})))
		if verified.SessionID != id || verified.TokenID != id || verified.Subject != id {
			t.Errorf("%q became %q, %q and %q", id, verified.SessionID, verified.TokenID, verified.Subject)
		}
		// Attack: end a session by the name of a token or a user with the same text.
		for kind, k := range map[string]store.Key{
			"session": verified.Keys.Session, "token": verified.Keys.Token, "subject": verified.Keys.Subject,
		} {
			if other, taken := seen[k]; taken {
				t.Errorf("%s %q has the key of %s", kind, id, other)
			}
			seen[k] = kind + " " + id
		}
	}
}

// Attack: claims hide the session from the gate, or show it another session than the
// application sees.
func TestTheSessionIsTheTopLevelClaimAlone(t *testing.T) {
	v, key := hmacVerifier(t)
	deep := strings.Repeat(`{"sid":"x","a":[`, 15) + strings.Repeat("]}", 15)
	for name, tt := range map[string]struct {
		payload string
		want    string // "" for refused
	}{
		"nested in an object":               {with(t, `"session":{"sid":"x"}`), "session-1"},
		"nested in an array":                {with(t, `"sessions":[{"sid":"x"}]`), "session-1"},
		"in a text":                         {with(t, `"x":"\",\"sid\":\"x\",\""`), "session-1"},
		"in a name":                         {with(t, `"\",\"sid\":\"x":"y"`), "session-1"},
		"behind deep nesting":               {with(t, `"x":`+deep+`,"sid":"y"`, "sid"), "y"},
		"before deep nesting":               {with(t, `"sid":"y","x":`+deep, "sid"), "y"},
		"with a dot":                        {with(t, `"a.sid":"x","sid.a":"x"`), "session-1"},
		"with a blank":                      {with(t, `" sid":"x","sid ":"x","si\u200bd":"x"`), "session-1"},
		"twice, once escaped":               {with(t, `"s\u0069d":"x"`), ""},
		"twice, once in other case":         {with(t, `"s\u0049d":"x"`), ""},
		"twice, with LONG S escaped":        {with(t, `"\u017fid":"x"`), ""},
		"twice the same":                    {with(t, `"\u0073\u0069\u0064":"session-1"`), ""},
		"twice behind deep nesting":         {with(t, `"x":`+deep+`,"sid":"session-1"`), ""},
		"a lone surrogate, low before high": {with(t, `"sid":"\ude00\ud83d"`, "sid"), ""},
		"a surrogate and a letter":          {with(t, `"sid":"\ud83d\u0041"`, "sid"), ""},
		"an object":                         {with(t, `"sid":{"sid":"x"}`, "sid"), ""},
		"a fraction":                        {with(t, `"sid":1.0`, "sid"), ""},
	} {
		raw := tokentest.Seal(t, key, `{"alg":"HS256"}`, tt.payload)
		if tt.want == "" {
			mustRefuse(t, v, raw, token.ErrInvalid)
			continue
		}
		if got := mustVerify(t, v, raw).SessionID; got != tt.want {
			t.Errorf("%s: session %q, want %q", name, got, tt.want)
		}
	}
}

// Attack: session_claim names another claim. A `sid` in the token then moves it to another
// session, or an issuer's own `sid` ends it.
func TestOnlyTheConfiguredSessionClaimNamesASession(t *testing.T) {
	v, key := hmacVerifier(t, func(o *token.Options) { o.Issuers[0].SessionClaims = []string{"session_state"} })
	mint := func(changes map[string]any) *token.Verified {
		return mustVerify(t, v, tokentest.Mint(t, key, tokentest.Claims(now, changes)))
	}
	one := mint(map[string]any{"session_state": "a", "sid": "b"})
	if other := mint(map[string]any{"session_state": "b", "sid": "a"}); one.Keys.Session == other.Keys.Session {
		t.Error("two sessions are one by their sid")
	}
	if same := mint(map[string]any{"session_state": "a", "sid": "c"}); one.Keys.Session != same.Keys.Session {
		t.Error("one session is two by its sid")
	}
	if none := mint(map[string]any{"sid": "a"}); !none.Keys.Session.IsZero() || none.SessionID != "" {
		t.Errorf("a session %q out of the claim that does not count", none.SessionID)
	}
	mustRefuse(t, v, tokentest.Mint(t, key, tokentest.Claims(now, map[string]any{"session_state": "a", "SESSION_STATE": "b"})), token.ErrInvalid)
}
