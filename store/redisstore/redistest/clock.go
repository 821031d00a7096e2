package redistest

import (
	_ "embed" // the library that moves a clock
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"time"
)

//go:embed clock.c.txt
var clockSource []byte

// Clock sets the server's wall clock off by this much, until SetClock changes it.
// Timeouts are not affected. It needs a C compiler.
func Clock(off time.Duration) Option {
	return func(s *Server) {
		s.tb.Helper()
		s.SetClock(off)
		source, library := filepath.Join(s.dir, "clock.c"), filepath.Join(s.dir, "clock.so")
		if err := os.WriteFile(source, clockSource, 0o600); err != nil {
			s.tb.Fatalf("writing the clock: %v", err)
		}
		if output, err := exec.Command("cc", "-shared", "-fPIC", "-o", library, source).CombinedOutput(); err != nil {
			s.tb.Fatalf("compiling the clock (on Debian: apt-get install gcc libc6-dev): %v\n%s", err, output)
		}
		s.env = append(s.env, "LD_PRELOAD="+library, "CLOCK_OFFSET_FILE="+s.clockFile())
	}
}

// SetClock moves the wall clock of a server that was started with Clock: it is off by
// this much from now on.
func (s *Server) SetClock(off time.Duration) {
	s.tb.Helper()
	text := strconv.FormatInt(int64(off/time.Second), 10) + "\n"
	// Renamed, so that the server never reads half of it.
	if err := os.WriteFile(s.clockFile()+".new", []byte(text), 0o600); err != nil {
		s.tb.Fatalf("setting the clock: %v", err)
	}
	if err := os.Rename(s.clockFile()+".new", s.clockFile()); err != nil {
		s.tb.Fatalf("setting the clock: %v", err)
	}
}

func (s *Server) clockFile() string { return filepath.Join(s.dir, "clock") }
