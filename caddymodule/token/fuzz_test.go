package token_test

import (
	"bytes"
	"encoding/base64"
	"encoding/json"
	"errors"
	"math/big"
	"slices"
	"strings"
	"testing"

	"github.com/sessiongate/sessiongate/caddymodule/token"
	"github.com/sessiongate/sessiongate/caddymodule/token/tokentest"
)

// An HS256 token has one spelling. Every change of it must be refused, for exactly one of
// the five reasons. It must never crash the verifier.
func FuzzVerify(f *testing.F) {
	v, key := hmacVerifier(f)
	genuine := tokentest.Mint(f, key, tokentest.Claims(now, nil))
	f.Add(genuine)
	f.Add(genuine + "A")
	f.Add(signedPart(genuine))
	f.Add(strings.ToLower(genuine))
	f.Add("..")
	f.Fuzz(func(t *testing.T, raw string) {
		verified, err := v.Verify(raw, now)
		if err == nil {
			if raw != genuine {
				t.Errorf("accepted another spelling: %q", raw)
			}
			return
		}
		if verified != nil {
			t.Error("a token beside the error")
		}
		if !errors.Is(err, token.ErrMalformed) && !errors.Is(err, token.ErrInvalid) {
			t.Errorf("refused for no reason: %v", err)
		}
	})
}

// Attack: this gate and another reader of RFC 7515 parse a token differently, or one token
// has two spellings. An accepted token must have the contents that the specifications
// demand. Encoded again, it must be the same token.
func FuzzParse(f *testing.F) {
	encode := base64.RawURLEncoding.EncodeToString
	for _, header := range []string{
		`{"alg":"HS256","typ":"at+jwt","kid":"a"}`, `{"typ":"Application/JWT","alg":"ES256","x":[[{}]]}`, `{"alg":"HS256","crit":[]}`,
		`{"alg":"HS256","ALG":"none"}`, "{\"alg\":\"\xff\"}", `{"\u0061lg":"\ud800","kid":""}`, `{"alg":null}`, `{"alg":"HS256"}{}`, `[]`, `{"b64":1}`,
		`{"alg":"a","x":` + strings.Repeat("[", 31) + strings.Repeat("]", 31) + `}`,
	} {
		for _, rest := range []string{".e30.AA", ".e30.AB", ".e31.AA", ".e30.A", ".W10.AAAA"} {
			f.Add(encode([]byte(header))+rest, []byte(nil))
		}
		f.Add("", []byte(header))
	}
	for _, raw := range []string{"e30.e31.AA", "a.b.c", "e30.e30.A", "e30=.e30.AA", "e30.e30.AA\n", "e30.e30.AA.", ".e30.AA", "e30.e3+.A/"} {
		f.Add(raw, []byte(nil))
	}
	f.Fuzz(func(t *testing.T, raw string, header []byte) {
		if len(header) > 0 { // so that the fuzzer changes the JSON, and not its encoding
			raw = encode(header) + ".e30.AA" + raw
		}
		got, err := token.Parse(raw)
		want := readReference(raw)
		if malformed := errors.Is(err, token.ErrMalformed); malformed != want.malformed || errors.Is(err, token.ErrInvalid) != want.refuse {
			t.Fatalf("%q with the header %q: %v, the reference says malformed %t, invalid %t", raw, want.parts[0], err, want.malformed, want.refuse)
		}
		if err != nil {
			return
		}
		if !bytes.Equal(got.Header, want.parts[0]) || !bytes.Equal(got.Payload, want.parts[1]) || !bytes.Equal(got.Signature, want.parts[2]) ||
			got.Algorithm != want.algorithm || got.KeyID != want.keyID {
			t.Errorf("%q is %+v, the reference says %+v", raw, got, want)
		}
		if again := encode(got.Header) + "." + encode(got.Payload) + "." + encode(got.Signature); again != raw || !strings.HasPrefix(raw, got.Signed+".") {
			t.Errorf("%q is %q when written again", raw, again)
		}
	})
}

