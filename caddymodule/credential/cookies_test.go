// Built without the race detector only: it finds nothing in one goroutine, and takes ten
// times as long.

//go:build !race

package credential_test

import (
	"math/rand/v2"
	"strings"
	"testing"

	"github.com/sessiongate/sessiongate/caddymodule/credential"
)

// Attack: beside the valid cookie, a field that readers split, decode or fail to parse
// holds another one.
func TestNoReaderFindsAnotherCookie(t *testing.T) {
	pieces := []string{
		"=", "=", ";", "; ", ",", " ", "\t", "\"", "\"", "\\", "[", "]", "[x]", "(", "{", "@", ":", "/", "|", "&", "+", ".", "$", "%20", "%3d", "x", "x=", "x=1",
		"x=\"\"", "x=\"a b\"", "\x85", "\xa0", "\u2003", "\ufeff", "é", "at", "AT", "at=", "%61t=",
	}
	random := rand.New(rand.NewPCG(3, 5))
	good, bad := "a.b."+strings.Repeat("g", credential.MinTokenSize), "d.e."+strings.Repeat("r", credential.MinTokenSize)
	e, found := credential.NewExtractor(credential.Places{Cookie: "at"}), map[string]int{}
	for range 10_000 {
		some := func() (text string) {
			for range random.IntN(4) {
				text += pieces[random.IntN(len(pieces))]
			}
			return text
		}
		field := "at=" + good + ";" + some() + "at" + some() + "=" + some() + bad + some()
		r := request("Cookie", field)
		raw, _, err := e.Extract(r)
		for name, reader := range readers {
			for _, credential := range reader(r, "", "at") {
				if bare(credential) != bad {
					continue
				}
				found[name]++
				if err == nil && raw == good {
					t.Errorf("%q is accepted, and %s finds the bad one", field, name)
				}
			}
		}
	}
	if len(found) != len(readers)-2 { // two of the readers read other fields
		t.Errorf("the bad one is found by %v", found)
	}
}
