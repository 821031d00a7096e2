package paths

import (
	"slices"
	"strings"
	"unicode/utf8"
)

// couldBe reports whether some reader could read an escaped path as this one. It takes a
// few passes over any path (invariant 12).
//
// Attack: DELETE /v1/auth/;/../session, or %23/.., or %252e%252e/.., or a\b/.., or //..,
// or a thousand segments and as many dot-dots in front. One reader finds the endpoint in it.
// Another reader, which drops, decodes or splits first, goes back by more or fewer
// segments. The gate need not follow them: an ordinary DELETE has no dot-dots in front of
// these segments.
func (p *Path) couldBe(escaped string) bool {
	decoded := slashed(decodePercent(escaped))
	if !isContested(decoded) {
		return p.equals(decoded, true)
	}
	return p.occursIn(decoded) || p.occursIn(withoutControls(decoded))
}

// isContested reports whether readers could disagree on the segments of a decoded path,
// beyond empty segments, single dots, blanks and letter case. They disagree on:
//
//   - how many segments dot-dots remove,
//   - where parameters, a query, a fragment or a C string end,
//   - what is a host (RFC 3986 §4.2),
//   - which segments are special.
func isContested(decoded string) bool {
	if strings.HasPrefix(decoded, "//") || strings.Contains(decoded, "..") {
		return true
	}
	for i := range len(decoded) {
		if cutsPaths(decoded[i]) {
			return true
		}
	}
	for segment := range strings.SplitSeq(decoded, "/") {
		if isSpecial(segment) {
			return true
		}
	}
	return false
}

// cutsPaths reports whether some reader ends a segment, or the path, at c.
func cutsPaths(c byte) bool {
	return c < ' ' || c == 0x7f || c == ';' || c == '?' || c == '#'
}

// scripts are the file endings of scripts that servers run. The text after such a file name
// is the script's path.
var scripts = []string{
	".php", ".php3", ".php4", ".php5", ".php7", ".php8", ".phtml", ".phar", ".cgi", ".fcgi", ".pl", ".py", ".rb", ".wsgi",
	".asp", ".aspx", ".ashx", ".asmx", ".axd", ".cfm", ".cfc", ".dll", ".exe", ".jsp", ".jspx",
}

// isSpecial reports whether some server does not pass a segment to the application as
// part of the path.
//
// Attack: DELETE /index.php/v1/auth/session: PHP passes the path /v1/auth/session to
// the script. The same for /(S(x))/oauth/token (ASP.NET), /oauth/@@token (Pyramid),
// /oauth/++view++token and /VirtualHostBase/http/h/VirtualHostRoot/oauth/token (Zope).
func isSpecial(segment string) bool {
	switch {
	case segment == "":
		return false
	case segment[0] == '(' || strings.HasPrefix(segment, "@@") || strings.HasPrefix(segment, "++"):
		return true
	case strings.HasPrefix(segment, "VirtualHost") || strings.HasPrefix(segment, "_vh_"):
		return true
	}
	dot := strings.LastIndexByte(segment, '.')
	return dot >= 0 && slices.ContainsFunc(scripts, func(end string) bool {
		return strings.EqualFold(strings.TrimRight(segment[dot:], " "), end)
	})
}

// equals reports whether a decoded path has the wanted segments and no others. For a Path
// with Children, it may have further segments below them. It ignores empty segments, single
// dots, and a blank at the end of a segment, which Windows drops.
func (p *Path) equals(decoded string, format bool) bool {
	found := 0
	for segment := range strings.SplitSeq(decoded, "/") {
		segment = strings.TrimRight(segment, " ")
		switch {
		case segment == "" || segment == ".":
		case found == len(p.segments):
			return p.children
		case !isSegment(segment, p.segments[found], format && found == len(p.segments)-1):
			return false
		default:
			found++
		}
	}
	return found == len(p.segments) && !p.children
}

// occursIn reports whether the wanted segments are among the segments of a decoded path, in
// order. It splits the path wherever some reader splits it.
func (p *Path) occursIn(decoded string) bool {
	found, begin := 0, 0
	for i := 0; i <= len(decoded) && found < len(p.segments); i++ {
		if i < len(decoded) && decoded[i] != '/' && !cutsPaths(decoded[i]) {
			continue
		}
		segment := strings.TrimPrefix(strings.TrimRight(decoded[begin:i], " "), "@@")
		if strings.HasPrefix(segment, "++") {
			segment = segment[strings.LastIndex(segment, "++")+len("++"):]
		}
		if isSegment(segment, p.segments[found], found == len(p.segments)-1) {
			found++
		}
		begin = i + 1
	}
	return found == len(p.segments)
}

// isSegment reports whether a segment is the wanted one, without regard to letter case.
// If format is set, it may have a format at its end.
//
// Attack: POST /oauth/token.json. For the gate it is another path, and for frameworks
// that choose the format of an answer by the path it is /oauth/token.
func isSegment(segment, want string, format bool) bool {
	if len(segment) < len(want) {
		return false
	}
	if !isASCII(segment) {
		segment = caseless(segment)
	}
	if len(segment) < len(want) || !strings.EqualFold(segment[:len(want)], want) {
		return false
	}
	rest := segment[len(want):]
	return rest == "" || format && rest[0] == '.'
}

func isASCII(text string) bool {
	for i := range len(text) {
		if text[i] >= utf8.RuneSelf {
			return false
		}
	}
	return true
}

// caseless returns one spelling for all texts that are equal in lower or in upper case.
//
// Attack: DELETE /v1/auth/sess%C4%B0on. U+0130 is "i" in lower case, in which Caddy's
// own path matcher compares, and U+0131 is "I" in upper case.
func caseless(p string) string { return strings.ToLower(strings.ToUpper(p)) }

// slashed replaces backslashes by slashes in one pass: strings.Replace takes ten times
// as long for many of them.
func slashed(text string) string {
	if !strings.Contains(text, `\`) {
		return text
	}
	octets := []byte(text)
	for i, c := range octets {
		if c == '\\' {
			octets[i] = '/'
		}
	}
	return string(octets)
}

// withoutControls removes control characters, as URL parsers remove tabs and line breaks
// wherever they are (WHATWG URL, basic URL parser).
//
// Attack: DELETE /v1/auth/se%09ssion, decoded by one reader and parsed by the next.
func withoutControls(text string) string {
	return strings.Map(func(c rune) rune {
		if c < ' ' || c == 0x7f {
			return -1
		}
		return c
	}, text)
}
