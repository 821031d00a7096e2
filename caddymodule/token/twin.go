package token

import (
	"net/http"
	"strings"
)

// twin reports whether a request that carries one credential carries another
// one for some reader behind the gate: under a name that is a different one to
// net/http, or inside a value that others cut differently. Alone, such a thing
// is no credential, and lets nobody in.
//
// Attack: the gate judges the good token in X-Access-Token, and the application,
// to whom X_Access_Token is the same variable, uses the revoked one in that.
//
// Another scheme in Authorization is no credential, as always: what the
// application takes from there is not the gate's to judge.
func (e *Extractor) twin(r *http.Request) bool {
	if e.foldable {
		for name := range r.Header {
			if name != e.header && sameField(name, e.header) {
				return true
			}
		}
	}
	return e.cookie != "" && holdsCookie(r.Header["Cookie"], e.cookie)
}

// sameField reports whether two field names are one variable to CGI and its
// heirs: some of them write an underscore for all but letters and digits.
func sameField(a, b string) bool {
	if len(a) != len(b) {
		return false
	}
	for i := range len(a) {
		if foldField(a[i]) != foldField(b[i]) {
			return false
		}
	}
	return true
}

func foldField(c byte) byte {
	switch {
	case 'A' <= c && c <= 'Z':
		return c + 'a' - 'A'
	case 'a' <= c && c <= 'z' || '0' <= c && c <= '9':
		return c
	default:
		return '_'
	}
}

// holdsCookie reports whether the Cookie fields hold a cookie that is of that
// name to some reader and not to net/http. It looks at what stands before each
// equals sign, and back to the one before at most: no name has one in it.
//
// Attack: `d=d=d=`, and so on, beside a cookie that nobody signed. Were all of the
// pair read anew for each equals sign, 32 KiB of it would take a processor for a
// quarter of a second, and a megabyte for minutes.
func holdsCookie(fields []string, name string) bool {
	for _, field := range fields {
		for begin := 0; ; {
			next := strings.IndexByte(field[begin:], '=')
			if next < 0 {
				break
			}
			if own := trimCookie(field[begin : begin+next]); endsLike(own, name) && isTwin(own, name, begin == 0) {
				return true
			}
			begin += next + 1
		}
	}
	return false
}

func trimCookie(text string) string {
	for text != "" && cutsCookies(text[len(text)-1]) {
		text = text[:len(text)-1]
	}
	return text
}

// endsLike tells most names apart by their last letter.
func endsLike(own, name string) bool {
	n := len(own)
	return n > 0 && (own[n-1] == '+' || foldCookie(own[n-1]) == foldCookie(name[len(name)-1])) || n >= 3 && own[n-3] == '%'
}

// isTwin reports whether a text ends in a cookie's name that is the other one to
// some reader: all of the pair up to its first equals sign, or the last word,
// because to some a comma (RFC 2965 §3.3.1) or a blank parts cookies too. A pair
// begins behind the text's last semicolon or, if so told, where the text does.
func isTwin(text, name string, begins bool) bool {
	if semicolon := strings.LastIndexByte(text, ';'); semicolon >= 0 {
		text, begins = text[semicolon+1:], true
	}
	word := len(text)
	for word > 0 && !cutsCookies(text[word-1]) {
		word--
	}
	if !begins {
		// What nothing parts from the equals sign before is a value.
		return word > 0 && sameCookie(text[word:], name)
	}
	whole := strings.Trim(text, cookieSpace)
	// By its own name it was found already.
	return whole != name && (sameCookie(text[word:], name) || sameCookie(whole, name))
}

// cutsCookies reports whether some reader cuts at c: a comma, or what it takes
// for a blank in one byte or another encoding.
func cutsCookies(c byte) bool {
	return c <= ' ' || c == ',' || c == 0x7f || c == 0x85 || c == 0xa0
}

// sameCookie reports whether a cookie of this name is of the other one for some
// reader: in another letter case (ASP.NET), percent-encoded (CGI.pm, and PHP and
// Rack before CVE-2020-7070 and CVE-2020-8184), or with what PHP turns into an
// underscore.
func sameCookie(own, name string) bool {
	i := 0
	for own != "" {
		c := own[0]
		own = own[1:]
		if c == '%' && len(own) >= 2 && isHex(own[0]) && isHex(own[1]) {
			c, own = hexValue(own[0])<<4|hexValue(own[1]), own[2:]
		}
		switch {
		case i < len(name) && foldCookie(c) == foldCookie(name[i]):
			i++
		case (c == '+' || c <= ' ') && (i == 0 || i == len(name)):
			// Blanks around a name are dropped, by PHP once they are decoded.
		default:
			return false
		}
	}
	return i == len(name)
}

func foldCookie(c byte) byte {
	switch {
	case 'A' <= c && c <= 'Z':
		return c + 'a' - 'A'
	case c == '.' || c == '+' || c == '[' || c == ' ':
		return '_'
	default:
		return c
	}
}

func isHex(c byte) bool {
	return '0' <= c && c <= '9' || 'a' <= c && c <= 'f' || 'A' <= c && c <= 'F'
}

func hexValue(c byte) byte {
	if c <= '9' {
		return c - '0'
	}
	return c&0xf + 9
}
