package stepped

import (
	"encoding/json"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"regexp"
	"strconv"
	"strings"
)

var (
	clock    = regexp.MustCompile(`\btime\.(Now|Since|Until)\b`)
	imported = regexp.MustCompile(`(?m)^(import |\t)"time"$`)
)

// sweeps shortens constants of the product under test: a gate that is restarted every few
// seconds would never forget anything.
var sweeps = strings.NewReplacer("sweepEvery = time.Minute", "sweepEvery = time.Second")

// Overlay writes the file for the flag -overlay of the go command into a directory, and
// returns its path. In a build with it, the code below top reads the wall clock of this
// package instead of that of package time. It also forgets expired entries every second.
func Overlay(top, directory string) (string, error) {
	replaced := make(map[string]string)
	for _, below := range []string{"caddymodule", "store"} {
		err := filepath.WalkDir(filepath.Join(top, below), func(path string, entry fs.DirEntry, err error) error {
			if err != nil || entry.IsDir() || !strings.HasSuffix(path, ".go") || strings.HasSuffix(path, "_test.go") {
				return err
			}
			source, err := os.ReadFile(path)
			if err != nil {
				return err
			}
			text := rewrite(string(source))
			if text == string(source) {
				return nil
			}
			copied := filepath.Join(directory, strconv.Itoa(len(replaced))+".go")
			replaced[path] = copied
			return os.WriteFile(copied, []byte(text), 0o600)
		})
		if err != nil {
			return "", fmt.Errorf("writing an overlay: %w", err)
		}
	}
	text, err := json.Marshal(map[string]any{"Replace": replaced})
	if err != nil {
		return "", fmt.Errorf("writing an overlay: %w", err)
	}
	path := filepath.Join(directory, "overlay.json")
	return path, os.WriteFile(path, text, 0o600)
}

// rewrite makes a file read the clock of this package.
func rewrite(source string) string {
	source = sweeps.Replace(source)
	if !clock.MatchString(source) {
		return source
	}
	source = clock.ReplaceAllString(source, "stepped.$1")
	source = imported.ReplaceAllString(source, `$1"time"`+"\n"+`$1"github.com/sessiongate/sessiongate/tests/chaos/stepped"`)
	return source + "\nvar (\n\t_ = stepped.Now\n\t_ time.Time\n)\n"
}
