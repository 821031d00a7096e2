package config

import (
	"errors"
	"fmt"
	"strings"
	"testing"

	"github.com/caddyserver/caddy/v2/caddyconfig/caddyfile"
)

// read reads a block of these words, as a module before the block does.
func read(words Words, lines string) error {
	d := caddyfile.NewTestDispenser("block {\n" + lines + "\n}\n")
	d.Next()
	return words.Read(d)
}

// sample has words of each kind, and keeps what they read.
type sample struct {
	name, mode string
	paths      []string
	deep       bool
}

func (s *sample) words() Words {
	return Words{
		"name":  {Usage: "name <name>", Read: Text(&s.name)},
		"paths": {Usage: "paths <path>...", Read: Texts(&s.paths), Repeatable: true},
		"mode":  {Usage: "mode fast | slow", Read: Choice(&s.mode, "fast", "slow")},
		"nested": {Usage: "nested { … }", Read: func(d *caddyfile.Dispenser) error {
			return Words{"deep": {Usage: "deep", Read: Flag(&s.deep)}}.Read(d)
		}},
	}
}

func TestReadGivesEachWordItsLine(t *testing.T) {
	for _, lines := range []string{
		"name a\npaths b c\nnested {\ndeep\n}\npaths d\nmode fast",
		"mode fast\nnested {\ndeep\n}\npaths b c d\nname a",
	} {
		var s sample
		if err := read(s.words(), lines); err != nil {
			t.Errorf("%q: %v", lines, err)
		}
		if got, want := fmt.Sprint(s), "{a fast [b c d] true}"; got != want {
			t.Errorf("%q is read as %s, want %s", lines, got, want)
		}
	}
}

// An operator reads these errors, so each names the word, the place and the remedy
// once.
func TestReadSaysWhatIsWrong(t *testing.T) {
	for lines, want := range map[string]string{
		"nmae a":             `unrecognized subdirective "nmae"; did you mean: name <name>, at Testfile:2`,
		"colour red":         `unrecognized subdirective "colour"; use one of: mode, name, nested, paths, at Testfile:2`,
		"name a\nname b":     "name already specified; it may be given once: name <name>, at Testfile:3",
		"name":               "parsing name: 0 values, want one that is not empty; write: name <name>, at Testfile:2",
		"paths b\nmode lazy": `parsing mode: "lazy" is none of fast, slow; write: mode fast | slow, at Testfile:3`,
		"name a {\nx\n}":     `unrecognized subdirective "{"; name has no block, at Testfile:2`,
		"{\nname a\n}":       `unrecognized subdirective "{"; use one of: mode, name, nested, paths, at Testfile:2`,
		// The blocks around an error add nothing.
		"nested {\ndeep yes\n}":   "parsing deep: 1 values, want none; write: deep, at Testfile:3",
		"nested {\ndep\n}":        `unrecognized subdirective "dep"; did you mean: deep, at Testfile:3`,
		"nested {\ndeep\ndeep\n}": "deep already specified; it may be given once: deep, at Testfile:4",
	} {
		err := read(new(sample).words(), lines)
		if err == nil || !strings.HasPrefix(err.Error(), want) || strings.Count(err.Error(), ", at ") != 1 {
			t.Errorf("%q: error\n%v\nwant\n%s", lines, err, want)
		}
	}
}

func TestReadOfNoBlock(t *testing.T) {
	for _, text := range []string{"block", "block {\n}", "block\nname a"} {
		var s sample
		d := caddyfile.NewTestDispenser(text)
		d.Next()
		if err := s.words().Read(d); err != nil || s.name != "" {
			t.Errorf("%q: name %q, error %v", text, s.name, err)
		}
	}
}

func TestNoBlock(t *testing.T) {
	for text, want := range map[string]string{
		"block":          "",
		"block {\n}":     "",
		"block {\nx\n}":  `unrecognized subdirective "x"; block has no block`,
		"block\nother a": "",
	} {
		d := caddyfile.NewTestDispenser(text)
		d.Next()
		err := NoBlock(d, "block")
		if (err == nil) != (want == "") || err != nil && !strings.HasPrefix(err.Error(), want) {
			t.Errorf("%q: error %v, want %q", text, err, want)
		}
	}
}

func TestPlacedErrorsKeepWhatTheyWrap(t *testing.T) {
	cause := errors.New("cause")
	for _, err := range []error{
		Placed(cause),
		Parsing(caddyfile.NewTestDispenser("block"), "block", cause),
		read(Words{"name": {Usage: "name", Read: func(*caddyfile.Dispenser) error { return cause }}}, "name"),
	} {
		if !errors.Is(err, cause) {
			t.Errorf("%v does not wrap its cause", err)
		}
	}
}

func TestSuggest(t *testing.T) {
	words := Words{"lease": {Usage: "lease 3s"}, "leeway": {Usage: "leeway 30s"}, "retention": {Usage: "retention 24h"}}
	for name, want := range map[string]string{
		"leas":     "did you mean: lease 3s",
		"Lease":    "did you mean: lease 3s",
		"leewya":   "did you mean: leeway 30s",
		"retntion": "did you mean: retention 24h",
		// Both words are equally far: the first by name is suggested, each time.
		"leeasay":     "did you mean: leeway 30s",
		"le":          "use one of: lease, leeway, retention",
		"ttl":         "use one of: lease, leeway, retention",
		"expiry_time": "use one of: lease, leeway, retention",
	} {
		if got := words.suggest(name); got != want {
			t.Errorf("%q: %s, want %s", name, got, want)
		}
	}
}

func TestDistance(t *testing.T) {
	for _, c := range []struct {
		a, b string
		want int
	}{
		{"", "", 0},
		{"a", "a", 0},
		{"", "abc", 3},
		{"abc", "", 3},
		{"abc", "abd", 1},
		{"abc", "ab", 1},
		{"kitten", "sitting", 3},
		{"ab", "ba", 2},
	} {
		if got := distance(c.a, c.b); got != c.want {
			t.Errorf("from %q to %q: %d, want %d", c.a, c.b, got, c.want)
		}
	}
}
