package token

import (
	"math/rand/v2"
	"strings"
	"testing"
)

// holdsCookieSlowly is holdsCookie as it is said: for each equals sign, all that
// stands before it in the pair is looked at anew.
func holdsCookieSlowly(field, name string) bool {
	for at := range len(field) {
		if field[at] != '=' {
			continue
		}
		pair := field[strings.LastIndexByte(field[:at], ';')+1 : at]
		for pair != "" && cutsCookies(pair[len(pair)-1]) {
			pair = pair[:len(pair)-1]
		}
		word := len(pair)
		for word > 0 && !cutsCookies(pair[word-1]) {
			word--
		}
		whole := strings.Trim(pair, cookieSpace)
		if strings.Contains(pair, "=") {
			whole = "" // which ended at the first of them
		}
		if whole != name && (sameCookie(pair[word:], name) || sameCookie(whole, name)) {
			return true
		}
	}
	return false
}

// The attack: a field that is read in one pass hides a cookie that its reading in
// many would have found, or seems to hold one.
func TestOnePassFindsTheSameCookies(t *testing.T) {
	names := []string{"d", "sid", "a_d", "+", "%d", "s%64", "d+d", "__"}
	pieces := []string{"=", "=", ";", " ", "\t", ",", "\xa0", "\x85", "\x7f", "\x00", "+", "%20", "%", "%64", "%3d", "%3B", "d", "D", "sid", "SI", "s", "a", "_", ".", "[", "é"}
	random, held := rand.New(rand.NewPCG(1, 2)), 0
	for range 200_000 {
		var field strings.Builder
		for range random.IntN(12) {
			field.WriteString(pieces[random.IntN(len(pieces))])
		}
		name := names[random.IntN(len(names))]
		want := holdsCookieSlowly(field.String(), name)
		if got := holdsCookie([]string{field.String()}, name); got != want {
			t.Fatalf("%q: a twin of %q is held: %v, want %v", field.String(), name, got, want)
		}
		if want {
			held++
		}
	}
	if held < 1000 {
		t.Errorf("%d fields held a twin, which proves little", held)
	}
}

// FuzzHoldsCookie is the same for fields that are no accident.
func FuzzHoldsCookie(f *testing.F) {
	for _, seed := range [][2]string{
		{"d=d=d=d=", "sid"},
		{"++++d=d=sid=", "sid"},
		{"x=1 sid =", "sid"},
		{"x=sid=1", "sid"},
		{"x= sid=;y", "sid"},
		{"a=;sid=; SID=", "sid"},
		{"x=1,%73id+=2", "sid"},
		{"%20%20sid%20 \xa0=", "sid"},
		{"= = =sid;=", "sid"},
		{"a=b; c sid", "sid"},
		{"a.b c=1", "a_b_c"},
		{"x=1; a.b c=1", "a_b_c"},
		{"x=a.b c=1", "a_b_c"},
		{"%7;d=", "d"},
		{"=%3d=", "d"},
		{"\x85sid=", "sid"},
		{"a=%73=id=", "sid"},
	} {
		f.Add(seed[0], seed[1])
	}
	f.Fuzz(func(t *testing.T, field, name string) {
		// As a configuration may name a cookie.
		if name == "" || strings.ContainsFunc(name, func(c rune) bool { return c > '~' || !isTokenChar(byte(c)) }) {
			return
		}
		want := holdsCookieSlowly(field, name)
		if got := holdsCookie([]string{field}, name); got != want {
			t.Errorf("%q: a twin of %q is held: %v, want %v", field, name, got, want)
		}
		if got := holdsCookie([]string{"d=", field}, name); got != (want || holdsCookieSlowly("d=", name)) {
			t.Errorf("%q: in the second field a twin of %q is held: %v", field, name, got)
		}
	})
}
