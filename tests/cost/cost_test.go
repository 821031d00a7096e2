// Package cost counts the work of a gate before it refuses a request: how many bytes it
// scans and hashes, and how often it asks the store. These figures do not depend on the
// machine. A bound on them stops a request that is cheap to send and expensive to refuse.
package cost

import (
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
)

// counted are the packages that read a request before it is refused.
var counted = []string{
	"caddymodule", "caddymodule/caller", "caddymodule/credential", "caddymodule/fieldname", "caddymodule/identity", "caddymodule/hub",
	"caddymodule/keys", "caddymodule/logout", "caddymodule/oauth", "caddymodule/paths", "caddymodule/percent", "caddymodule/reply",
	"caddymodule/sessionapi", "caddymodule/strictjson", "caddymodule/token", "caddymodule/tokenendpoint",
}

// Attack: a request that is cheap to send and expensive to refuse. The test itself is
// TestCostOfARefusal in the package caddymodule. It runs here with the counters in a copy
// of the code.
func TestCostOfARefusal(t *testing.T) {
	root, err := filepath.Abs("../..")
	if err != nil {
		t.Fatal(err)
	}
	run := exec.CommandContext(t.Context(), "go", "test", "-count=1", "-vet=off", "-v", "-tags", "cost",
		"-overlay", writeOverlay(t, root, counted), "-run", "^TestCostOfARefusal$", "./caddymodule")
	run.Dir = root
	output, err := run.CombinedOutput()
	if err != nil {
		t.Fatalf("counting: %v\n%s", err, output)
	}
	if !strings.Contains(string(output), "--- PASS: TestCostOfARefusal") {
		t.Fatalf("nothing was counted:\n%s", output)
	}
	for line := range strings.Lines(string(output)) {
		if _, figures, found := strings.Cut(line, "cost: "); found {
			t.Log(strings.TrimSpace(figures))
		}
	}
}

// Work that is not counted is not bounded. So each loop, each scanned text and each hashed
// text must be counted.
func TestWorkIsCounted(t *testing.T) {
	const source = `package p

import (
	"crypto/sha256"
	"strings"
)

func f(text string, list []string) (n int) {
	for range list {
		n += strings.IndexByte(text, 'x') + strings.Count(text, "x")
	}
	for strings.HasPrefix(text, "y") {
		text = text[1:]
	}
	sha256.Sum256([]byte(text))
	key.Verify(text, nil)
	return n
}
`
	const want = `package p; import "github.com/sessiongate/sessiongate/caddymodule/costtest"

import (
	"crypto/sha256"
	"strings"
)

func f(text string, list []string) (n int) {
	for range list { costtest.Loop();
		n += costtest.IndexByte(text, 'x') + strings.Count(costtest.Scan(text), "x")
	}
	for strings.HasPrefix(text, "y") { costtest.Loop();
		text = text[1:]
	}
	sha256.Sum256(costtest.Hash([]byte(text)))
	key.Verify(costtest.Hash(text), nil)
	return n
}

var _ = strings.ToLower
`
	path := filepath.Join(t.TempDir(), "p.go")
	write(t, path, []byte(source))
	if got := instrument(t, path); got != want {
		t.Errorf("instrumented is\n%s", got)
	}
}
