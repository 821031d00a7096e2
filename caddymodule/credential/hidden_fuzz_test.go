package credential

import (
	"math/rand/v2"
	"regexp"
	"strings"
	"testing"
)

// value matches a pair that is one cookie to every reader.
var value = regexp.MustCompile(`^[^=]*[\w!#$%&'*+.^|~\x60-]=[!#-+\--Z^-~]*$`)

// hidesCookieSlowly is the plain version of hidesCookie: for each equals sign, it reads the
// whole text before it in the pair.
func hidesCookieSlowly(field, name string) bool {
	for pair := range strings.SplitSeq(field, ";") {
		own, _, ok := strings.Cut(pair, "=")
		if !ok || strings.Trim(own, cookieSpace) == name {
			continue
		}
		if sameCookie(own, name) {
			return true
		}
		for at := range len(pair) {
			if pair[at] != '=' {
				continue
			}
			text := strings.TrimRight(pair[:at], cookieSpace)
			word := strings.LastIndexFunc(text, func(r rune) bool { return r >= 0x80 || !isTokenChar(byte(r)) }) + 1
			for word > 0 && word < len(text) && text[word] >= 0x80 {
				word++ // the last letter before it has several bytes
			}
			if word > 0 && sameCookie(text[word:], name) && isLong(pair[at+1:]) && (at == len(own) || !value.MatchString(pair)) {
				return true
			}
		}
	}
	return false
}

// Attack: the reading in one pass misses a hidden cookie that many passes would find. It
// must not report others either.
func TestOnePassFindsTheSameCookies(t *testing.T) {
	names := []string{"d", "sid", "a_d", "s.d", "__", "_d", "d_"}
	pieces := []string{
		"=", "=", "=", ";", " ", "\t", ",", "\xa0", "\x85", "\x7f", "\x00", "+", "%20", "%", "%64", "%u0064", "%3d", "d", "D", "sid", "SI", "s", "a", "_", ".", "[", "[]",
		"é", "\"", "\\", ":", "@", "x=", "x=1", strings.Repeat("f", minTokenSize-1), strings.Repeat("f", minTokenSize),
	}
	random, held := rand.New(rand.NewPCG(1, 2)), 0
	for range 200_000 {
		name := names[random.IntN(len(names))]
		var field strings.Builder
		for range random.IntN(16) {
			if random.IntN(6) == 0 {
				field.WriteString(name + "=")
			}
			field.WriteString(pieces[random.IntN(len(pieces))])
		}
		want := hidesCookieSlowly(field.String(), name)
		if got := hidesCookie([]string{field.String()}, name); got != want {
			t.Fatalf("%q: a hidden %q is found: %v, want %v", field.String(), name, got, want)
		}
		if want {
			held++
		}
	}
	if held < 1000 {
		t.Errorf("%d fields hid a cookie, which proves little", held)
	}
}

// FuzzHidesCookie is the same test for fuzzed fields.
func FuzzHidesCookie(f *testing.F) {
	long := strings.Repeat("f", minTokenSize)
	for _, seed := range [][2]string{
		{"d=d=d=d=", "sid"},
		{"x=1 sid =" + long, "sid"},
		{"x=sid=" + long, "sid"},
		{"x= sid=" + long + ";y", "sid"},
		{"a=;sid=; SID=", "sid"},
		{"x=1,%73id=" + long, "sid"},
		{"%20%20sid%20 \xa0=", "sid"},
		{"= = =sid;=" + long, "sid"},
		{"=:sid=" + long, "sid"},
		{"a=b; c sid=" + long, "sid"},
		{"a.b c=1", "a_b_c"},
		{"a[b]=1", "a"},
		{"x=a:sid=" + long, "sid"},
		{"x=\"a\"b:sid=" + long, "sid"},
		{"x=\\@sid= \t" + long, "sid"},
		{"%7;d=", "d"},
		{"%u0064=", "d"},
		{"\x85sid=", "sid"},
		{"a=%73=id=", "sid"},
	} {
		f.Add(seed[0], seed[1])
	}
	f.Fuzz(func(t *testing.T, field, name string) {
		// A configuration accepts only such cookie names.
		if name == "" || strings.ContainsFunc(name, func(c rune) bool { return c > '~' || !isTokenChar(byte(c)) }) {
			return
		}
		want := hidesCookieSlowly(field, name)
		if got := hidesCookie([]string{field}, name); got != want {
			t.Errorf("%q: a hidden %q is found: %v, want %v", field, name, got, want)
		}
		if got := hidesCookie([]string{"d=", field}, name); got != (want || hidesCookieSlowly("d=", name)) {
			t.Errorf("%q: in the second field a hidden %q is found: %v", field, name, got)
		}
	})
}
