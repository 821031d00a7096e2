package token_test

import (
	"errors"
	"testing"

	"github.com/sessiongate/sessiongate/caddymodule/keys"
	"github.com/sessiongate/sessiongate/caddymodule/token"
	"github.com/sessiongate/sessiongate/caddymodule/token/tokentest"
)

func signaturesFor(t testing.TB, keys keys.Source, algorithms ...string) *token.Signatures {
	t.Helper()
	s, err := token.NewSignatures(keys, algorithms...)
	if err != nil {
		t.Fatal(err)
	}
	return s
}

func TestSignaturesReturnWhateverIsSigned(t *testing.T) {
	key := tokentest.NewKey(t, "ES256", "")
	s := signaturesFor(t, sourceFor(t, key))
	for _, payload := range []string{"foo", "{}", "\x00\xff", `{"iss":"x"}{}`} {
		got, err := s.Verify(tokentest.Seal(t, key, `{"alg":"ES256"}`, payload), "")
		if err != nil || string(got) != payload {
			t.Errorf("payload %q, error %v, want %q", got, err, payload)
		}
		// Attack: the signature of another text.
		foreign := tokentest.Seal(t, key, `{"alg":"ES256"}`, payload+"x")
		got, err = s.Verify(signedPart(foreign)+signaturePart(tokentest.Seal(t, key, `{"alg":"ES256"}`, payload)), "")
		if got != nil || !errors.Is(err, token.ErrInvalid) {
			t.Errorf("forged: payload %q, error %v", got, err)
		}
	}
}

// Attack (RFC 8725 §3.11): a token of one kind is given to a reader of another kind, and
// happens to follow its rules.
func TestSignaturesAcceptOneKindOfToken(t *testing.T) {
	key := tokentest.NewKey(t, "HS256", "")
	s := signaturesFor(t, sourceFor(t, key))
	none, access, logout := `{"alg":"HS256"}`, `{"alg":"HS256","typ":"at+jwt"}`, `{"alg":"HS256","typ":"application/logout+jwt"}`
	for _, tt := range []struct {
		name, header string
		types        []string
		ok           bool
	}{
		{"none where none is allowed", none, []string{"", "at+jwt"}, true},
		{"none where one is demanded", none, []string{"at+jwt"}, false},
		{"none where nothing is accepted", none, nil, false},
		{"empty where none is allowed", `{"alg":"HS256","typ":""}`, []string{""}, true},
		{"a prefix without a type", `{"alg":"HS256","typ":"application/"}`, []string{""}, false},
		{"the one demanded", access, []string{"at+jwt"}, true},
		{"one where none is expected", access, []string{""}, false},
		{"a logout token as such", logout, []string{"logout+jwt"}, true},
		{"a logout token as an access token", logout, []string{"", "JWT", "at+jwt"}, false},
		{"an access token as a logout token", access, []string{"logout+jwt"}, false},
	} {
		_, err := s.Verify(tokentest.Seal(t, key, tt.header, "x"), tt.types...)
		if (err == nil) != tt.ok || err != nil && !errors.Is(err, token.ErrInvalid) {
			t.Errorf("%s: error %v, accepted is to be %t", tt.name, err, tt.ok)
		}
	}
}

func TestSignaturesHoldToTheAlgorithmsGiven(t *testing.T) {
	key := tokentest.NewKey(t, "RS256", "")
	s := signaturesFor(t, sourceFor(t, key), "PS256")
	if _, err := s.Verify(tokentest.Seal(t, key.As("PS256"), `{"alg":"PS256"}`, "x"), ""); err != nil {
		t.Error(err)
	}
	if _, err := s.Verify(tokentest.Seal(t, key, `{"alg":"RS256"}`, "x"), ""); !errors.Is(err, token.ErrInvalid) {
		t.Errorf("RS256: error %v, want ErrInvalid", err)
	}
	for algorithm, want := range map[string]string{"HS256": "does not fit", "none": "is not one of"} {
		_, err := token.NewSignatures(sourceFor(t, key), algorithm)
		wantError(t, err, want)
	}
}
