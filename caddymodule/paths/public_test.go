package paths

import (
	"net/url"
	"testing"
)

func mustPublic(tb testing.TB, patterns ...string) *Public {
	tb.Helper()
	p, err := NewPublic(patterns)
	if err != nil {
		tb.Fatal(err)
	}
	return p
}

func TestPublicPaths(t *testing.T) {
	p := mustPublic(t, "/healthz", "/assets/*", "/docs/", "/a.b/c-d_e~f")
	for _, text := range []string{
		"/healthz", "/healthz?verbose", "/assets/", "/assets/a", "/assets/a/b.css?v=1", "/assets/a/", "/docs/", "/a.b/c-d_e~f",
		"/assets/a%20b", "/assets/%C3%A9", "/assets/...", "/assets/.hidden", "/assets//a", "/assets/a..b",
	} {
		if !p.MatchURL(target(t, text)) {
			t.Errorf("%s is not public", text)
		}
	}
	for _, text := range []string{
		"/", "/healthz/", "/healthzz", "/healthz/x", "/Healthz", "/assets", "/assetsX", "/assetsX/a", "/ASSETS/a", "/docs", "/docs/a", "//healthz",
		"//assets/a", "/x/assets/a", "/x/healthz", "/healthz%20", "/healthz%00",
	} {
		if p.MatchURL(target(t, text)) {
			t.Errorf("%s is public", text)
		}
	}
}

// Attack: a path is public by its beginning. For an upstream that cleans it, decodes it
// once more, or reads it by the rules of its platform, it is another path.
func TestPublicIsNotLeftByTraversal(t *testing.T) {
	p := mustPublic(t, "/healthz", "/assets/*")
	for _, text := range []string{
		"/assets/../admin", "/assets/x/../../admin", "/assets/./../admin", "/assets/..", "/assets/.", "/assets/x/..", "/assets/../assets/a",
		"/assets/%2e%2e/admin", "/assets/%2E./admin", "/assets/..%2fadmin", "/assets/..%2Fadmin", "/assets/a%2fb", "/assets/logo%2epng",
		"/assets/%252e%252e/admin", "/assets/%25", "/assets/..%5cadmin", `/assets/..\admin`, "/assets/..;/admin", "/assets/..;a=b/admin",
		"/assets/a;b", "/assets/%3Bb", "/assets/..%00/admin", "/assets/a%0d%0ab", "/assets/%09..", "/assets/%7f", "/healthz/../admin",
		"/admin/../healthz", "/admin/../assets/a", "/healthz;/../admin", "/%68ealthz;",
		// A query or a fragment for a reader that decodes first, and blanks that
		// Windows drops.
		"/assets/..%3f", "/assets/..%23x", "/healthz%3f", "/assets/..%20/admin", "/assets/x/..%20%20/../../admin",
		// Empty segments, which only some readers remove before dot-dots.
		"/assets/../admin//../assets/a", "/assets//../../admin",
		// Overlong forms of a dot and a slash, for decoders that accept them.
		"/assets/%c0%ae%c0%ae/admin", "/assets/..%c0%afadmin", "/assets/%e0%80%ae%e0%80%ae/admin", "/assets/%ff",
	} {
		if p.MatchURL(target(t, text)) {
			t.Errorf("%s is public", text)
		}
	}
}

func TestNothingIsPublicUnlessNamed(t *testing.T) {
	for _, text := range []string{"/", "/healthz", "/assets/a"} {
		if mustPublic(t).MatchURL(target(t, text)) {
			t.Errorf("%s is public", text)
		}
	}
	everything := mustPublic(t, "/*")
	if !everything.MatchURL(target(t, "/a/b")) || everything.MatchURL(&url.URL{Path: "*"}) {
		t.Error("/* is not every absolute path")
	}
}
