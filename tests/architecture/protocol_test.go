package architecture

import (
	"go/ast"
	"go/parser"
	"go/token"
	"os"
	"path"
	"regexp"
	"strings"
	"testing"
)

// declared returns the names that the Go files of the repository declare at the top level,
// with their package: "replica.Replica.beat" and "contract.TestX". A file of a black-box
// test counts for the package that it tests.
func declared(t *testing.T) map[string]bool {
	t.Helper()
	found, err := sources(os.DirFS(root))
	if err != nil {
		t.Fatal(err)
	}
	names := make(map[string]bool)
	for _, s := range found {
		if path.Ext(s.name) != ".go" {
			continue
		}
		file, err := parser.ParseFile(token.NewFileSet(), path.Join(root, s.name), nil, parser.SkipObjectResolution)
		if err != nil {
			t.Fatal(err)
		}
		of := strings.TrimSuffix(file.Name.Name, "_test") + "."
		for _, decl := range file.Decls {
			switch d := decl.(type) {
			case *ast.FuncDecl:
				names[of+receiver(d)+d.Name.Name] = true
			case *ast.GenDecl:
				for _, spec := range d.Specs {
					if typed, ok := spec.(*ast.TypeSpec); ok {
						names[of+typed.Name.Name] = true
					}
				}
			}
		}
	}
	return names
}

// receiver returns the receiver type of a method, with a dot.
func receiver(f *ast.FuncDecl) string {
	if f.Recv == nil {
		return ""
	}
	of := f.Recv.List[0].Type
	if star, ok := of.(*ast.StarExpr); ok {
		of = star.X
	}
	if name, ok := of.(*ast.Ident); ok {
		return name.Name + "."
	}
	return ""
}

var (
	codeName     = regexp.MustCompile("`((?:[a-z]+\\.)?[A-Za-z]\\w*(?:\\.\\w+)*)`|`(lua/\\w+\\.lua)`")
	mutationName = regexp.MustCompile(`"([^"…]+)(?:…)?"`)
	written      = regexp.MustCompile(`\{"([^"]+)", \[\]edit`)
)

// Each rule names the code that enforces it, and the test that fails without it. After a
// rename, the page must use the new name.
func TestTheProtocolNamesWhatExists(t *testing.T) {
	page, err := os.ReadFile(path.Join(root, "docs/protocol.md"))
	if err != nil {
		t.Fatal(err)
	}
	names, mutations := declared(t), mutationNames(t)
	rules := regexp.MustCompile(`(?m)^(?:\*\*R\d+|\d+\. \*\*)`).FindAllIndex(page, -1)
	if len(rules) != 16+12 {
		t.Fatalf("the page has %d rules and invariants, want 16 and 12", len(rules))
	}
	for i, rule := range rules {
		end := len(page)
		if i+1 < len(rules) {
			end = rules[i+1][0]
		}
		text := strings.Join(strings.Fields(string(page[rule[0]:end])), " ")
		if cut := strings.Index(text, " ## "); cut >= 0 {
			text = text[:cut]
		}
		checkRule(t, text, names, mutations)
	}
}

// checkRule checks that a rule names code and a proof, and that these exist.
func checkRule(t *testing.T, text string, names map[string]bool, mutations []string) {
	t.Helper()
	rule := text[:min(len(text), 40)]
	of, code, proofs := "", 0, 0
	for _, at := range codeName.FindAllStringSubmatchIndex(text, -1) {
		if at[4] >= 0 {
			script := text[at[4]:at[5]]
			if _, err := os.Stat(path.Join(root, "store/redisstore", script)); err != nil {
				t.Errorf("%s: %v", rule, err)
			}
			code++
			continue
		}
		name := text[at[2]:at[3]]
		test := strings.HasPrefix(name[strings.LastIndex(name, ".")+1:], "Test")
		switch dot := strings.Index(name, "."); {
		case dot > 0:
			of = name[:dot]
		case !test:
			continue // a word of the configuration, or a claim
		default:
			name = of + "." + name
		}
		if !names[name] {
			t.Errorf("%s: there is no %s", rule, name)
		}
		if test {
			proofs++
		} else {
			code++
		}
	}
	for _, named := range mutationName.FindAllStringSubmatch(text, -1) {
		found := false
		for _, mutation := range mutations {
			found = found || strings.HasPrefix(mutation, named[1])
		}
		if !found {
			t.Errorf("%s: no mutation begins with %q", rule, named[1])
		}
		proofs++
	}
	if code == 0 || proofs == 0 {
		t.Errorf("%s: it names %d functions and %d proofs", rule, code, proofs)
	}
}

// mutationNames returns the names of the simulation's mutations.
func mutationNames(t *testing.T) (names []string) {
	t.Helper()
	const dir = "store/replica/simulation/mutation"
	entries, err := os.ReadDir(path.Join(root, dir))
	if err != nil {
		t.Fatal(err)
	}
	for _, entry := range entries {
		text, err := os.ReadFile(path.Join(root, dir, entry.Name()))
		if err != nil {
			t.Fatal(err)
		}
		for _, name := range written.FindAllSubmatch(text, -1) {
			names = append(names, string(name[1]))
		}
	}
	return names
}
