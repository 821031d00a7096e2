package paths

import (
	"slices"
	"strings"
	"unicode/utf8"
)

// couldBe reports whether some reader could take an escaped path for this one. It
// takes a few passes over the path, however it is made (invariant 12).
//
// Attack: DELETE /v1/auth/;/../session, or %23/.., or %252e%252e/.., or a\b/.., or
// //.., or a thousand segments and as many dot-dots in front. One reader makes the
// endpoint of it, and another, who drops, decodes or parts first, takes back more or
// fewer segments. Nobody has to follow them: an ordinary DELETE has no dot-dots in
// front of these very segments.
func (p *Path) couldBe(escaped string) bool {
	decoded := slashed(decodePercent(escaped))
	if !isContested(decoded) {
		return p.equals(decoded, true)
	}
	return p.occursIn(decoded) || p.occursIn(withoutControls(decoded))
}

// isContested reports whether readers could disagree on the segments of a decoded
// path, beyond empty ones, single dots, blanks and letter case: on what dot-dots
// take back, where parameters, a query, a fragment or a text in C end, what is a
// host (RFC 3986 §4.2), and which segments are special.
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

// scripts are the ends of files that servers run, with what is behind them as the path.
var scripts = []string{
	".php", ".php3", ".php4", ".php5", ".php7", ".php8", ".phtml", ".phar", ".cgi", ".fcgi", ".pl", ".py", ".rb", ".wsgi",
	".asp", ".aspx", ".ashx", ".asmx", ".axd", ".cfm", ".cfc", ".dll", ".exe", ".jsp", ".jspx",
}

// isSpecial reports whether a segment is, to some server, no part of the path that it
// gives to the application.
//
// Attack: DELETE /index.php/v1/auth/session, which PHP gives to the script as the path
// /v1/auth/session. Or /(S(x))/oauth/token (ASP.NET), /oauth/@@token (Pyramid),
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

// equals reports whether a decoded path has the wanted segments and no others, or,
// for a Path of children, others below them only. Empty segments and single dots do
// not count, nor does a blank at the end of a segment (Windows drops it).
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

// occursIn reports whether the wanted segments are among those of a decoded path, in
// order. The path is cut wherever some reader cuts it.
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
// It may have a format if that is told.
//
// Attack: POST /oauth/token.json, which is a path of its own to the gate, and
// /oauth/token to frameworks that choose the format of an answer by it.
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

// caseless makes one spelling of those that are one in lower or in upper case.
//
// Attack: DELETE /v1/auth/sess%C4%B0on. U+0130 is "i" in lower case, which is where
// Caddy's own path matcher compares, and U+0131 is "I" in upper case.
func caseless(p string) string { return strings.ToLower(strings.ToUpper(p)) }

// slashed has slashes for backslashes, at the price of one pass: strings.Replace takes
// ten times as long for many of them.
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
