// Package mutation leaves the rules of the fleet protocol out, one by one, and
// makes sure that the simulation finds out. A simulation that passes proves
// something only if it fails without each of them.
package mutation

import (
	"context"
	"encoding/json"
	"flag"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"
)

// mutation is one way to get the protocol wrong.
type mutation struct {
	name  string
	edits []edit
}

// edit replaces a text, which stands in the file once.
type edit struct{ file, old, new string }

// The files that are edited, from the top of the repository.
const (
	replicaDir = "store/replica/"
	modelDir   = "store/storetest/model/"
)

// suites are the mutations by the profile that finds them.
var suites = map[string][]mutation{
	"storms":       slices.Concat(gateMutations, storeMutations),
	"ordinary":     ordinaryMutations,
	"seasons":      seasonMutations,
	"mixed":        mixedMutations,
	"retentions":   retentionMutations,
	"clocks":       clockMutations,
	"behind":       behindMutations,
	"leases":       leaseMutations,
	"rollbacks":    rollbackMutations,
	"acknowledges": unlistedMutations,
	"primaries":    primaryMutations,
	"pages":        slices.Concat(pageMutations, restartMutations),
	"reloads":      reloadMutations,
}

var seeds = flag.Int("seeds", 1000, "run a mutated simulation with so many seeds at the most")

// longest is for how long one mutated simulation may take.
const longest = 10 * time.Minute

// violation is how the simulation reports what must not happen.
var violation = regexp.MustCompile(`violation with seed (\d+): .*`)

// A seed is kept for a mutation that there is.
func TestSeedsAreOfMutations(t *testing.T) {
	names := make(map[string]bool)
	for _, mutations := range suites {
		for _, m := range mutations {
			names[m.name] = true
		}
	}
	for name := range caughtBy {
		if !names[name] {
			t.Errorf("no mutation is called %q", name)
		}
	}
}

func TestEachRuleThatIsLeftOutIsCaught(t *testing.T) {
	sound := build(t, mutation{})
	for profile, mutations := range suites {
		for _, m := range mutations {
			t.Run(m.name, func(t *testing.T) {
				t.Parallel()
				catch(t, m, profile, sound)
			})
		}
	}
}

// catch makes sure that a profile of the simulation finds out about a mutation.
func catch(t *testing.T, m mutation, profile, sound string) {
	first := strconv.FormatUint(max(1, caughtBy[m.name]), 10)
	output, err := simulate(t, build(t, m), "-profile", profile, "-first", first, "-seeds", strconv.Itoa(*seeds))
	caught := violation.FindStringSubmatch(output)
	switch {
	case err == nil:
		t.Fatalf("%d seeds found nothing:\n%s", *seeds, output)
	case caught == nil:
		t.Fatalf("running the simulation: %v\n%s", err, output)
	}
	t.Log(caught[0])
	// What was caught is the mutation: the same seed finds nothing without.
	if output, err := simulate(t, sound, "-profile", profile, "-seed", caught[1]); err != nil {
		t.Errorf("seed %s finds something where nothing is left out: %v\n%s", caught[1], err, violation.FindString(output))
	}
}

// The race detector, with which the other tests run, shuffles what happens at one
// instant. Without it a seed is one run, and a violation can be replayed.
func TestASeedIsOneRun(t *testing.T) {
	t.Parallel()
	cmd := exec.CommandContext(t.Context(), build(t, mutation{}), "-test.v", "-test.run", "^TestASeedGivesTheSameRunTwice$")
	if output, err := cmd.CombinedOutput(); err != nil || !strings.Contains(string(output), "--- PASS") {
		t.Errorf("running the same seeds twice: %v\n%s", err, output)
	}
}

// build builds the simulation with the mutation in place of the files that it
// edits, and returns the binary.
func build(t *testing.T, m mutation) (binary string) {
	t.Helper()
	root, err := filepath.Abs("../../../..")
	if err != nil {
		t.Fatal(err)
	}
	dir := t.TempDir()
	binary = filepath.Join(dir, "simulation.test")
	cmd := exec.CommandContext(t.Context(), "go", "test", "-c", "-o", binary,
		"-overlay", writeOverlay(t, root, dir, m), "./store/replica/simulation")
	cmd.Dir = root
	if output, err := cmd.CombinedOutput(); err != nil {
		t.Fatalf("building the simulation: %v\n%s", err, output)
	}
	return binary
}

// simulate runs a simulation that was built.
func simulate(t *testing.T, binary string, args ...string) (output string, err error) {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), longest)
	defer cancel()
	args = append([]string{"-test.run", "^TestSimulation$"}, args...)
	combined, err := exec.CommandContext(ctx, binary, args...).CombinedOutput()
	return string(combined), err
}

// writeOverlay writes the edited files and the list of them that the go command
// reads.
func writeOverlay(t *testing.T, root, dir string, m mutation) string {
	t.Helper()
	texts := make(map[string]string)
	for _, e := range m.edits {
		path := filepath.Join(root, e.file)
		if _, edited := texts[path]; !edited {
			text, err := os.ReadFile(path)
			if err != nil {
				t.Fatal(err)
			}
			texts[path] = string(text)
		}
		if n := strings.Count(texts[path], e.old); n != 1 {
			t.Fatalf("%s has the text %d times, want once:\n%s", e.file, n, e.old)
		}
		texts[path] = strings.Replace(texts[path], e.old, e.new, 1)
	}
	overlay := struct{ Replace map[string]string }{make(map[string]string)}
	for path, text := range texts {
		mutated := filepath.Join(dir, strconv.Itoa(len(overlay.Replace))+".go")
		overlay.Replace[path] = mutated
		write(t, mutated, []byte(text))
	}
	list, err := json.Marshal(overlay)
	if err != nil {
		t.Fatal(err)
	}
	path := filepath.Join(dir, "overlay.json")
	write(t, path, list)
	return path
}

func write(t *testing.T, path string, content []byte) {
	t.Helper()
	if err := os.WriteFile(path, content, 0o600); err != nil {
		t.Fatal(err)
	}
}
