package caddymodule_test

import (
	"go/ast"
	"go/parser"
	"go/token"
	"path/filepath"
	"reflect"
	"regexp"
	"slices"
	"strings"
	"testing"

	"github.com/sessiongate/sessiongate/caddymodule"
	"github.com/sessiongate/sessiongate/caddymodule/stores"
)

// jsonNames are the names of the fields of a struct in JSON.
func jsonNames(of reflect.Type) (names []string) {
	for field := range of.Fields() {
		if name, _, _ := strings.Cut(field.Tag.Get("json"), ","); name != "" {
			names = append(names, name)
		}
	}
	slices.Sort(names)
	return names
}

// The Caddyfile and JSON must use the same words, except for values on a line before its
// block.
func TestCaddyfileAndJSONHaveTheSameWords(t *testing.T) {
	for block, schema := range map[string]struct {
		config any
		// lineOnly are JSON names that are values of a line in the Caddyfile.
		lineOnly []string
	}{
		"app":         {caddymodule.App{}, []string{"max_staleness"}},
		"issuer":      {caddymodule.Issuer{}, []string{"issuer"}},
		"store redis": {stores.Redis{}, []string{"addresses"}},
		"tls":         {stores.RedisTLS{}, nil},
		"gate":        {caddymodule.Gate{}, nil},

		"token_endpoint": {caddymodule.TokenEndpoint{}, []string{"path"}},
	} {
		words := slices.Sorted(slices.Values(append(syntaxes[block].known(t), schema.lineOnly...)))
		if names := jsonNames(reflect.TypeOf(schema.config)); !slices.Equal(names, words) {
			t.Errorf("%s: JSON has %q, the Caddyfile %q", block, names, words)
		}
	}
}

// saysDefault matches the part of a field's comment that states the default.
var saysDefault = regexp.MustCompile(`\b(Default: |Default:\n|Required\b)`)

// Caddy's website generates the documentation of the JSON from these comments.
func TestEveryFieldIsDocumented(t *testing.T) {
	documented := 0
	for _, file := range append(parseFolder(t, "."), parseFolder(t, "stores")...) {
		ast.Inspect(file, func(node ast.Node) bool {
			declared, isType := node.(*ast.TypeSpec)
			if !isType || !declared.Name.IsExported() {
				return true
			}
			fields, isStruct := declared.Type.(*ast.StructType)
			if !isStruct {
				return true
			}
			for _, field := range fields.Fields.List {
				if field.Tag == nil || !strings.Contains(field.Tag.Value, `json:"`) {
					continue
				}
				documented++
				wantFieldDoc(t, declared.Name.Name, field)
			}
			return true
		})
	}
	want := len(jsonNames(reflect.TypeFor[caddymodule.App]())) + len(jsonNames(reflect.TypeFor[caddymodule.Gate]())) +
		len(jsonNames(reflect.TypeFor[stores.Redis]()))
	if documented <= want {
		t.Errorf("looked at %d fields, want more than the %d of App, Gate and Redis", documented, want)
	}
}

func wantFieldDoc(t *testing.T, of string, field *ast.Field) {
	t.Helper()
	if len(field.Names) != 1 {
		t.Errorf("%s: %d fields share a comment", of, len(field.Names))
		return
	}
	name, comment := field.Names[0].Name, field.Doc.Text()
	if first, _, _ := strings.Cut(comment, " "); strings.TrimSuffix(first, "Raw") != strings.TrimSuffix(name, "Raw") {
		t.Errorf("%s.%s: the comment begins with %q", of, name, first)
	}
	if !saysDefault.MatchString(comment) {
		t.Errorf("%s.%s: the comment states neither a default nor that it is required:\n%s", of, name, comment)
	}
}

func parseFolder(t *testing.T, folder string) (files []*ast.File) {
	t.Helper()
	names, err := filepath.Glob(filepath.Join(folder, "*.go"))
	if err != nil || len(names) == 0 {
		t.Fatalf("%d files, error %v", len(names), err)
	}
	for _, name := range names {
		if strings.HasSuffix(name, "_test.go") {
			continue
		}
		file, err := parser.ParseFile(token.NewFileSet(), name, nil, parser.ParseComments)
		if err != nil {
			t.Fatal(err)
		}
		files = append(files, file)
	}
	return files
}
