package cost

import (
	"cmp"
	"encoding/json"
	"go/ast"
	"go/parser"
	"go/token"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"testing"
)

const module = "github.com/sessiongate/sessiongate/"

// scanning are the packages whose functions read each text argument about once. hashing are
// the packages that hash it.
var (
	scanning = map[string]bool{
		"strings": true, "bytes": true, "net/url": true, "encoding/base64": true, "encoding/hex": true, "encoding/json": true,
		"mime": true, "net/textproto": true, "unicode/utf8": true, "path": true,
	}
	hashing = map[string]bool{"crypto/sha256": true, "crypto/hmac": true}
)

// replaced are the functions of strings that stop early: costtest has functions of the same
// names that count the bytes read. prefixed are those that read no more than their second
// argument.
var (
	replaced = strings.Fields("IndexByte Index IndexAny Contains ContainsAny ContainsRune Cut Trim TrimLeft TrimRight EqualFold")
	prefixed = strings.Fields("HasPrefix HasSuffix TrimPrefix TrimSuffix CutPrefix CutSuffix DecodeRuneInString DecodeLastRuneInString")
)

// verifying is the name of the methods that verify a signature, whatever their receiver.
const verifying = "Verify"

// insertion is a text to insert into a file at an offset.
type insertion struct {
	at   int
	text string
}

// instrument returns a file with calls of costtest in it, or "" if there is nothing to
// count. It adds one call for each loop iteration, and one for each argument of a function
// that scans or hashes. Line numbers do not change.
func instrument(t *testing.T, path string) string {
	t.Helper()
	source, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	places := token.NewFileSet()
	file, err := parser.ParseFile(places, path, source, parser.SkipObjectResolution)
	if err != nil {
		t.Fatal(err)
	}
	imports := make(map[string]string) // by the name in the file
	for _, spec := range file.Imports {
		imported, err := strconv.Unquote(spec.Path.Value)
		if err != nil {
			t.Fatal(err)
		}
		imports[imported[strings.LastIndex(imported, "/")+1:]] = imported
	}
	var insertions []insertion
	var drop [][2]int // the names of replaced functions, with their parenthesis
	insert := func(at token.Pos, text string) {
		insertions = append(insertions, insertion{places.Position(at).Offset, text})
	}
	ast.Inspect(file, func(node ast.Node) bool {
		switch node := node.(type) {
		case *ast.ForStmt:
			insert(node.Body.Lbrace+1, " costtest.Loop();")
		case *ast.RangeStmt:
			insert(node.Body.Lbrace+1, " costtest.Loop();")
		case *ast.CallExpr:
			wrap := wrapperOf(node, imports)
			if wrap == "" {
				break
			}
			selector, arguments := node.Fun.(*ast.SelectorExpr), node.Args
			switch name, isPackage := selector.X.(*ast.Ident); {
			case isPackage && name.Name == "strings" && slices.Contains(replaced, selector.Sel.Name):
				insert(name.Pos(), "costtest."+selector.Sel.Name+"(")
				drop = append(drop, [2]int{places.Position(name.Pos()).Offset, places.Position(node.Lparen).Offset + 1})
				return true
			case isPackage && name.Name == "bytes" && selector.Sel.Name == "IndexByte":
				insert(name.Pos(), "costtest.BytesIndexByte(")
				drop = append(drop, [2]int{places.Position(name.Pos()).Offset, places.Position(node.Lparen).Offset + 1})
				return true
			case slices.Contains(prefixed, selector.Sel.Name), strings.HasPrefix(selector.Sel.Name, "Append"):
				arguments = arguments[1:]
			}
			for _, argument := range arguments {
				if isText(argument) {
					insert(argument.Pos(), wrap+"(")
					insert(argument.End(), ")")
				}
			}
		}
		return true
	})
	if len(insertions) == 0 {
		return ""
	}
	insert(file.Name.End(), "; import "+strconv.Quote(module+"caddymodule/costtest"))
	slices.SortStableFunc(insertions, func(a, b insertion) int { return cmp.Compare(a.at, b.at) })
	slices.SortFunc(drop, func(a, b [2]int) int { return cmp.Compare(a[0], b[0]) })
	var text strings.Builder
	done := 0
	copyTo := func(end int) {
		for len(drop) > 0 && drop[0][0] < end {
			text.Write(source[done:drop[0][0]])
			done = drop[0][1]
			drop = drop[1:]
		}
		text.Write(source[done:max(done, end)])
		done = max(done, end)
	}
	for _, i := range insertions {
		copyTo(i.at)
		text.WriteString(i.text)
	}
	copyTo(len(source))
	for _, name := range []string{"strings", "bytes"} {
		if imports[name] != "" {
			text.WriteString("\nvar _ = " + name + ".ToLower\n") // it may be unused now
		}
	}
	return text.String()
}

// wrapperOf returns the function of costtest for the arguments of a call, or "".
func wrapperOf(call *ast.CallExpr, imports map[string]string) string {
	selector, ok := call.Fun.(*ast.SelectorExpr)
	if !ok {
		return ""
	}
	if selector.Sel.Name == verifying {
		return "costtest.Hash"
	}
	// The package of strings.Cut, and of base64.RawURLEncoding.DecodeString.
	root := selector.X
	for {
		deeper, ok := root.(*ast.SelectorExpr)
		if !ok {
			break
		}
		root = deeper.X
	}
	name, ok := root.(*ast.Ident)
	switch {
	case !ok:
		return ""
	case hashing[imports[name.Name]]:
		return "costtest.Hash"
	case scanning[imports[name.Name]]:
		return "costtest.Scan"
	}
	return ""
}

// isText reports whether an argument could be a text that is not a constant. A character or
// number literal has no type of its own, and nil has none.
func isText(argument ast.Expr) bool {
	switch argument := argument.(type) {
	case *ast.BasicLit, *ast.FuncLit, *ast.CompositeLit, *ast.UnaryExpr:
		return false
	case *ast.Ident:
		return argument.Name != "nil"
	}
	return true
}

// writeOverlay writes instrumented copies of the code of some packages, and their list,
// which the go command reads.
func writeOverlay(t *testing.T, root string, packages []string) string {
	t.Helper()
	dir := t.TempDir()
	overlay := struct{ Replace map[string]string }{make(map[string]string)}
	for _, folder := range packages {
		files, err := filepath.Glob(filepath.Join(root, folder, "*.go"))
		if err != nil {
			t.Fatal(err)
		}
		for _, path := range files {
			if strings.HasSuffix(path, "_test.go") {
				continue
			}
			if text := instrument(t, path); text != "" {
				copied := filepath.Join(dir, strconv.Itoa(len(overlay.Replace))+".go")
				overlay.Replace[path] = copied
				write(t, copied, []byte(text))
			}
		}
	}
	list, err := json.Marshal(overlay)
	if err != nil {
		t.Fatal(err)
	}
	path := filepath.Join(dir, "overlay.json")
	write(t, path, list)
	return path
}

func write(t *testing.T, path string, content []byte) {
	t.Helper()
	if err := os.WriteFile(path, content, 0o600); err != nil {
		t.Fatal(err)
	}
}
