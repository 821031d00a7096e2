package config

import (
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/caddyserver/caddy/v2"
	"github.com/caddyserver/caddy/v2/caddyconfig/caddyfile"
)

// value is one line of a Caddyfile: what is read from it, or why it is refused.
type value struct{ line, want, refused string }

func testValues[T any](t *testing.T, reader func(*T) func(*caddyfile.Dispenser) error, values []value) {
	t.Helper()
	for _, v := range values {
		d := caddyfile.NewTestDispenser("word " + v.line)
		d.Next()
		var to T
		err := reader(&to)(d)
		switch {
		case v.refused == "" && (err != nil || fmt.Sprint(to) != v.want):
			t.Errorf("%q is read as %v, error %v, want %s", v.line, to, err, v.want)
		case v.refused != "" && (err == nil || !strings.Contains(err.Error(), v.refused)):
			t.Errorf("%q: error %v, want %s", v.line, err, v.refused)
		}
	}
}

func TestText(t *testing.T) {
	testValues(t, Text, []value{
		{line: "a", want: "a"},
		{line: `"a b"`, want: "a b"},
		{line: "{env.A}", want: "{env.A}"},
		{line: "", refused: "0 values, want one that is not empty"},
		{line: `""`, refused: "1 values, want one that is not empty"},
		{line: "a b", refused: "2 values, want one that is not empty"},
	})
}

func TestTexts(t *testing.T) {
	testValues(t, Texts, []value{
		{line: "a", want: "[a]"},
		{line: "a b a", want: "[a b a]"},
		{line: "", refused: "0 values, want one or more that are not empty"},
		{line: `a ""`, refused: "2 values, want one or more that are not empty"},
	})
}

func TestFlag(t *testing.T) {
	testValues(t, Flag, []value{
		{line: "", want: "true"},
		{line: "yes", refused: "1 values, want none"},
		{line: `""`, refused: "1 values, want none"},
	})
}

func TestChoice(t *testing.T) {
	choice := func(to *string) func(*caddyfile.Dispenser) error { return Choice(to, "fast", "slow") }
	testValues(t, choice, []value{
		{line: "fast", want: "fast"},
		{line: "slow", want: "slow"},
		{line: "{env.A}", want: "{env.A}"},
		{line: "{file./a}", want: "{file./a}"},
		{line: "Fast", refused: `"Fast" is none of fast, slow`},
		{line: "{http.A}", refused: "is none of"},
		{line: "fast slow", refused: "2 values"},
		{line: "", refused: "0 values"},
	})
}

func TestDuration(t *testing.T) {
	testValues(t, Duration, []value{
		{line: "90s", want: fmt.Sprint(caddy.Duration(90 * time.Second))},
		{line: "1d", want: fmt.Sprint(caddy.Duration(24 * time.Hour))},
		{line: "0s", refused: `"0s" is not more than 0s`},
		{line: "-1s", refused: `"-1s" is not more than 0s`},
		{line: "soon", refused: "soon"},
		{line: "5", refused: "missing unit"},
		{line: "1h 2h", refused: "2 values"},
		{line: "", refused: "0 values"},
	})
}

func TestSize(t *testing.T) {
	testValues(t, Size, []value{
		{line: "64MiB", want: "67108864"},
		{line: "1", want: "1"},
		{line: "1TiB", want: "1099511627776"},
		{line: "0", refused: `"0" is not between 1B and 1TiB`},
		{line: "2TiB", refused: `"2TiB" is not between 1B and 1TiB`},
		{line: "-1", refused: `"-1" is not a number of bytes`},
		{line: "much", refused: `"much" is not a number of bytes`},
		{line: "1MiB 2MiB", refused: "2 values"},
	})
}

func TestSecret(t *testing.T) {
	testValues(t, func(to *string) func(*caddyfile.Dispenser) error { return Secret("password", to) }, []value{
		{line: "{env.A}", want: "{env.A}"},
		{line: "", refused: "0 values"},
		{line: "{env.A} {env.B}", refused: "2 values"},
	})
}

func TestHasPlaceholder(t *testing.T) {
	for text, want := range map[string]bool{
		"{env.A}": true, "{file./a}": true, "a{env.A}b": true,
		"": false, "a": false, "{env.}": false, "{http.A}": false, "env.A": false,
	} {
		if HasPlaceholder(text) != want {
			t.Errorf("%q: %t, want %t", text, !want, want)
		}
	}
}

func TestSetDefault(t *testing.T) {
	text, number := "", 5
	SetDefault(&text, "a")
	SetDefault(&number, 7)
	if text != "a" || number != 5 {
		t.Errorf("an empty text became %q, and 5 became %d", text, number)
	}
}

// A typo would disable what the operator meant.
func TestOneOf(t *testing.T) {
	if err := OneOf("mode", "fast", "fast", "slow"); err != nil {
		t.Error(err)
	}
	for _, text := range []string{"", "Fast", "fas"} {
		err := OneOf("mode", text, "fast", "slow")
		if want := fmt.Sprintf("checking session_gate: mode %q is unknown; use one of: fast, slow", text); err == nil || err.Error() != want {
			t.Errorf("error %v, want %s", err, want)
		}
	}
}
