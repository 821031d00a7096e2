package kubernetes

import (
	"debug/elf"
	"os"
	"path"
	"path/filepath"
	"slices"
	"strings"
	"testing"
)

// instruction is one instruction of a Dockerfile, such as COPY, with its words.
type instruction struct {
	name  string
	words []string
}

// imageStages returns the instructions of deploy/Dockerfile, stage by stage.
// Each stage begins with its FROM.
func imageStages(t *testing.T) (build, final []instruction) {
	t.Helper()
	var stages [][]instruction
	for _, line := range lines(t, "deploy/Dockerfile") {
		words := strings.Fields(line)
		if words[0] == "FROM" {
			stages = append(stages, nil)
		}
		if len(stages) == 0 {
			t.Fatalf("instruction %q stands before FROM", line)
		}
		last := len(stages) - 1
		stages[last] = append(stages[last], instruction{words[0], words[1:]})
	}
	if len(stages) != 2 {
		t.Fatalf("Dockerfile has %d stages, want one to build and one to ship", len(stages))
	}
	return stages[0], stages[1]
}

// lines returns the lines of a file of the repository, without comments and empty lines.
func lines(t *testing.T, file string) []string {
	t.Helper()
	content, err := os.ReadFile(filepath.Join(root, file))
	if err != nil {
		t.Fatal(err)
	}
	var said []string
	for line := range strings.Lines(string(content)) {
		if line = strings.TrimSpace(line); line != "" && line[0] != '#' {
			said = append(said, line)
		}
	}
	return said
}

// named returns the words of every instruction of that name.
func named(stage []instruction, name string) [][]string {
	var all [][]string
	for _, i := range stage {
		if i.name == name {
			all = append(all, i.words)
		}
	}
	return all
}

// The golang image never fetches another toolchain. So an image with an older Go than in
// go.mod cannot build.
func TestImageIsBuiltWithTheGoOfTheModule(t *testing.T) {
	build, _ := imageStages(t)
	var release string
	for _, line := range lines(t, "go.mod") {
		if version, isGo := strings.CutPrefix(line, "go "); isGo {
			release = version[:strings.LastIndexByte(version, '.')]
		}
	}
	if got, want := build[0].words[0], "golang:"+release; release == "" || got != want {
		t.Errorf("image is built from %q, want %q", got, want)
	}
	if !slices.ContainsFunc(named(build, "RUN"), func(words []string) bool {
		return strings.HasPrefix(strings.Join(words, " "), "./xcaddy.sh build")
	}) {
		t.Error("image is not built by xcaddy.sh")
	}
	stat, err := os.Stat(filepath.Join(root, "xcaddy.sh"))
	if err != nil {
		t.Fatal(err)
	}
	if stat.Mode()&0o111 == 0 {
		t.Error("xcaddy.sh cannot be executed")
	}
}

// An attacker who breaks out of the gate must find no shell, and must not be root.
func TestImageHoldsTheGateAndNothingElse(t *testing.T) {
	_, final := imageStages(t)
	if base := final[0].words[0]; base != "scratch" {
		t.Errorf("image is based on %q, want scratch", base)
	}
	if users := named(final, "USER"); len(users) != 1 || users[0][0] != "65532:65532" {
		t.Errorf("image runs as %v, want the user of the Pod, 65532:65532", users)
	}
	var entrypoint string
	var roots bool
	for _, words := range named(final, "COPY") {
		from, to := words[len(words)-2], words[len(words)-1]
		if words[0] != "--from=build" {
			t.Errorf("%v is not taken from the build", words)
		}
		if from == "/src/caddy" {
			entrypoint = to
		}
		roots = roots || strings.HasSuffix(to, "/ca-certificates.crt")
	}
	if got := named(final, "ENTRYPOINT"); len(got) != 1 || got[0][0] != `["`+entrypoint+`"]` {
		t.Errorf("image starts %v, the gate is at %q", got, entrypoint)
	}
	// Without them the gate cannot fetch a JWKS over https.
	if !roots {
		t.Error("image has no certificates of the public authorities")
	}
}

// Attack: the secret in a developer's .dev is copied into a layer. Everybody who can pull
// the image can mint tokens with it.
func TestBuildSeesOnlyWhatItNeeds(t *testing.T) {
	patterns := lines(t, ".dockerignore")
	if patterns[0] != "*" {
		t.Fatalf("first pattern is %q, want all to be left out", patterns[0])
	}
	admitted := make(map[string]bool)
	for _, pattern := range patterns {
		name, isException := strings.CutPrefix(pattern, "!")
		if !isException {
			continue
		}
		if name != path.Base(name) || name[0] == '.' || strings.ContainsAny(name, "*?[") {
			t.Errorf("exception %q is not one plain name of the top level", pattern)
		}
		if _, err := os.Stat(filepath.Join(root, name)); err != nil {
			t.Errorf("exception %q: %v", pattern, err)
		}
		admitted[name] = true
	}
	build, _ := imageStages(t)
	for _, words := range named(build, "COPY") {
		for _, source := range words[:len(words)-1] {
			top, _, _ := strings.Cut(source, "/")
			if source != "." && !admitted[top] {
				t.Errorf("the build copies %q, which .dockerignore leaves out", source)
			}
		}
	}
	for _, needed := range []string{"caddymodule", "store", "plugin.go", "xcaddy.sh"} {
		if !admitted[needed] {
			t.Errorf("the build needs %q, which .dockerignore leaves out", needed)
		}
	}
}

// An image from scratch has no C library. A binary that needs one does not start there, and
// only prints "no such file or directory".
func TestBinaryIsStatic(t *testing.T) {
	file, err := elf.Open(binary(t))
	if err != nil {
		t.Fatalf("opening the gate, which is built for Linux: %v", err)
	}
	defer file.Close()
	for _, program := range file.Progs {
		if program.Type == elf.PT_INTERP {
			t.Error("binary asks for a dynamic linker")
		}
	}
	libraries, err := file.ImportedLibraries()
	if err != nil {
		t.Fatal(err)
	}
	if len(libraries) > 0 {
		t.Errorf("binary asks for the libraries %v", libraries)
	}
}
