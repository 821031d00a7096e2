package command

import (
	"fmt"
	"io"
	"os"
	"time"

	"github.com/sessiongate/sessiongate/caddymodule/copying"
)

// progress shows how far a copy is: on a terminal in one line, otherwise in a line for
// each pass.
type progress struct {
	w        io.Writer
	terminal bool
	shown    time.Time
	open     bool // the current line of the terminal is not ended yet
}

func newProgress(file *os.File) *progress {
	stat, err := file.Stat()
	return &progress{w: file, terminal: err == nil && stat.Mode()&os.ModeCharDevice != 0}
}

// showEvery is how often the line on a terminal changes.
const showEvery = 100 * time.Millisecond

func (p *progress) show(now copying.Progress) {
	if !now.Over && (!p.terminal || time.Since(p.shown) < showEvery) {
		return
	}
	last := ""
	if now.Last {
		last = ", the last"
	}
	line := fmt.Sprintf("Pass %d%s: read %d revocations, %d sessions, %d tokens; %d copied.",
		now.Pass, last, now.Revocations, now.Sessions, now.Tokens, now.Written)
	p.shown, p.open = time.Now(), p.terminal
	if p.terminal {
		fmt.Fprintf(p.w, "\r\x1b[K%s", line)
		return
	}
	fmt.Fprintln(p.w, line)
}

// end ends the line.
func (p *progress) end() {
	if p.open {
		fmt.Fprintln(p.w)
	}
}
