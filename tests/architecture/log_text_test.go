package architecture

import (
	"go/ast"
	"maps"
	"regexp"
	"slices"
	"strconv"
	"strings"
)

// hole stands for a part of a message that is only known at run time.
const hole = "…"

// isNamed reports whether an expression is a call of Named of Caddy's own logger.
func isNamed(of ast.Expr) bool {
	call, ok := of.(*ast.CallExpr)
	return ok && called(call) == "Named"
}

// bindings returns the values of a function's parameters at each of its calls, if a message
// uses one of them.
func (p folder) bindings(f *ast.FuncDecl, message ast.Expr) (all []map[string]bound) {
	names := parameters(f)
	uses := false
	ast.Inspect(message, func(node ast.Node) bool {
		if name, ok := node.(*ast.Ident); ok && slices.Contains(names, name.Name) {
			uses = true
		}
		return true
	})
	if !uses {
		return []map[string]bound{nil}
	}
	callers := slices.Collect(maps.Values(p.functions))
	if f.Name.IsExported() {
		callers = append(callers, *p.allFunctions...)
	}
	for _, caller := range callers {
		ast.Inspect(caller, func(node ast.Node) bool {
			call, ok := node.(*ast.CallExpr)
			if !ok || called(call) != f.Name.Name || len(call.Args) != len(names) {
				return true
			}
			values := make(map[string]bound)
			for i, name := range names {
				values[name] = bound{caller, call.Args[i]}
			}
			all = append(all, values)
			return true
		})
	}
	if len(all) == 0 {
		return []map[string]bound{nil}
	}
	return all
}

// bound is an argument, and the function in which it is written.
type bound struct {
	in    *ast.FuncDecl
	value ast.Expr
}

func parameters(f *ast.FuncDecl) (names []string) {
	for _, field := range f.Type.Params.List {
		for _, name := range field.Names {
			names = append(names, name.Name)
		}
	}
	return names
}

func called(call *ast.CallExpr) string {
	switch f := call.Fun.(type) {
	case *ast.Ident:
		return f.Name
	case *ast.SelectorExpr:
		return f.Sel.Name
	}
	return ""
}

// resolve returns the possible texts of an expression. Parts that are not a literal, a
// constant, or a value that the package assigns or returns become holes.
func (p folder) resolve(f *ast.FuncDecl, of ast.Expr, arguments map[string]bound, depth int) []string {
	if depth > 8 {
		return []string{hole}
	}
	switch of := of.(type) {
	case *ast.BasicLit:
		if text, err := strconv.Unquote(of.Value); err == nil {
			return []string{text}
		}
	case *ast.SelectorExpr:
		if strings.HasPrefix(of.Sel.Name, "Level") {
			return []string{of.Sel.Name}
		}
	case *ast.BinaryExpr:
		return joined(p.resolve(f, of.X, arguments, depth+1), p.resolve(f, of.Y, arguments, depth+1))
	case *ast.Ident:
		if argument, ok := arguments[of.Name]; ok {
			return p.resolve(argument.in, argument.value, nil, depth+1)
		}
		var texts []string
		for _, value := range append(assigned(f, of.Name), p.constants[of.Name]) {
			if value != nil {
				texts = append(texts, p.resolve(f, value, arguments, depth+1)...)
			}
		}
		if len(texts) > 0 {
			return texts
		}
	case *ast.CallExpr:
		if called(of) == "Sprintf" {
			texts := p.resolve(f, of.Args[0], arguments, depth+1)
			for _, argument := range of.Args[1:] {
				texts = filled(texts, p.resolve(f, argument, arguments, depth+1))
			}
			return texts
		}
		if _, ours := of.Fun.(*ast.Ident); ours && p.functions[called(of)] != nil {
			return p.returned(p.functions[called(of)], depth)
		}
	}
	return []string{hole}
}

func (p folder) returned(f *ast.FuncDecl, depth int) (texts []string) {
	ast.Inspect(f, func(node ast.Node) bool {
		if end, ok := node.(*ast.ReturnStmt); ok && len(end.Results) == 1 {
			texts = append(texts, p.resolve(f, end.Results[0], nil, depth+1)...)
		}
		return true
	})
	return texts
}

// assigned returns the values that a function assigns to a name.
func assigned(f *ast.FuncDecl, name string) (values []ast.Expr) {
	ast.Inspect(f, func(node ast.Node) bool {
		switch node := node.(type) {
		case *ast.AssignStmt:
			for i, to := range node.Lhs {
				if id, ok := to.(*ast.Ident); ok && id.Name == name && len(node.Lhs) == len(node.Rhs) {
					values = append(values, node.Rhs[i])
				}
			}
		case *ast.ValueSpec:
			for i, id := range node.Names {
				if id.Name == name && i < len(node.Values) {
					values = append(values, node.Values[i])
				}
			}
		}
		return true
	})
	return values
}

func joined(left, right []string) (texts []string) {
	for _, l := range left {
		for _, r := range right {
			texts = append(texts, l+r)
		}
	}
	return texts
}

var verb = regexp.MustCompile(`%[a-z]`)

// filled replaces the first verb of each format by each of the values.
func filled(formats, values []string) (texts []string) {
	for _, format := range formats {
		for _, value := range values {
			at := verb.FindStringIndex(format)
			if at == nil {
				texts = append(texts, format)
				continue
			}
			texts = append(texts, format[:at[0]]+value+format[at[1]:])
		}
	}
	return texts
}
