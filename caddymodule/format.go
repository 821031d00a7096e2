package caddymodule

import "strings"

// withFormats is the endpoint of which a path that ends in a format is another
// spelling. Its text is a path that checkPath refuses, so that it is taken for no
// other.
//
// Attack: POST /oauth/token.json, which is guarded as a path of its own, and to
// frameworks that choose the format of an answer by it is /oauth/token.
func withFormats(path string) endpoint { return endpoint(path + formatMark) }

const formatMark = ".*"

// exact is the path of the endpoint in its one spelling.
func (e endpoint) exact() string { return strings.TrimSuffix(string(e), formatMark) }

func (e endpoint) hasFormats() bool { return strings.HasSuffix(string(e), formatMark) }

// isSimple reports whether all readers see the same segments in an escaped path:
// nothing in it is decoded, dropped, parted or taken back.
func isSimple(escaped string) bool {
	if escaped == "" || escaped[0] != '/' {
		return false
	}
	for i := 1; i < len(escaped); i++ {
		switch c := escaped[i]; {
		case c == '/' || c == '.':
			if escaped[i-1] == '/' {
				return false
			}
		case c >= 'a' && c <= 'z', c >= 'A' && c <= 'Z', c >= '0' && c <= '9', c == '-', c == '_', c == '~':
		default:
			return false
		}
	}
	return escaped[len(escaped)-1] != '/'
}

// isSimply is resembles for what is simple, which most paths are, without a copy.
func (e endpoint) isSimply(escaped string) bool {
	path := e.exact()
	if len(escaped) < len(path) || !strings.EqualFold(escaped[:len(path)], path) {
		return false
	}
	format := escaped[len(path):]
	return format == "" || e.hasFormats() && format[0] == '.' && !strings.Contains(format, "/")
}
