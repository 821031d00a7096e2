package token_test

import (
	"encoding/base64"
	"slices"
	"strings"
	"testing"

	"github.com/sessiongate/sessiongate/caddymodule/credential"
	"github.com/sessiongate/sessiongate/caddymodule/token"
	"github.com/sessiongate/sessiongate/caddymodule/token/tokentest"
)

const alphabet = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_"

// otherSpellings returns the spellings of a part that a lax decoder reads as the same:
// their spare bits are not zero.
func otherSpellings(t testing.TB, part string) (spellings []string) {
	t.Helper()
	last := strings.IndexByte(alphabet, part[len(part)-1])
	for bits := 1; bits < map[int]int{2: 16, 3: 4}[len(part)%4]; bits++ {
		spelling := part[:len(part)-1] + string(alphabet[last|bits])
		lax, err := base64.RawURLEncoding.DecodeString(spelling)
		strict, strictErr := base64.RawURLEncoding.DecodeString(part)
		if err != nil || strictErr != nil || !slices.Equal(lax, strict) {
			t.Fatalf("%q is no other spelling of %q", spelling, part)
		}
		spellings = append(spellings, spelling)
	}
	return spellings
}

// Attack: up to sixteen spellings of one part. Anybody with a token can change its
// signature's spelling. A careless issuer can change the others'. Here those are signed in
// their spelling, so that only the spelling is wrong.
func TestSpareBitsAreRefusedInEveryPart(t *testing.T) {
	refused := map[string]int{}
	for _, algorithm := range []string{"HS256", "HS512"} { // 2 and 4 spare bits in the signature
		key := tokentest.NewKey(t, algorithm, "")
		v := verifierFor(t, sourceFor(t, key))
		for padding := range 3 { // 0, 2 and 4 spare bits in the other parts
			space := strings.Repeat(" ", padding)
			header, payload := b64([]byte(`{"alg":"`+algorithm+`"}`+space)), b64([]byte(claimsJSON(t, nil)+space))
			sign := func(signed string) string { return signed + "." + b64(key.Sign(t, signed)) }
			raw := sign(header + "." + payload)
			mustVerify(t, v, raw)
			for _, spelling := range otherSpellings(t, header) {
				mustRefuse(t, v, sign(spelling+"."+payload), token.ErrInvalid)
				refused["header"]++
			}
			for _, spelling := range otherSpellings(t, payload) {
				mustRefuse(t, v, sign(header+"."+spelling), token.ErrInvalid)
				refused["payload"]++
			}
			for _, spelling := range otherSpellings(t, signaturePart(raw)[1:]) {
				mustRefuse(t, v, signedPart(raw)+"."+spelling, token.ErrInvalid)
				refused["signature"]++
			}
		}
	}
	// The header and the payload had each length once for each algorithm.
	for part, want := range map[string]int{"header": 2 * (15 + 3), "payload": 2 * (15 + 3), "signature": 3 * (15 + 3)} {
		if refused[part] != want {
			t.Errorf("%d spellings of the %s were tried, want %d", refused[part], part, want)
		}
	}
}

// Attack: padding, line breaks and further parts that a lax decoder ignores give one token
// many spellings.
func TestVerifyRefusesOtherSpellings(t *testing.T) {
	v, key := hmacVerifier(t)
	raw := tokentest.Mint(t, key, tokentest.Claims(now, nil))
	mustVerify(t, v, raw)
	for name, spelling := range map[string]string{
		"padding":         raw + "=",
		"line feed":       raw[:10] + "\n" + raw[10:],
		"carriage return": raw + "\r",
		"space":           raw[:10] + " " + raw[10:],
		"comma":           raw + "," + raw,
		"plus":            raw[:10] + "+" + raw[11:],
		"slash":           raw[:10] + "/" + raw[11:],
		"NUL":             raw + "\x00",
		"four parts":      raw + ".x",
		"five parts":      raw + ".x.y",
		"two parts":       signedPart(raw),
		"no header":       raw[strings.IndexByte(raw, '.'):],
		"dots":            strings.Repeat(".", credential.MaxSize),
		"over 8 KiB":      raw + strings.Repeat("A", credential.MaxSize),
		"nothing":         "",
	} {
		t.Run(name, func(t *testing.T) { mustRefuse(t, v, spelling, token.ErrMalformed) })
	}
}

// Attack: the holder spells the same header differently, to get a token that nobody has
// revoked. The signature covers the text.
func TestTheHolderCannotRespellTheHeader(t *testing.T) {
	key := tokentest.NewKey(t, "ES256", "")
	v := verifierFor(t, sourceFor(t, key))
	raw := tokentest.Seal(t, key, `{"alg":"ES256","typ":"JWT"}`, claimsJSON(t, withoutIDs))
	mustVerify(t, v, raw)
	rest := raw[strings.IndexByte(raw, '.'):]
	for _, header := range []string{
		`{"alg":"ES256","typ":"JWT"} `, `{"alg": "ES256","typ":"JWT"}`, `{"typ":"JWT","alg":"ES256"}`, `{"alg":"ES256"}`,
		`{"\u0061lg":"ES256","typ":"JWT"}`, `{"alg":"ES256","typ":"jwt"}`, `{"alg":"ES256","typ":"JWT","kid":""}`,
	} {
		mustRefuse(t, v, b64([]byte(header))+rest, token.ErrInvalid)
	}
}
