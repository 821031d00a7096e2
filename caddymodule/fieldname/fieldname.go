// Package fieldname compares the names of header fields as CGI and its successors do,
// and splits the lists in field values.
//
// CGI turns `-` and `_` in a name into one variable, without regard to letter case.
// lighttpd, Apache before 2.4 and others do so with everything except letters and
// digits. If a gate distinguished such names, the upstream would receive a field that the
// gate has not seen.
package fieldname

import (
	"iter"
	"strings"
)

// Fold returns one spelling for all names that some upstream reads as this name. It keeps
// letters, in lower case, and digits, and writes `-` for everything else.
func Fold(name string) string {
	folded := []byte(name)
	for i, c := range folded {
		folded[i] = fold(c)
	}
	return string(folded)
}

// Equal reports whether a name folds to folded. It does not allocate.
func Equal(name, folded string) bool {
	if len(name) != len(folded) {
		return false
	}
	for i := range len(name) {
		if fold(name[i]) != folded[i] {
			return false
		}
	}
	return true
}

// In reports whether a name folds to one of some folded names. It does not allocate.
func In(name string, folded []string) bool {
	for _, one := range folded {
		if Equal(name, one) {
			return true
		}
	}
	return false
}

func fold(c byte) byte {
	switch {
	case c >= 'A' && c <= 'Z':
		return c + 'a' - 'A'
	case c >= 'a' && c <= 'z' || c >= '0' && c <= '9':
		return c
	default:
		return '-'
	}
}

// IsValid reports whether a text is a token, as names of fields and cookies must be
// (RFC 9110 §5.6.2).
func IsValid(name string) bool {
	for _, c := range []byte(name) {
		if fold(c) == '-' && strings.IndexByte("!#$%&'*+-.^_`|~", c) < 0 {
			return false
		}
	}
	return name != ""
}

// Members iterates over the members of a comma separated field value (RFC 9110
// §5.6.1). Empty members are left out.
func Members(list string) iter.Seq[string] {
	return func(yield func(string) bool) {
		for member := range strings.SplitSeq(list, ",") {
			if member = strings.Trim(member, " \t"); member != "" && !yield(member) {
				return
			}
		}
	}
}
