// Package architecture checks the structure of the repository: which package may import
// which, how long a file may be, and what is at the top. A rule that is only in a document
// is soon broken.
package architecture

import (
	"bytes"
	"fmt"
	"go/parser"
	"go/token"
	"io/fs"
	"path"
	"strconv"
	"strings"
)

// root is the top of the repository, seen from this directory.
const root = "../.."

// source is one handwritten file, Go or shell.
type source struct {
	// name is its path from the top, with slashes.
	name  string
	lines int
	// imports are the imports of a Go file of the root module. Other modules have their own
	// rules.
	imports []string
}

// folder is the directory, which is the import path within the module.
func (s source) folder() string { return path.Dir(s.name) }

// test reports whether the code is not part of the product: it is a test file, or its
// package only serves tests by its name.
func (s source) test() bool {
	return strings.HasSuffix(s.name, "_test.go") || support(s.folder())
}

// support reports whether the package only serves tests, as net/http/httptest does.
func support(folder string) bool { return strings.HasSuffix(folder, "test") }

// sources reads every file of a repository to which the rules apply. It omits hidden
// directories, testdata, and files that git ignores by name.
func sources(repository fs.FS) ([]source, error) {
	var found []source
	err := fs.WalkDir(repository, ".", func(name string, entry fs.DirEntry, err error) error {
		if err != nil {
			return err
		}
		if entry.IsDir() {
			if name != "." && (entry.Name()[0] == '.' || entry.Name() == "testdata") {
				return fs.SkipDir
			}
			return nil
		}
		if ext := path.Ext(name); ext != ".go" && ext != ".sh" {
			return nil
		}
		s, err := read(repository, name)
		if err != nil {
			return err
		}
		found = append(found, s)
		return nil
	})
	return found, err
}

func read(repository fs.FS, name string) (source, error) {
	content, err := fs.ReadFile(repository, name)
	if err != nil {
		return source{}, err
	}
	s := source{name: name, lines: bytes.Count(content, []byte("\n"))}
	if path.Ext(name) != ".go" || inOtherModule(repository, name) {
		return s, nil
	}
	file, err := parser.ParseFile(token.NewFileSet(), name, content, parser.ImportsOnly)
	if err != nil {
		return source{}, fmt.Errorf("parsing %s: %w", name, err)
	}
	for _, spec := range file.Imports {
		imported, err := strconv.Unquote(spec.Path.Value)
		if err != nil {
			return source{}, fmt.Errorf("parsing %s: %w", name, err)
		}
		s.imports = append(s.imports, imported)
	}
	return s, nil
}

func inOtherModule(repository fs.FS, name string) bool {
	for folder := path.Dir(name); folder != "."; folder = path.Dir(folder) {
		if _, err := fs.Stat(repository, folder+"/go.mod"); err == nil {
			return true
		}
	}
	return false
}
