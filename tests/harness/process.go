package harness

import (
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"
)

// PID returns the number of the process.
func (g *Gate) PID() int { return g.process.Process.Pid }

// Wait waits until the process has ended by itself, and returns its exit code.
func (g *Gate) Wait(tb testing.TB) int {
	tb.Helper()
	select {
	case <-g.ended:
	case <-time.After(stopLimit):
		tb.Fatalf("waiting for the gate: it runs after %v", stopLimit)
	}
	return g.process.ProcessState.ExitCode()
}

// Use is the number of resources of a running process.
type Use struct{ Goroutines, Files int }

// Use asks the process how many goroutines it has, and the system how many files, sockets
// included, it has open.
func (g *Gate) Use(tb testing.TB) Use {
	tb.Helper()
	var use Use
	profile := g.Admin(tb, "GET", "/debug/pprof/goroutine?debug=1").Body
	if _, err := fmt.Sscanf(profile, "goroutine profile: total %d\n", &use.Goroutines); err != nil {
		first, _, _ := strings.Cut(profile, "\n")
		tb.Fatalf("reading the profile %q: %v", first, err)
	}
	files, err := os.ReadDir(fmt.Sprintf("/proc/%d/fd", g.PID()))
	if err != nil {
		tb.Fatalf("listing open files: %v", err)
	}
	use.Files = len(files)
	return use
}

// Processor returns the processor time of the process's threads.
func (g *Gate) Processor(tb testing.TB) (used time.Duration) {
	tb.Helper()
	threads, err := filepath.Glob(fmt.Sprintf("/proc/%d/task/*/schedstat", g.PID()))
	if err != nil || len(threads) == 0 {
		tb.Fatalf("finding the threads of a process: %d, %v", len(threads), err)
	}
	for _, thread := range threads {
		text, err := os.ReadFile(thread)
		if err != nil {
			continue // it has ended since
		}
		var ran time.Duration
		if _, err := fmt.Sscan(string(text), &ran); err != nil {
			tb.Fatalf("reading %q: %v", thread, err)
		}
		used += ran
	}
	return used
}

// Peak returns the highest resident memory of the process so far, in bytes.
func (g *Gate) Peak(tb testing.TB) (bytes int) {
	tb.Helper()
	status, err := os.ReadFile(fmt.Sprintf("/proc/%d/status", g.PID()))
	if err != nil {
		tb.Fatal(err)
	}
	_, after, found := strings.Cut(string(status), "VmHWM:")
	if _, err := fmt.Sscanf(after, "%d kB", &bytes); !found || err != nil {
		tb.Fatalf("reading the peak of the memory: %v", err)
	}
	return bytes << 10
}

// Prepare writes the files of a gate and starts nothing. Only Dir, Key, Token and Command
// work for it.
func Prepare(tb testing.TB, config Config) *Gate {
	tb.Helper()
	config.complete(tb)
	ports := reservePorts(tb, 3)
	g := &Gate{
		Key: config.Key, Upstream: config.Upstream, tb: tb, config: config, dir: shortDir(tb), log: new(log),
		port: ports[0], opsPort: ports[1], tlsPort: ports[2],
	}
	config.write(tb, g.dir)
	return g
}

// Outcome is the result of a command.
type Outcome struct {
	Code   int
	Output string // both stdout and stderr
	Took   time.Duration
}

// Command runs the binary with the Caddyfile of the gate to its end, with commands such as
// `validate` and `run`. The environment has further variables. If the command takes too
// long, Command ends it and fails the test.
func (g *Gate) Command(tb testing.TB, name string, variables ...string) Outcome {
	tb.Helper()
	var output log
	command := g.command(name, "--config", caddyfile(g.dir), "--adapter", "caddyfile")
	command.Env = append(command.Env, variables...)
	command.Stdout, command.Stderr = &output, &output
	began := time.Now()
	if err := command.Start(); err != nil {
		tb.Fatalf("running %s: %v", name, err)
	}
	late := time.AfterFunc(startLimit, func() { _ = command.Process.Kill() })
	err := command.Wait()
	if !late.Stop() {
		tb.Fatalf("running %s: it runs after %v:\n%s", name, startLimit, output.String())
	}
	if command.ProcessState == nil {
		tb.Fatalf("running %s: %v", name, err)
	}
	return Outcome{command.ProcessState.ExitCode(), output.String(), time.Since(began)}
}
