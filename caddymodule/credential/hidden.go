package credential

import (
	"net/http"
	"net/textproto"
	"strings"

	"github.com/sessiongate/sessiongate/caddymodule/fieldname"
	"github.com/sessiongate/sessiongate/caddymodule/percent"
)

// hides reports whether a request with one credential carries another credential for some
// reader behind the gate. Without the first credential, the other one admits nobody, unless
// tokens are optional.
//
// Attack: the gate checks the valid token in X-Access-Token. The application reads
// X_Access_Token as the same variable, and uses the revoked token in it.
func (e *Extractor) hides(header http.Header, cookies []string, source Source) bool {
	if e.folded != "" {
		for name := range header {
			if name != e.header && fieldname.Equal(name, e.folded) {
				return true
			}
		}
	}
	if e.authorization && source != SourceHeader {
		for _, value := range header[e.header] {
			if hidesBearer(value) {
				return true
			}
		}
	}
	return hidesCookie(cookies, e.cookie)
}

// hidesBearer reports whether an Authorization of another scheme holds the word Bearer with
// a token after it, or a text that could be a signed token.
//
// Attack: `Basic x, Bearer <token>`, `Bearer<token>` or `Token <token>` beside a valid
// cookie. Readers that split lists find the token. So do readers that search for the word,
// as Laravel does, with a pattern like `bearer\s*(\S+)`. So do readers that use the text
// after the first blank.
func hidesBearer(value string) bool {
	value = textproto.TrimString(value)
	for word := range strings.FieldsFuncSeq(value, endsToken) {
		if len(word) >= minTokenSize && strings.Count(word, ".") >= 2 {
			return true
		}
	}
	for end := len(bearer); end < len(value); end++ {
		if strings.EqualFold(value[end-len(bearer):end], bearer) && (isBlankByte(value[end]) || isLong(value[end:])) {
			return true
		}
	}
	return false
}

// endsToken reports whether a character cannot be in a token.
func endsToken(c rune) bool {
	return !('a' <= c && c <= 'z' || 'A' <= c && c <= 'Z' || '0' <= c && c <= '9' || c == '-' || c == '_' || c == '.')
}

// minTokenSize is smaller than every token. The shortest header has 20 bytes, and the
// required claims have over 30.
const minTokenSize = 48

// hidesCookie reports whether some reader finds a cookie of that name which net/http does
// not find: under a similar name, or inside another cookie.
//
// It reads the text before each equals sign, and goes back no further than the previous
// equals sign. So the time is linear. Attack: `d=d=d=`, and so on for a megabyte.
func hidesCookie(fields []string, name string) bool {
	for _, field := range fields {
		start, skip, last := 0, false, foldCookie(name[len(name)-1])
		for begin := 0; ; {
			next := strings.IndexByte(field[begin:], '=')
			if next < 0 {
				break
			}
			at := begin + next
			if semicolon := strings.LastIndexByte(field[begin:at], ';'); semicolon >= 0 || begin == 0 {
				start = begin + semicolon + 1
				// The gate checks the cookie with exactly this name.
				skip = sameCookie(field[start:at], name)
				if skip && textproto.TrimString(field[start:at]) != name {
					return true
				}
			}
			// The last letter excludes most words.
			if next > 0 && !skip && endsAlike(field[:at], last) && endsInCookie(field[start:], at-start, name) {
				if !isOneCookie(field[start:], at-start) {
					return true
				}
				skip = true
			}
			begin = at + 1
		}
	}
	return false
}

// endsInCookie reports whether the text before an equals sign ends in a cookie of the name,
// and a token may follow it. Ordinary values hold ` session=`, too, but no text as long as
// a token after it.
func endsInCookie(pair string, equals int, name string) bool {
	end := equals
	for end > 0 && strings.IndexByte(cookieSpace, pair[end-1]) >= 0 {
		end--
	}
	word := end
	for word > 0 && isTokenChar(pair[word-1]) {
		word--
	}
	return word > 0 && sameCookie(pair[word:end], name) && isLong(pair[equals+1:])
}

// isOneCookie reports whether the first pair of a text is one cookie to every reader, at
// least from its first equals sign to the given one.
//
// Attack: `x=1 session=<token>` is two cookies to Python's http.cookies,
// `x=1,session=<token>` to CGI.pm, `x=[session=<token>` to WebOb, and
// `x=""session=<token>` to ASP.NET Core. The last one skips a byte where it cannot
// read a cookie, and tries again.
func isOneCookie(text string, equals int) bool {
	pair, _, _ := strings.Cut(text, ";")
	first := strings.IndexByte(pair, '=')
	return 0 < first && first < equals && isTokenChar(pair[first-1]) && !strings.ContainsFunc(pair[first:], endsValue)
}

// endsAlike reports whether a text may end in a name with that last letter, blanks aside.
func endsAlike(text string, last byte) bool {
	n := len(text)
	return text[n-1] <= ' ' || foldCookie(text[n-1]) == last || n > 3 && (text[n-3] == '%' || text[n-3] == '0')
}

// endsValue reports whether r ends a cookie's value for some reader.
func endsValue(r rune) bool {
	return r <= ' ' || r >= 0x7f || strings.ContainsRune("\",[]\\", r)
}

// isLong reports whether a text is at least as long as the shortest token.
func isLong(text string) bool {
	text = strings.TrimLeft(text, cookieSpace+`"`)
	return len(text) >= minTokenSize && !strings.ContainsAny(text[:minTokenSize], cookieSpace+",;")
}

// isBlankByte reports whether some reader reads c as a blank, in some encoding.
func isBlankByte(c byte) bool { return c <= ' ' || c >= 0x7f }

// sameCookie reports whether some reader reads a cookie of this name as a cookie of the
// other name:
//
//   - with bytes over 0x7f or blanks around the name. Attack: `session<U+00A0>=`, from
//     which Django, Starlette and Node.js strip the blanks of Unicode.
//   - in another letter case. Attack: `SESSION=`, to ASP.NET Core.
//   - percent-encoded. Attack: `%73ession=` or `%u0073ession=`, to CGI.pm and Plack.
//   - with characters that PHP turns into an underscore. Attack: `access.token=`.
//   - as an array. Attack: `session[]=`, which is $_COOKIE['session'] to PHP.
//   - with a NUL and more text. Attack: `session%00x=`, to PHP before CVE-2020-7070.
func sameCookie(own, name string) bool {
	i := 0
	for own != "" {
		c := own[0]
		own = own[1:]
		if c == '%' {
			if code := strings.TrimPrefix(own, "u00"); len(code) >= 2 {
				if octet, ok := percent.Octet(code[0], code[1]); ok {
					c, own = octet, code[2:]
				}
			}
		}
		switch {
		case c == 0 && i == len(name):
			return true
		case c >= 0x80, isBlankByte(c) && (i == 0 || i == len(name)):
		case i < len(name) && foldCookie(c) == foldCookie(name[i]):
			i++
		case c == '[' && i == len(name):
			return true
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
	case c == '.' || c == '[' || c == ' ':
		return '_'
	default:
		return c
	}
}
