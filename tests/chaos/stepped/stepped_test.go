package stepped

import (
	"encoding/json"
	"go/parser"
	"go/token"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"
)

func TestTheWallClockStepsAndTheMonotonicOneGoesOn(t *testing.T) {
	path := filepath.Join(t.TempDir(), "clock")
	t.Setenv(Variable, path)
	for _, off := range []time.Duration{0, time.Second, -time.Hour, 130 * time.Hour, -130 * time.Hour, 0} {
		if err := Set(path, off); err != nil {
			t.Fatal(err)
		}
		before, now, after := time.Now(), Now(), time.Now()
		if wall := now.Round(0); wall.Before(before.Round(0).Add(off)) || wall.After(after.Round(0).Add(off)) {
			t.Errorf("a clock that is %v off reads %v at %v", off, wall, before)
		}
		if now.Before(before) || now.After(after) {
			t.Errorf("the monotonic clock went by %v when the wall clock was set by %v", now.Sub(before), off)
		}
		future := now.Round(0).Add(time.Hour)
		if until := Until(future); until > time.Hour || until < time.Hour-time.Minute {
			t.Errorf("an hour from now is in %v", until)
		}
		if since := Since(future); since < -time.Hour || since > time.Minute-time.Hour {
			t.Errorf("an hour from now was %v ago", since)
		}
	}
}

// An overlay that missed a file would leave two clocks in one gate.
func TestTheOverlayLeavesNoOtherClock(t *testing.T) {
	top, err := filepath.Abs("../../..")
	if err != nil {
		t.Fatal(err)
	}
	path, err := Overlay(top, t.TempDir())
	if err != nil {
		t.Fatal(err)
	}
	text, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	var overlay struct{ Replace map[string]string }
	if err := json.Unmarshal(text, &overlay); err != nil {
		t.Fatal(err)
	}
	sweeps := 0
	for original, copied := range overlay.Replace {
		source, err := os.ReadFile(copied)
		if err != nil {
			t.Fatal(err)
		}
		if _, err := parser.ParseFile(token.NewFileSet(), original, source, parser.SkipObjectResolution); err != nil {
			t.Error(err)
		}
		if clock.Match(source) {
			t.Errorf("%s reads the clock of package time", original)
		}
		sweeps += strings.Count(string(source), "sweepEvery = time.Second")
	}
	for _, file := range []string{"caddymodule/admit.go", "caddymodule/sessionapi/session.go", "store/replica/clock.go"} {
		if overlay.Replace[filepath.Join(top, file)] == "" {
			t.Errorf("%s is not in the overlay", file)
		}
	}
	if sweeps != 1 {
		t.Errorf("%d constants say how often a gate forgets, want one", sweeps)
	}
}
