package architecture

import (
	"fmt"
	"go/ast"
	"go/parser"
	"go/token"
	"io/fs"
	"os"
	"path"
	"slices"
	"strconv"
	"strings"
	"testing"
	"testing/fstest"
)

// attributes are all allowed attributes of the product's log lines. No request, header,
// token, claim, secret or session id is among them (Invariant 10). A `key` is a store.Key,
// which is written as the prefix of a hash. Before you add an attribute, check what it can
// reveal.
var attributes = []string{
	// The cause and the place of an error.
	"error", "panic", "stack", "path", "source", "reasons",
	// The version of the plugin.
	"version",
	// The names of header fields, of claims, of issuers and of configured values, and the address of a peer.
	"header", "claim", "issuer", "filter", "address", "maxmemory_policy", "lease", "before", "floor", "ahead", "allowed", "max_staleness", "max_age",
	// The names (`kid`) of public keys, cut and bounded.
	"kids", "added", "removed",
	// The replica and its fleet.
	"gate", "key", "state", "synced", "witness", "lease_age", "after", "configured",
	// What was revoked, and an operator's reason: one line of bounded length. Or why a request was
	// refused: a word, and a rule that holds no byte of the request.
	"kind", "reason", "also", "gates", "rule",
	// A refused request: the client's address, its method, and the ids that Caddy gives it. A
	// user is named only if the operator wants that and the signature is good.
	"client_ip", "method", "user_id", "uuid", "traceID", "left_out",
	// Counts and positions.
	"keys", "left", "age", "requests", "revocations", "pending", "not_noted_meanwhile", "oldest", "head", "entries", "dropped",
}

// logMethods write a log line. The number is the position of the message among the
// arguments.
var logMethods = map[string]int{
	"Debug": 0, "Info": 0, "Warn": 0, "Error": 0,
	"DebugContext": 1, "InfoContext": 1, "WarnContext": 1, "ErrorContext": 1,
	"Log": 2, "LogAttrs": 2, "With": -1,
}

// logViolations lists the log lines of the product with an attribute that is not allowed.
func logViolations(repository fs.FS) ([]string, error) {
	files, err := sources(repository)
	if err != nil {
		return nil, err
	}
	var broken []string
	for _, file := range files {
		if file.test() || path.Ext(file.name) != ".go" || isWithin(file.folder(), "tests") || isWithin(file.folder(), "tools") {
			continue
		}
		content, err := fs.ReadFile(repository, file.name)
		if err != nil {
			return nil, err
		}
		places := token.NewFileSet()
		parsed, err := parser.ParseFile(places, file.name, content, 0)
		if err != nil {
			return nil, err
		}
		ast.Inspect(parsed, func(node ast.Node) bool {
			if call, ok := node.(*ast.CallExpr); ok {
				for _, name := range strangers(call) {
					broken = append(broken, fmt.Sprintf("%s: a log line has the attribute %s", places.Position(call.Pos()), name))
				}
			}
			return true
		})
	}
	return broken, nil
}

// strangers returns the attributes of a logging call that are not allowed.
func strangers(call *ast.CallExpr) (names []string) {
	method, ok := call.Fun.(*ast.SelectorExpr)
	if !ok {
		return nil
	}
	message, ok := logMethods[method.Sel.Name]
	if !ok || !isLogger(method.X) {
		return nil
	}
	for i := message + 1; i < len(call.Args); i += 2 {
		literal, ok := call.Args[i].(*ast.BasicLit)
		if !ok {
			names = append(names, "that is no literal")
			continue
		}
		if name, err := strconv.Unquote(literal.Value); err != nil || !slices.Contains(attributes, name) {
			names = append(names, literal.Value)
		}
	}
	return names
}

// isLogger reports whether an expression is a logger, by its name.
func isLogger(of ast.Expr) bool {
	switch of := of.(type) {
	case *ast.Ident:
		return strings.HasSuffix(strings.ToLower(of.Name), "log") || strings.HasSuffix(strings.ToLower(of.Name), "logger")
	case *ast.SelectorExpr:
		return isLogger(of.Sel)
	case *ast.CallExpr:
		return isLogger(of.Fun)
	default:
		return false
	}
}

func TestLogLinesSayOnlyWhatWasChosen(t *testing.T) {
	broken, err := logViolations(os.DirFS(root))
	if err != nil {
		t.Fatal(err)
	}
	for _, violation := range broken {
		t.Error(violation)
	}
}

// Attack: somebody adds a log line to find a fault, and it contains the token.
func TestALogLineThatSaysMoreIsFound(t *testing.T) {
	for line, want := range map[string]int{
		`o.Logger.Warn("x", "error", err, "key", key)`:            0,
		`l.log.WarnContext(ctx, "x", "maxmemory_policy", policy)`: 0,
		`err.Error()`:                      0,
		`http.Error(w, "x", 500)`:          0,
		`g.logger.Info("x", "token", raw)`: 1,
		`r.options.Load().Logger.Error("x", "error", 1, "sid", s)`: 1,
		`logger.Log(ctx, level, "x", "headers", r.Header)`:         1,
		`logger.Debug("x", slog.Any("request", r))`:                1,
		`logger.With("subject", sub)`:                              1,
	} {
		broken, err := logViolations(fstest.MapFS{"store/a.go": {Data: []byte("package a\n\nfunc f() { " + line + " }\n")}})
		if err != nil || len(broken) != want {
			t.Errorf("%s: %q, error %v, want %d", line, broken, err, want)
		}
	}
}
