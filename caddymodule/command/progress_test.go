package command

import (
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/sessiongate/sessiongate/caddymodule/copying"
)

// On a terminal the command rewrites one line. Otherwise each pass has a line.
func TestProgressOfACopy(t *testing.T) {
	steps := []copying.Progress{
		{Pass: 1, Revocations: 4096, Written: 4096},
		{Pass: 1, Revocations: 5000, Sessions: 7, Tokens: 2, Written: 5009, Over: true},
		{Pass: 2, Last: true, Over: true},
	}
	const first = "Pass 1: read 5000 revocations, 7 sessions, 2 tokens; 5009 copied."
	const last = "Pass 2, the last: read 0 revocations, 0 sessions, 0 tokens; 0 copied."
	const clear = "\r\x1b[K"
	for name, c := range map[string]struct {
		terminal bool
		want     string
	}{
		"a file":     {false, first + "\n" + last + "\n"},
		"a terminal": {true, clear + "Pass 1: read 4096 revocations, 0 sessions, 0 tokens; 4096 copied." + clear + first + clear + last + "\n"},
	} {
		t.Run(name, func(t *testing.T) {
			var w strings.Builder
			p := &progress{w: &w, terminal: c.terminal}
			for _, step := range steps {
				p.show(step)
			}
			p.end()
			if w.String() != c.want {
				t.Errorf("it shows %q, want %q", w.String(), c.want)
			}
		})
	}
	file, err := os.Create(filepath.Join(t.TempDir(), "progress"))
	if err != nil {
		t.Fatal(err)
	}
	defer file.Close()
	if newProgress(file).terminal {
		t.Error("a file counts as a terminal")
	}
}
