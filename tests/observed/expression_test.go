package observed

import (
	"regexp"
	"slices"
	"strconv"
	"strings"
	"testing"
)

var (
	// operator is a comparison or a set operator, at the beginning of a text.
	operator = regexp.MustCompile(`^(==|!=|<=|>=|<|>|(and|or|unless)\b)`)
	// matching is what may follow an operator before its operand.
	matching = regexp.MustCompile(`^\s*(bool\s+)?((on|ignoring)\s*\([^)]*\)\s*)?(group_(left|right)\s*(\([^)]*\)\s*)?)?`)
	// past moves a selector into the past, which a Prometheus that has just started lacks.
	past = regexp.MustCompile(`\s+offset \w+`)
)

// operands returns what the comparisons and set operators of an expression compare and
// combine, without numbers. An alert returns nothing as long as all is well, but each of its
// operands returns something: else the alert could never fire.
func operands(expression string) (all []string) {
	expression = strings.TrimSpace(past.ReplaceAllString(expression, ""))
	parts := split(expression)
	if len(parts) > 1 {
		for _, part := range parts {
			all = append(all, operands(part)...)
		}
		return all
	}
	if inner, ok := strings.CutPrefix(expression, "absent("); ok {
		return []string{strings.TrimSuffix(inner, ")")}
	}
	if end := closing(expression); expression[0] == '(' && end == len(expression)-1 {
		return operands(expression[1:end])
	}
	if _, err := strconv.ParseFloat(expression, 64); err == nil {
		return nil
	}
	return []string{expression}
}

// split splits an expression at the operators that are in no brackets.
func split(expression string) (parts []string) {
	begin, depth := 0, 0
	for i := 0; i < len(expression); i++ {
		switch c := expression[i]; {
		case c == '"':
			i += 1 + strings.IndexByte(expression[i+1:], '"')
		case strings.IndexByte("([{", c) >= 0:
			depth++
		case strings.IndexByte(")]}", c) >= 0:
			depth--
		case depth == 0 && (i == 0 || strings.IndexByte(" \n)]}", expression[i-1]) >= 0):
			if found := operator.FindString(expression[i:]); found != "" {
				parts = append(parts, expression[begin:i])
				i += len(found)
				i += len(matching.FindString(expression[i:]))
				begin = i
				i--
			}
		}
	}
	return append(parts, expression[begin:])
}

// closing returns the index of the bracket that closes the first one.
func closing(expression string) int {
	depth := 0
	for i := range len(expression) {
		switch expression[i] {
		case '(':
			depth++
		case ')':
			if depth--; depth == 0 {
				return i
			}
		}
	}
	return -1
}

func TestOperandsOfAnExpression(t *testing.T) {
	for expression, want := range map[string][]string{
		`a{b="x > y"} == 1`:                         {`a{b="x > y"}`},
		`rate(a[5m]) > 3 and b == 0`:                {"rate(a[5m])", "b"},
		`up == 0 and on (job, instance) max(b[1d])`: {"up", "max(b[1d])"},
		`(a / ignoring (c) group_left () sum(b)) > 0.05 unless on (d) sum(e offset 1d) <= 3 * f`: {
			"a / ignoring (c) group_left () sum(b)", "sum(e)", "3 * f",
		},
		`absent(a)`:                       {"a"},
		`sum by (x) (a == bool 0)`:        {"sum by (x) (a == bool 0)"},
		`a > on (x) group_left 0.3 * b`:   {"a", "0.3 * b"},
		`(a > 1) and (b or anding) < 100`: {"a", "b", "anding"},
	} {
		if got := operands(expression); !slices.Equal(got, want) {
			t.Errorf("operands of %s are %q, want %q", expression, got, want)
		}
	}
}
