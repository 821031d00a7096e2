package architecture

import (
	"go/ast"
	"go/parser"
	"go/token"
	"maps"
	"os"
	"path"
	"regexp"
	"slices"
	"strings"
	"testing"
)

// logged is one message, and a level with which the product logs it.
type logged struct{ message, level string }

// folder is a package whose log calls are read: its functions by name.
type folder struct {
	functions map[string]*ast.FuncDecl
	constants map[string]ast.Expr
	// allFunctions are the functions of all packages, which may call an exported one.
	allFunctions *[]*ast.FuncDecl
}

// messages returns the log messages of the calls in a package, and the calls that cannot be
// read.
func (p folder) messages() (found []logged, unread []token.Pos) {
	for _, f := range p.functions {
		ast.Inspect(f, func(node ast.Node) bool {
			call, ok := node.(*ast.CallExpr)
			if !ok {
				return true
			}
			method, ok := call.Fun.(*ast.SelectorExpr)
			if !ok || !isLogger(method.X) && !isNamed(method.X) {
				return true
			}
			at, ok := logMethods[method.Sel.Name]
			if !ok || at < 0 {
				return true
			}
			level := strings.ToLower(strings.TrimSuffix(method.Sel.Name, "Context"))
			before := len(found)
			for _, bound := range p.bindings(f, call.Args[at]) {
				levels := []string{level}
				if at == 2 {
					levels = p.resolve(f, call.Args[1], bound, 0)
				}
				for _, text := range p.resolve(f, call.Args[at], bound, 0) {
					if strings.Trim(text, hole+": ") == "" {
						continue
					}
					for _, l := range levels {
						found = append(found, logged{text, strings.ToLower(strings.TrimPrefix(l, "Level"))})
					}
				}
			}
			if len(found) == before {
				unread = append(unread, call.Pos())
			}
			return true
		})
	}
	return found, unread
}

// productMessages returns the messages of the product, each with its levels.
func productMessages(t *testing.T) map[string]map[string]bool {
	t.Helper()
	files, err := sources(os.DirFS(root))
	if err != nil {
		t.Fatal(err)
	}
	places, packages, all := token.NewFileSet(), make(map[string]folder), new([]*ast.FuncDecl)
	for _, file := range files {
		if file.test() || path.Ext(file.name) != ".go" || isWithin(file.folder(), "tests") || isWithin(file.folder(), "tools") {
			continue
		}
		parsed, err := parser.ParseFile(places, path.Join(root, file.name), nil, parser.SkipObjectResolution)
		if err != nil {
			t.Fatal(err)
		}
		p, ok := packages[file.folder()]
		if !ok {
			p = folder{make(map[string]*ast.FuncDecl), make(map[string]ast.Expr), all}
			packages[file.folder()] = p
		}
		p.add(parsed)
	}
	for _, p := range packages {
		*all = slices.AppendSeq(*all, maps.Values(p.functions))
	}
	messages := make(map[string]map[string]bool)
	for _, p := range packages {
		found, unread := p.messages()
		for _, l := range found {
			if messages[l.message] == nil {
				messages[l.message] = make(map[string]bool)
			}
			messages[l.message][l.level] = true
		}
		for _, at := range unread {
			t.Errorf("%s: the message cannot be read; make it a literal or a constant", places.Position(at))
		}
	}
	return messages
}

func (p folder) add(file *ast.File) {
	for _, decl := range file.Decls {
		switch d := decl.(type) {
		case *ast.FuncDecl:
			p.functions[receiver(d)+d.Name.Name] = d
		case *ast.GenDecl:
			for _, spec := range d.Specs {
				if s, ok := spec.(*ast.ValueSpec); ok && d.Tok == token.CONST {
					for i, name := range s.Names {
						if i < len(s.Values) {
							p.constants[name.Name] = s.Values[i]
						}
					}
				}
			}
		}
	}
}

// logRow is a row of the page: a message in one or two backquotes, its levels, its meaning
// and what to do.
var logRow = regexp.MustCompile("(?m)^\\| (?:`([^`]+)`|`` ?(.+?) ?``) \\| ([a-z, ]+) \\| ([^|]{8,}) \\| ([^|]{8,}) \\|$")

// docs/logs.md lists every message, its levels, its meaning and what to do. To add a
// message, add the row that this test prints.
func TestEveryLogMessageIsOnItsPage(t *testing.T) {
	page, err := os.ReadFile(path.Join(root, "docs/logs.md"))
	if err != nil {
		t.Fatal(err)
	}
	listed := make(map[string]string)
	before := ""
	for _, row := range logRow.FindAllStringSubmatch(string(page), -1) {
		message := row[1] + row[2]
		if _, twice := listed[message]; twice {
			t.Errorf("docs/logs.md lists %q twice", message)
		}
		listed[message] = row[3]
		place := strings.ToLower(strings.TrimLeft(message, "…: "))
		if place < before {
			t.Errorf("docs/logs.md lists %q too late: the rows are in alphabetical order", message)
		}
		before = place
	}
	messages := productMessages(t)
	if len(messages) < 40 {
		t.Errorf("found %d messages in the code, want 40 or more", len(messages))
	}
	for _, message := range slices.Sorted(maps.Keys(messages)) {
		levels := strings.Join(slices.Sorted(maps.Keys(messages[message])), ", ")
		fence := "`"
		if strings.Contains(message, "`") {
			fence = "`` "
		}
		if got := listed[message]; got != levels {
			t.Errorf("docs/logs.md has the levels %q for this message; the row is\n| %s%s%s | %s | <meaning> | <what to do> |", got, fence, message, fence, levels)
		}
		delete(listed, message)
	}
	for message := range listed {
		t.Errorf("docs/logs.md lists %q, which the code does not log", message)
	}
}
