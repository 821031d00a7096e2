package token_test

import (
	"strings"
	"testing"

	"github.com/sessiongate/sessiongate/caddymodule/token"
	"github.com/sessiongate/sessiongate/caddymodule/token/tokentest"
)

// textsOf returns the texts of these claims of a token with these members, by their names.
func textsOf(t *testing.T, members string, names ...string) map[string]token.Text {
	t.Helper()
	v, key := hmacVerifier(t)
	texts := make(map[string]token.Text, len(names))
	indexes := make(map[string]int, len(names))
	for _, name := range names {
		indexes[name] = v.AddView([]string{name})
	}
	verified := mustVerify(t, v, tokentest.Seal(t, key, `{"alg":"HS256"}`, with(t, members)))
	for name, index := range indexes {
		texts[name] = verified.Texts(index)[0]
		if got, known := verified.View(index)("http.auth.user." + name); !known || got != texts[name].Text {
			t.Errorf("the placeholder of %s is %v, %t; its text is %q", name, got, known, texts[name].Text)
		}
	}
	return texts
}

func TestADottedPathLeadsToAClaim(t *testing.T) {
	const members = `"realm_access":{"roles":["dev","ops"],"level":7,"none":null,"more":{"a.b":"deep","":"empty"}},` +
		`"https://example.com/app":{"role":"admin"},"https":{"//example":"never"},"text":"x"`
	for name, want := range map[string]string{
		"realm_access.roles": "dev,ops", "realm_access.level": "7", "realm_access.more.a.b": "deep", "realm_access.more.": "empty",
		"https://example.com/app.role": "admin", "text": "x",
	} {
		if got := textsOf(t, members, name)[name]; !got.OK || got.Text != want {
			t.Errorf("%s is %+v, want %q", name, got, want)
		}
	}
	for _, name := range []string{
		"realm_access", "realm_access.none", "realm_access.more", "realm_access.", "realm_access.role", "realm_access.roles.0", ".roles", ".",
		"text.x", "realm_access..roles", "https://example.com/app.", "nowhere.roles", "Realm_Access.roles",
	} {
		if got := textsOf(t, members, name)[name]; got != (token.Text{}) {
			t.Errorf("%s is %+v, want nothing", name, got)
		}
	}
}

// Attack: a user can choose a claim inside an object, and not the top-level claim of the same
// name. A claim of exactly the configured name comes first, even if it has no text.
func TestAClaimOfExactlyThatNameComesFirst(t *testing.T) {
	for members, want := range map[string]string{
		`"a.b":"top","a":{"b":"nested"}`:              "top",
		`"a":{"b":"nested"},"a.b":"top"`:              "top",
		`"a.b":{"c":"x"},"a":{"b":"nested"}`:          "",
		`"a.b":null,"a":{"b":"nested"}`:               "",
		`"a":{"b":"nested"}`:                          "nested",
		`"a":"a text","b":"x"`:                        "",
		`"a":[{"b":"in a list"}]`:                     "",
		`"a":{"c":{"b":"deeper"}}`:                    "",
		`"a":{"B":"another letter case"}`:             "",
		`"a":{"\u0062":"an escaped name"}`:            "an escaped name",
		`"\u0061":{"b":"an escaped name at the top"}`: "an escaped name at the top",
	} {
		if got := textsOf(t, members, "a.b")["a.b"]; got.Text != want {
			t.Errorf("%s: %q, want %q", members, got.Text, want)
		}
	}
	// The longest name that is an object counts, and no other.
	longest := textsOf(t, `"a.b":{"x":"1"},"a":{"b":{"c":"2"},"b.c":"3"}`, "a.b.c", "a.b.x")
	if longest["a.b.c"].OK || longest["a.b.x"].Text != "1" {
		t.Errorf("the texts are %+v", longest)
	}
}

// Attack: an object names a role twice, or in two letter cases. The application behind the
// gate reads the other one.
func TestAnObjectWithTwinsHoldsNoClaim(t *testing.T) {
	for _, members := range []string{
		`"a":{"b":"user","b":"admin"}`, `"a":{"b":"user","B":"admin"}`, `"a":{"b":"user","\u0062":"admin"}`, `"a":{"b":"user","x":1,"X":2}`,
	} {
		if got := textsOf(t, members, "a.b")["a.b"]; got.OK {
			t.Errorf("%s: %+v", members, got)
		}
	}
}

// Attack: a nested claim breaks out of its header field, as a top-level claim could.
func TestANestedClaimFitsAFieldOrNot(t *testing.T) {
	for value, fits := range map[string]bool{
		`"admin"`: true, `["a","b"]`: true, `"a\r\nX-Admin: 1"`: false, `" admin"`: false, `["a","b,admins"]`: false, `["a"," b"]`: false,
	} {
		if got := textsOf(t, `"a":{"b":`+value+`}`, "a.b")["a.b"]; !got.OK || got.Field != fits {
			t.Errorf("%s: %+v, want one that fits: %t", value, got, fits)
		}
	}
}

// Attack: tokens with large nested claims take more memory than the cache counts.
func TestTheCacheCountsNestedClaims(t *testing.T) {
	const long = 4000
	v, key := hmacVerifier(t)
	raw := tokentest.Seal(t, key, `{"alg":"HS256"}`, with(t, `"a":{"b":"`+strings.Repeat("x", long)+`"}`))
	before := mustVerify(t, v, raw).Size()
	v.AddView([]string{"a.b"})
	if grown := mustVerify(t, v, raw).Size() - before; grown < long {
		t.Errorf("the token grows by %d bytes, want %d or more", grown, long)
	}
}
