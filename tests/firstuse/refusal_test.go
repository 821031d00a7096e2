package firstuse

import (
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
)

func TestUnknownArgumentsAreAnsweredWithTheUsage(t *testing.T) {
	dir := clone(t)
	for _, arguments := range [][]string{{"bild"}, {"run", "fast"}, {"-h"}} {
		code, complaint := outcome(t, xcaddy(t.Context(), t, dir, arguments...))
		if code != 2 || !strings.HasPrefix(complaint, "usage: ") {
			t.Errorf("%q: exit code %d and %q, want 2 and the usage", arguments, code, complaint)
		}
	}
}

// The build takes minutes, so the script checks everything that can fail at once before it.
func TestTakenPortIsNamedBeforeTheBuild(t *testing.T) {
	dir := clone(t)
	for _, variable := range []string{"SESSION_GATE_PORT", "SESSION_GATE_OPS_PORT", "SESSION_GATE_UPSTREAM_PORT"} {
		free := freePorts(t, 3)
		port, release := listen(t)
		command := xcaddy(t.Context(), t, dir, "run")
		command.Env = append(command.Env, "SESSION_GATE_PORT="+free[0], "SESSION_GATE_OPS_PORT="+free[1],
			"SESSION_GATE_UPSTREAM_PORT="+free[2], fmt.Sprintf("%s=%d", variable, port))
		code, complaint := outcome(t, command)
		release()
		want := fmt.Sprintf("xcaddy.sh: port %d is taken; set %s to a free one\n", port, variable)
		if code != 1 || complaint != want {
			t.Errorf("exit code %d and %q, want 1 and %q", code, complaint, want)
		}
	}
	if _, err := os.Stat(filepath.Join(dir, "caddy")); err == nil {
		t.Error("gate was built all the same")
	}
}

func TestMissingOrOldGoIsNamed(t *testing.T) {
	dir := clone(t)
	needed := "xcaddy.sh: go " + goLine(t) + " or newer is needed"
	cases := map[string]struct{ goScript, want string }{
		"none":    {"", "xcaddy.sh: go is not on the PATH"},
		"old":     {"#!/bin/sh\necho go1.9.7\n", needed + ", this is go 1.9.7"},
		"refuses": {"#!/bin/sh\nexit 1\n", needed},
	}
	for name, c := range cases {
		t.Run(name, func(t *testing.T) {
			command := xcaddy(t.Context(), t, dir, "build")
			command.Env = append(command.Env, "PATH="+pathWith(t, c.goScript))
			code, complaint := outcome(t, command)
			if code != 1 || !strings.HasPrefix(complaint, c.want) {
				t.Errorf("exit code %d and %q, want 1 and %q", code, complaint, c.want)
			}
		})
	}
}

// goLine is the version of Go that go.mod asks for.
func goLine(t *testing.T) string {
	t.Helper()
	content, err := os.ReadFile(filepath.Join(root, "go.mod"))
	if err != nil {
		t.Fatal(err)
	}
	for line := range strings.Lines(string(content)) {
		if version, found := strings.CutPrefix(line, "go "); found {
			return strings.TrimSpace(version)
		}
	}
	t.Fatal("go.mod asks for no version of Go")
	return ""
}

// pathWith returns a PATH with the programs that the script uses before it builds, and with
// the given go, if any.
func pathWith(t *testing.T, goScript string) string {
	t.Helper()
	dir := t.TempDir()
	for _, program := range []string{"bash", "dirname", "awk", "sort", "head"} {
		found, err := exec.LookPath(program)
		if err != nil {
			t.Fatal(err)
		}
		if err := os.Symlink(found, filepath.Join(dir, program)); err != nil {
			t.Fatal(err)
		}
	}
	if goScript != "" {
		if err := os.WriteFile(filepath.Join(dir, "go"), []byte(goScript), 0o755); err != nil {
			t.Fatal(err)
		}
	}
	return dir
}
