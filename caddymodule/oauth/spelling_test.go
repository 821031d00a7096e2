package oauth_test

import (
	"crypto/rand"
	"encoding/base64"
	"slices"
	"strings"
	"testing"

	"github.com/sessiongate/sessiongate/caddymodule/oauth"
)

// The attack: any other text that decodes to the same key and value.
func TestSpellingsFindWhatWasWritten(t *testing.T) {
	const alphabet = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_"
	for size := 16; size < 40; size++ {
		var parts [2]string
		for i := range parts {
			random := make([]byte, size+i)
			_, _ = rand.Read(random) // never fails
			parts[i] = base64.RawURLEncoding.EncodeToString(random)
		}
		written := "ory_rt_" + strings.Join(parts[:], ".")
		for at, part := range parts {
			decoded, _ := base64.RawURLEncoding.DecodeString(part)
			for _, last := range alphabet {
				respelt := part[:len(part)-1] + string(last)
				if same, err := base64.RawURLEncoding.DecodeString(respelt); err != nil || string(same) != string(decoded) || respelt == part {
					continue
				}
				both := parts
				both[at] = respelt
				if presented := "ory_rt_" + strings.Join(both[:], "."); !slices.Contains(oauth.Spellings(presented), written) {
					t.Errorf("%s is not found to be %s", presented, written)
				}
			}
		}
		if !slices.Contains(oauth.Spellings(written+"=="), written) {
			t.Errorf("%s with padding is not found", written)
		}
	}
}

func TestSpellingsAreFew(t *testing.T) {
	for _, token := range []string{"", ".", "=", "a", "a.b", "a.b.c.d.e", strings.Repeat(".", 1000), "ü", "abc9"} {
		spellings := oauth.Spellings(token)
		if len(spellings) > 9 || slices.Contains(spellings, token) {
			t.Errorf("%.20s has the spellings %q", token, spellings)
		}
	}
}