// Whatever claims an issuer signs, an accepted token has valid ids and dates. The gate must
// read the same values as another decoder.
func FuzzClaims(f *testing.F) {
	v, key := hmacVerifier(f)
	f.Add(claimsJSON(f, nil))
	f.Add(with(f, `"a":{"b":[1,"x"]},"scope":"a b","scp":["c"],"aud":["legacy-app"]`, "aud"))
	f.Add(with(f, `"exp":1.8e9,"iat":1.79999e9,"nbf":0`, "exp", "iat"))
	f.Add(with(f, `"s\u0069d":"\u00e9\"","sub":"a","SUBJECT":1,"exp":1.8000001e9`, "sid", "sub", "exp"))
	f.Add(with(f, `"sub":0,"sid":9007199254740992,"aud":["legacy-app"],"nbf":null`, "sub", "sid", "aud"))
	f.Add(with(f, `"exp":1800000100.9,"iat":1799999990.7`, "exp", "iat"))
	f.Add(with(f, `"groups":["a",1,true,"b,c"],"empty":[],"mixed":[{}],"email":"a@b","n":-0.10e+1`))
	f.Fuzz(func(t *testing.T, claims string) {
		verified, err := v.Verify(tokentest.Seal(t, key, `{"alg":"HS256"}`, claims), now)
		if err != nil {
			return
		}
		for _, id := range []string{verified.Subject, verified.SessionID, verified.TokenID} {
			if id != "" && !token.ValidID(id) {
				t.Errorf("accepted the id %q", id)
			}
		}
		if verified.ExpiresAt-verified.IssuedAt > 3600 || verified.ExpiresAt+30 <= now.Unix() || verified.IssuedAt-30 > now.Unix() {
			t.Errorf("accepted exp %d, iat %d", verified.ExpiresAt, verified.IssuedAt)
		}
		if verified.Keys.Token.IsZero() || verified.Keys.Issuer.IsZero() || verified.Keys.Session.IsZero() != (verified.SessionID == "") {
			t.Error("keys do not match the ids")
		}
		wantClaims(t, verified, claims)
	})
}

// wantClaims compares a token with the values that a map decoder finds in its claims, and a
// struct decoder, which ignores case.
func wantClaims(t *testing.T, verified *token.Verified, claims string) {
	t.Helper()
	var inMap map[string]any
	var inStruct struct{ Iss, Sub, Sid, Jti string }
	decoder := json.NewDecoder(strings.NewReader(claims))
	decoder.UseNumber()
	if err := decoder.Decode(&inMap); err != nil {
		t.Fatalf("accepted %q: %v", claims, err)
	}
	// A struct decoder reads "Sid" alone as a session id, whatever its value. Here it is
	// another claim (RFC 7519 §7.3). The struct decoder still reads the other claims.
	var otherType *json.UnmarshalTypeError
	if err := json.Unmarshal([]byte(claims), &inStruct); err != nil && !errors.As(err, &otherType) {
		t.Fatalf("accepted %q: %v", claims, err)
	}
	for name, ids := range map[string][2]string{
		"iss": {verified.Issuer, inStruct.Iss}, "sub": {verified.Subject, inStruct.Sub}, "sid": {verified.SessionID, inStruct.Sid},
	} {
		text, _ := inMap[name].(string)
		if number, isNumber := inMap[name].(json.Number); isNumber {
			// A struct with texts cannot hold it. 0 is absent.
			text = strings.TrimPrefix(number.String(), "0")
			ids[1] = text
		}
		if ids[0] != text || ids[1] != text && text != "" {
			t.Errorf("%s is %q, decoders say %q and %q", name, ids[0], text, ids[1])
		}
	}
	for name, seconds := range map[string]int64{"exp": verified.ExpiresAt, "iat": verified.IssuedAt} {
		number, _ := inMap[name].(json.Number)
		if exact, ok := new(big.Rat).SetString(string(number)); !ok || new(big.Int).Div(exact.Num(), exact.Denom()).Cmp(big.NewInt(seconds)) != 0 {
			t.Errorf("%s is %d, a decoder says %s", name, seconds, number)
		}
	}
	for name, value := range inMap {
		if text, ok := verified.Claim(name); ok != isText(value) || ok && text != joined(value) {
			t.Errorf("%q is %q, %t, a decoder says %v", name, text, ok, value)
		}
	}
}

// isText reports whether a value has a text: scalars, and arrays of them.
func isText(value any) bool {
	switch value := value.(type) {
	case nil, map[string]any:
		return false
	case []any:
		return !slices.ContainsFunc(value, func(element any) bool {
			_, nested := element.([]any)
			return nested || !isText(element)
		})
	}
	return true
}

func joined(value any) string {
	switch value := value.(type) {
	case []any:
		var texts []string
		for _, element := range value {
			texts = append(texts, joined(element))
		}
		return strings.Join(texts, ",")
	case bool:
		if value {
			return "true"
		}
		return "false"
	case json.Number:
		return string(value)
	default:
		text, _ := value.(string)
		return text
	}
}
