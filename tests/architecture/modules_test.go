package architecture

import (
	"encoding/json"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"testing"
)

// command runs the go command in a directory of the repository.
func command(t *testing.T, directory string, arguments ...string) []byte {
	t.Helper()
	run := exec.Command("go", arguments...)
	run.Dir = filepath.Join(root, directory)
	output, err := run.Output()
	if err != nil {
		t.Fatalf("running go %q in %s: %v", arguments, directory, err)
	}
	return output
}

// needs lists the modules that the go.mod in a directory requires directly.
func needs(t *testing.T, directory string) (modules []string) {
	t.Helper()
	var file struct {
		Require []struct {
			Path     string
			Indirect bool
		}
	}
	if err := json.Unmarshal(command(t, directory, "mod", "edit", "-json"), &file); err != nil {
		t.Fatal(err)
	}
	for _, required := range file.Require {
		if !required.Indirect && required.Path != module {
			modules = append(modules, required.Path)
		}
	}
	return modules
}

// Dependencies of separate test modules must not reach users who build the plugin. Even
// their names must not be in the graph of the root module.
func TestUsersBuildsKnowNothingOfTestModules(t *testing.T) {
	files, err := filepath.Glob(filepath.Join(root, "tests", "*", "go.mod"))
	if err != nil {
		t.Fatal(err)
	}
	graph := strings.Fields(string(command(t, ".", "list", "-m", "-f", "{{.Path}}", "all")))
	if !slices.Contains(graph, "github.com/caddyserver/caddy/v2") {
		t.Fatalf("the graph of the root module lacks Caddy: %q", graph)
	}
	var apart []string
	for _, file := range files {
		directory := filepath.Join("tests", filepath.Base(filepath.Dir(file)))
		apart = append(apart, needs(t, directory)...)
	}
	for _, module := range apart {
		if slices.Contains(graph, module) {
			t.Errorf("the root module knows %s, which only tests need", module)
		}
	}
	for _, module := range []string{"github.com/c2sp/wycheproof", "k8s.io/api"} {
		if !slices.Contains(apart, module) {
			t.Errorf("no module below tests needs %s: it is looked for in the wrong place", module)
		}
	}
}

// OpenTelemetry's parts only work together in the versions that were released together, and
// Caddy has chosen them. A newer one here would replace Caddy's in every user's build.
func TestOpenTelemetryIsTheOneOfCaddy(t *testing.T) {
	versions := func(file string) map[string]string {
		found := make(map[string]string)
		var parsed struct {
			Require []struct{ Path, Version string }
		}
		if err := json.Unmarshal(command(t, ".", "mod", "edit", "-json", file), &parsed); err != nil {
			t.Fatal(err)
		}
		for _, required := range parsed.Require {
			if strings.HasPrefix(required.Path, "go.opentelemetry.io/") {
				found[required.Path] = required.Version
			}
		}
		return found
	}
	caddys := versions(strings.TrimSpace(string(command(t, ".", "list", "-m", "-f", "{{.GoMod}}", "github.com/caddyserver/caddy/v2"))))
	if len(caddys) < 10 {
		t.Fatalf("Caddy requires %d modules of OpenTelemetry", len(caddys))
	}
	for path, version := range versions("go.mod") {
		if caddys[path] != version {
			t.Errorf("go.mod requires %s %s, and Caddy %q", path, version, caddys[path])
		}
	}
}
