package credential

import (
	"net/http"
	"net/textproto"
	"strings"
)

// cookieSpace holds the characters that net/http trims from names and values.
const cookieSpace = " \t\r\n"

// findCookie returns the value of the last cookie of that name in the Cookie fields, and
// how many there are. It splits fields as net/http does, so that the gate sees every cookie
// that an application could see. It does not allocate.
func findCookie(fields []string, name string) (value string, found int) {
	for _, field := range fields {
		// Most requests have other cookies only.
		for more := strings.Contains(field, name); more; {
			var pair string
			pair, field, more = strings.Cut(field, ";")
			if text, ok := cookieValue(pair, name); ok {
				value = text
				found++
			}
		}
	}
	return value, found
}

// cookieValue returns the value of a cookie pair if the cookie has that name.
// The value may be quoted (RFC 6265 §4.1.1), and a name alone is a cookie without
// a value.
func cookieValue(pair, name string) (value string, ok bool) {
	own, value, _ := strings.Cut(pair, "=")
	if textproto.TrimString(own) != name {
		return "", false
	}
	value = textproto.TrimString(value)
	if len(value) > 1 && value[0] == '"' && value[len(value)-1] == '"' {
		value = value[1 : len(value)-1]
	}
	return value, true
}

// stripCookie removes the cookies of that name from the Cookie fields. Every other byte
// stays as it was.
func stripCookie(header http.Header, name string) {
	fields := header["Cookie"]
	if _, found := findCookie(fields, name); found == 0 {
		return
	}
	// A new slice: shallow copies of the request share the old one.
	kept := make([]string, 0, len(fields))
	for _, field := range fields {
		if rest := withoutCookie(field, name); rest != "" {
			kept = append(kept, rest)
		}
	}
	if len(kept) == 0 {
		delete(header, "Cookie")
		return
	}
	header["Cookie"] = kept
}

func withoutCookie(field, name string) string {
	var rest strings.Builder
	for more := field != ""; more; {
		var pair string
		pair, field, more = strings.Cut(field, ";")
		if _, ok := cookieValue(pair, name); ok {
			continue
		}
		if rest.Len() > 0 {
			rest.WriteByte(';')
		} else {
			pair = strings.TrimLeft(pair, cookieSpace)
		}
		rest.WriteString(pair)
	}
	return rest.String()
}
