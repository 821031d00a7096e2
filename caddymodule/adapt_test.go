package caddymodule_test

import (
	"bytes"
	"encoding/json"
	"flag"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/caddyserver/caddy/v2/caddyconfig"
)

var update = flag.Bool("update", false, "write the JSON that testdata/adapt/*.caddyfiletest expect")

const adaptSeparator = "\n----------\n"

// adapt is what `caddy adapt` does.
func adapt(caddyfile string) (adapted []byte, warnings []caddyconfig.Warning, err error) {
	adapted, warnings, err = caddyconfig.GetAdapter("caddyfile").
		Adapt([]byte(caddyfile), map[string]any{"filename": "Caddyfile"})
	if err != nil {
		return nil, nil, err
	}
	var indented bytes.Buffer
	if err := json.Indent(&indented, adapted, "", "\t"); err != nil {
		return nil, nil, err
	}
	return indented.Bytes(), warnings, nil
}

// Each file holds a Caddyfile, a line of dashes, and the adapted JSON or the whole error.
// The flag -update writes the JSON. Errors are written by hand, because people read them.
func TestCaddyfilesAdapt(t *testing.T) {
	files, err := filepath.Glob("testdata/adapt/*.caddyfiletest")
	if err != nil || len(files) < 20 {
		t.Fatalf("found %d files, error %v", len(files), err)
	}
	for _, file := range files {
		t.Run(strings.TrimSuffix(filepath.Base(file), ".caddyfiletest"), func(t *testing.T) {
			text, err := os.ReadFile(file)
			if err != nil {
				t.Fatal(err)
			}
			caddyfile, want, found := strings.Cut(string(text), adaptSeparator)
			if !found {
				t.Fatalf("no line of dashes in %s", file)
			}
			want = strings.TrimSpace(want)
			adapted, warnings, err := adapt(caddyfile + "\n")
			if want != "" && !strings.HasPrefix(want, "{") {
				wantAdaptError(t, err, want)
				return
			}
			if err != nil {
				t.Fatalf("adapting: %v", err)
			}
			for _, warning := range warnings {
				t.Errorf("warning: %s", warning)
			}
			if *update {
				writeGolden(t, file, caddyfile, adapted)
				return
			}
			if string(adapted) != want {
				t.Errorf("adapted to\n%s\nwant\n%s", adapted, want)
			}
		})
	}
}

func wantAdaptError(t *testing.T, err error, want string) {
	t.Helper()
	if err == nil || err.Error() != want {
		t.Errorf("error\n%v\nwant\n%s", err, want)
	}
}

func writeGolden(t *testing.T, file, caddyfile string, adapted []byte) {
	t.Helper()
	if err := os.WriteFile(file, []byte(caddyfile+adaptSeparator+string(adapted)+"\n"), 0o600); err != nil {
		t.Fatal(err)
	}
}
