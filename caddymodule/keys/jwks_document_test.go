package keys_test

import (
	"encoding/json"
	"runtime"
	"strings"
	"testing"
	"unicode/utf16"

	"github.com/sessiongate/sessiongate/caddymodule/keys"
	"github.com/sessiongate/sessiongate/caddymodule/token/tokentest"
)

// Attack: two readers find different keys in one document, or the document is expensive to
// read. The issuer's own tools may see one key, the gate the other.
func TestAmbiguousDocumentsAreNoKeySets(t *testing.T) {
	text, err := json.Marshal(tokentest.NewKey(t, "ES256", "k").JWK(t))
	if err != nil {
		t.Fatal(err)
	}
	key := string(text)
	good := `{"keys":[` + key + `]}`
	wide := "\xff\xfe"
	for _, unit := range utf16.Encode([]rune(good)) {
		wide += string([]byte{byte(unit), byte(unit >> 8)})
	}
	if n, err := keys.ParseKeySet([]byte(" " + good + "\n")); n != 1 || err != nil {
		t.Fatalf("the valid set has %d keys, error %v", n, err)
	}
	for name, document := range map[string]string{
		"UTF-16":                    wide,
		"invalid UTF-8":             strings.Replace(good, `"sig"`, "\"sig\xff\"", 1),
		"trailing data":             good + "{}",
		"trailing set":              good + good,
		"trailing NUL":              good + "\x00",
		"cut short":                 good[:len(good)-1],
		"comment":                   good[:len(good)-1] + "/**/}",
		"keys is null":              `{"keys":null}`,
		"keys is an object":         `{"keys":` + key + `}`,
		"keys is a text":            `{"keys":"` + strings.ReplaceAll(key, `"`, `\"`) + `"}`,
		"keys in caps":              `{"KEYS":[` + key + `]}`,
		"keys with a Kelvin sign":   `{"\u212aeys":[` + key + `]}`,
		"keys twice":                `{"keys":[],"keys":[` + key + `]}`,
		"keys in two cases":         `{"Keys":[],"keys":[` + key + `]}`,
		"keys one level down":       `{"data":{"keys":[` + key + `]}}`,
		"a key in an array":         `{"keys":[[` + key + `]]}`,
		"kid twice":                 strings.Replace(good, `"kid":"k"`, `"kid":"x","kid":"k"`, 1),
		"kid in two cases":          strings.Replace(good, `"kid":"k"`, `"Kid":"x","kid":"k"`, 1),
		"use twice":                 strings.Replace(good, `"use":"sig"`, `"use":"enc","use":"sig"`, 1),
		"two byte order marks":      "\ufeff\ufeff" + good,
		"a byte order mark behind":  good + "\ufeff",
		"trailing array":            `[` + key + `][` + key + `]`,
		"array and members":         `[` + key + `],"keys":[` + key + `]`,
		"an array that is cut":      `[` + key,
		"a set in an array":         `[` + good + `]`,
		"a type in caps":            strings.Replace(key, `"kty"`, `"KTY"`, 1),
		"nested beyond the limit":   `{"keys":[` + key + `],"x":` + strings.Repeat("[", 32) + strings.Repeat("]", 32) + `}`,
		"nested beyond the decoder": `{"keys":[` + key + `],"x":` + strings.Repeat("[", 20_000) + strings.Repeat("]", 20_000) + `}`,
	} {
		if n, err := keys.ParseKeySet([]byte(document)); n != 0 || err == nil {
			t.Errorf("%s: %d keys, error %v", name, n, err)
		}
	}
}

// Some issuers publish one key or an array of keys, and some editors put a byte order mark in
// front. Each of these documents has one meaning.
func TestUnusualDocumentsAreKeySets(t *testing.T) {
	one, two := marshalled(tokentest.NewKey(t, "ES256", "1").JWK(t)), marshalled(tokentest.NewKey(t, "EdDSA", "2").JWK(t))
	for name, tt := range map[string]struct {
		document string
		usable   int
	}{
		"a byte order mark":              {"\ufeff" + `{"keys":[` + one + `]}`, 1},
		"a byte order mark before blank": {"\ufeff\r\n" + `{"keys":[` + one + `,` + two + `]}`, 2},
		"one key":                        {one, 1},
		"one key with a mark":            {"\ufeff" + one + "\n", 1},
		"an array":                       {" [" + one + "," + two + "]\n", 2},
		"a set that is also a key":       {`{"kty":"oct","k":"AA","keys":[` + one + `]}`, 1},
	} {
		if n, err := keys.ParseKeySet([]byte(tt.document)); n != tt.usable || err != nil {
			t.Errorf("%s: %d keys, error %v", name, n, err)
		}
	}
}

// allocatedBy returns how many bytes f allocates, freed or not.
func allocatedBy(f func()) uint64 {
	var before, after runtime.MemStats
	runtime.ReadMemStats(&before)
	f()
	runtime.ReadMemStats(&after)
	return after.TotalAlloc - before.TotalAlloc
}

// Attack: a set of the largest accepted size, full of the smallest elements, or with one
// name of a megabyte. Reading it may use the memory of a few documents.
func TestLargeDocumentsAreBounded(t *testing.T) {
	long := strings.Repeat("k", 1_000_000)
	text, err := json.Marshal(tokentest.NewKey(t, "ES256", long).JWK(t))
	if err != nil {
		t.Fatal(err)
	}
	for name, tt := range map[string]struct {
		document string
		usable   int
	}{
		"many nothings": {`{"keys":[` + strings.Repeat("1,", 500_000) + `1]}`, 0},
		"a long kid":    {`{"keys":[` + string(text) + `]}`, 1},
		"a long name":   {`{"` + long + `":1,"keys":[]}`, 0},
	} {
		usable := 0
		allocated := allocatedBy(func() { usable, _ = keys.ParseKeySet([]byte(tt.document)) })
		if usable != tt.usable || allocated > 64<<20 {
			t.Errorf("%s: %d usable keys, %d bytes allocated", name, usable, allocated)
		}
	}
}

// Key sets come from a network, so none may crash the parser.
func FuzzKeySet(f *testing.F) {
	for _, algorithm := range []string{"RS256", "ES256", "ES512", "EdDSA"} {
		jwk, err := json.Marshal(tokentest.NewKey(f, algorithm, "k").JWK(f))
		if err != nil {
			f.Fatal(err)
		}
		f.Add(`{"keys":[` + string(jwk) + `]}`)
	}
	f.Add(`[{"kty":"RSA","n":"+/==","e":"AQAB="}]`)
	f.Add("\ufeff" + `{"kty":"EC","crv":"P-256","x":"","y":"AA=="}`)
	f.Add(`{"keys":[null,1,[],{"kty":"AKP","alg":"ML-DSA-44","pub":"AA"},{"kty":"RSA","n":"","e":""}]}`)
	f.Fuzz(func(t *testing.T, set string) {
		usable, err := keys.ParseKeySet([]byte(set))
		if (usable > 0) == (err != nil) {
			t.Errorf("%d usable keys and error %v", usable, err)
		}
	})
}
