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

// The attack: a revoked refresh token that a lenient decoder of base64 reads as it
// was written, because it skips or ignores what was added.
func TestSpellingsFindWhatWasAddedTo(t *testing.T) {
	const one, two = "ory_rt_MDEyMzQ1Njc4OTAxMjM0NQ", "MDEyMzQ1Njc4OTAxMjM0NQ.YWJjZGVmZ2hpamtsbW5v"
	for presented, written := range map[string]string{
		one + "!":  one,
		one + ".":  one,
		one + "..": one,
		one[:20] + "." + one[20:len(one)-1] + "R": one,
		one + "==x":             one,
		one[:len(one)-1] + "R,": one,
		two + "x":               two,
		two[:21] + "R" + two[22:30] + "." + two[30:]: two,
		two[:21] + "R=YW==" + two[22:]:               two,
		two[:21] + "R" + two[22:len(two)-1] + "v=":   two,
		two[:22] + "A." + two[23:] + "A==":           two,
	} {
		name := func(token string) bool { return oauth.Name(token) == oauth.Name(written) }
		if !name(presented) && !slices.ContainsFunc(oauth.Spellings(presented), name) {
			t.Errorf("%s is not found to be %s", presented, written)
		}
	}
	// Base64 of two alphabets, with a last character that is in one of them.
	const sameInBoth = "_rt_abcd-w"
	for _, last := range []string{"+", "/", "-", "_"} {
		if presented := sameInBoth[:len(sameInBoth)-1] + last; !slices.Contains(oauth.Spellings(presented), sameInBoth) {
			t.Errorf("%s is not found to be %s", presented, sameInBoth)
		}
	}
}

func TestSpellingsAreFew(t *testing.T) {
	for token, most := range map[string]int{
		"": 0, ".": 0, "a": 3, "abc9": 3, "a.b": 15, "=": 1, "ü": 1, "a.b.c.d.e": 32, "a=b.c=d.e=f": 127, strings.Repeat(".", 1000): 1,
		"eyJhbGciOiJIUzI1NiJ9.e30.c2ln": 0, "eyJhbGciOiJkaXIiLCJlbmMiOiJBMTI4R0NNIn0..aXY.Y2lwaGVy.dGFn": 0,
	} {
		spellings := oauth.Spellings(token)
		if len(spellings) > most || slices.Contains(spellings, token) {
			t.Errorf("%.20s has the %d spellings %q, want %d at the most", token, len(spellings), spellings, most)
		}
	}
}
