// Package pathstest holds request targets that readers of paths disagree on, for
// tests.
package pathstest

import "strings"

// Misspellings are targets that some reader behind the gate takes for the endpoint.
var Misspellings = []string{
	// Slashes, doubled and trailing.
	"//v1/auth/session", "/v1//auth/session", "/v1/auth//session", "/v1/auth/session/", "/v1/auth/session//", "///v1///auth///session",
	// Dot segments.
	"/./v1/auth/session", "/v1/./auth/session", "/v1/auth/session/.", "/v1/auth/x/../session", "/v1/auth/session/x/..", "/../v1/auth/session",
	"/x/../v1/auth/session", "/v1/auth/session/./",
	// Percent-encoding of letters, slashes and dots, in both cases and twice.
	"/v1/auth/%73ession", "/%76%31/auth/session", "/v1%2fauth/session", "/v1/auth%2Fsession", "/v1/auth/session%2f", "/v1/%2e/auth/session",
	"/v1/x/%2E%2e/auth/session", "/v1/x/.%2e/auth/session", "/v1/auth/%2573ession", "/v1/auth%252Fsession", "/v1/auth/%252573ession",
	"/v1/auth/sessio%25%36%65",
	// Letter case, also U+017F, which folds to s.
	"/V1/auth/session", "/v1/AUTH/session", "/v1/auth/Session", "/v1/auth/%53ESSION", "/v1/auth/%c5%bfession",
	// U+0130, which is "i" in lower case, and U+0131, which is "I" in upper case.
	"/v1/auth/sess%c4%b0on", "/v1/auth/sess%c4%b1on",
	// Overlong forms of a slash, a dot, a letter and a percent sign.
	"/v1/auth%c0%afsession", "/v1/%c0%ae/auth/session", "/v1/auth%e0%80%afsession", "/v1/auth%f0%80%80%afsession", "/v1/auth/%c1%b3ession",
	"/v1/auth/%c0%a573ession",
	// Parameters.
	"/v1/auth/session;", "/v1/auth/session;jsessionid=1", "/v1;a=b/auth/session", "/v1/auth/session%3Ba", "/v1/auth/x/..;/session",
	"/v1/auth/session;a/;b",
	// Backslashes.
	`/v1/auth\session`, `/v1%5cauth%5Csession`, `/\v1/auth/session`, `/v1/auth/session\`, `/v1/auth/x/..\session`,
	// Blanks, NUL and other control characters at the end.
	"/v1/auth/session%20", "/v1/auth/session%09", "/v1/auth/session%00", "/v1/auth/session%00.html", "/v1/auth/session%0a", "/v1/auth/session%0d%0a",
	"/v1%20/auth/session", "/v1/auth/session%7f", "/v1/auth/session%20/", "/v1/auth/session%2520",
	// A query or fragment behind an escape, for readers that decode before they split.
	"/v1/auth/session%3Fa=b", "/v1/auth/session%23a", "/v1/auth/session%253f",
	// A host and the endpoint, for readers that resolve the target as a reference.
	"//x/v1/auth/session", "///x/v1/auth/session", "//x.example:80/v1/auth/session/", `/\x/v1/auth/session`, "//x%2fv1/auth/session",
	"/%2fx/v1/auth/%73ession", "//x//v1/auth/session",
	// Segments that one reader drops, decodes or splits, and another takes back.
	"/v1/auth/;/../session", "/v1/auth/%20/../session", "/v1/auth//../session", `/v1/auth/a\b/../session`, "/v1/auth/a%2fb/../session",
	"/v1/auth/a%5cb/../session", "/v1/auth/%252e%252e/../session", "/v1/auth/..;/../session", "/v1/auth/%23/../session", "/v1/auth/%3F/../session",
	"/v1/auth/%00/../session", "/v1/auth/%2e/../session", "/v1/a%2fb/c/../../auth/session", "/v1/auth/session/%2f/..", "/v1/auth/session;a/b",
	`/v1;\0/auth/session`, "/v1;a%2fb/auth/session", "/v1;%2f../auth/session",
	// Any number of segments that are taken back.
	"/v1" + strings.Repeat("/a/..", 64) + "/auth/session", strings.Repeat("/a", 63) + strings.Repeat("/..", 63) + "/v1/auth/session",
	strings.Repeat("/a", 64) + strings.Repeat("/..", 64) + "/v1/auth/session", strings.Repeat("/a", 300) + strings.Repeat("/%2e%2e", 300) + "/v1/auth/session",
	"/v1/auth" + strings.Repeat("/a", 65) + strings.Repeat(`\..`, 65) + "/session", strings.Repeat("/..", 1000) + "/v1/auth/session",
	// Tabs and line breaks, which URL parsers remove wherever they are.
	"/v1/auth/se%09ssion", "/v1%0a/auth/session", "/v1/au%0dth/sess%0Aion", "/v1/auth/%09session", "/v1/auth/se%2509ssion",
	// A format, and a dot that Windows drops.
	"/v1/auth/session.json", "/v1/auth/session.", "/v1/auth/session.tar.gz", "/v1/auth/SESSION.XML", "/v1/auth/session%2ejson", "/v1/auth/session.json/",
	// The path of a script, and segments that are for the server itself.
	"/index.php/v1/auth/session", "/app.PHP/v1/auth/session/", "/x/y.cgi/v1//auth/session", "/v1/auth/session.php/x", "/%69ndex%2ephp/v1/auth/session",
	"/v1/auth/@@session", "/(S(abc))/v1/auth/session", "/v1/(A(x)F(y))/auth/session", "/v1/auth/++view++session", "/v1/auth/%40%40session",
	"/VirtualHostBase/http/x:80/VirtualHostRoot/v1/auth/session", "/VirtualHostRoot/v1/auth/session", "/v1/auth/se%00ss%01ion",
	// The path in the query.
	"/?/v1/auth/session", "/index.php?/v1/auth/session&x=1", "/?/v1/auth/session/",
	// With a query of its own.
	"//v1/auth/session?session_id=x",
}

// OverlongForms turns each ASCII character in two, three or four bytes into one.
var OverlongForms = func() *strings.Replacer {
	var pairs []string
	for c := range byte(0x80) {
		lead, last := c>>6, c&0x3f|0x80
		for _, form := range [][]byte{{0xc0 | lead, last}, {0xe0, 0x80 | lead, last}, {0xf0, 0x80, 0x80 | lead, last}} {
			pairs = append(pairs, string(form), string(rune(c)))
		}
	}
	return strings.NewReplacer(pairs...)
}()
