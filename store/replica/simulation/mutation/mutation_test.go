// Package mutation removes the rules of the fleet protocol one by one, and checks that the
// simulation detects each removal. A simulation that passes proves something only if it
// fails without each rule.
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

// mutation is one way to break the protocol.
type mutation struct {
	name  string
	edits []edit
}

// edit replaces a text that occurs exactly once in the file.
type edit struct{ file, old, new string }

// Directories of the edited files, relative to the root of the repository.
const (
	replicaDir = "store/replica/"
	modelDir   = "store/storetest/model/"
)

// suites lists the mutations by the profile that detects them.
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
	"logins":       loginMutations,
}

var seeds = flag.Int("seeds", 1000, "maximum number of seeds for one mutated simulation")

// longest limits one run of a mutated simulation.
const longest = 10 * time.Minute

// violation matches the simulation's report of a violation.
var violation = regexp.MustCompile(`violation with seed (\d+): .*`)

// Every seed belongs to an existing mutation.
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

// catch checks that a profile of the simulation detects a mutation.
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
	// The violation comes from the mutation: the same seed finds none without it.
	if output, err := simulate(t, sound, "-profile", profile, "-seed", caught[1]); err != nil {
		t.Errorf("seed %s finds a violation without the mutation: %v\n%s", caught[1], err, violation.FindString(output))
	}
}

// The other tests run with the race detector, which shuffles events of one instant.
// Without it, a seed always gives the same run, and a violation can be replayed.
func TestASeedIsOneRun(t *testing.T) {
	t.Parallel()
	cmd := exec.CommandContext(t.Context(), build(t, mutation{}), "-test.v", "-test.run", "^TestASeedGivesTheSameRunTwice$")
	if output, err := cmd.CombinedOutput(); err != nil || !strings.Contains(string(output), "--- PASS") {
		t.Errorf("running the same seeds twice: %v\n%s", err, output)
	}
}

// build builds the simulation with a mutation applied, and returns the path of the binary.
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

// writeOverlay writes the edited files, and the overlay file that the go command reads.
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
