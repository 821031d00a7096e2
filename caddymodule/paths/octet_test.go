package paths

import (
	"net/http"
	"net/url"
	"runtime"
	"strings"
	"testing"

	"github.com/sessiongate/sessiongate/caddymodule/paths/pathstest"
)

// Attack: %252525…, in as many levels as a header can hold, costs seconds of CPU if each
// pass decodes one level (invariant 12). One pass uses one buffer.
func TestDecodingTakesOnePass(t *testing.T) {
	const levels = 1 << 17
	text := "/%" + strings.Repeat("25", levels) + "41"
	if got := decodePercent(text); got != "/A" {
		t.Errorf("decoded to %d bytes that begin with %.10q", len(got), got)
	}
	if n := testing.AllocsPerRun(10, func() { decodePercent(text) }); n > 2 {
		t.Errorf("%d levels take %v allocations, want a buffer and a string", levels, n)
	}
}

// decodeInPasses is the plain version of decodePercent.
func decodeInPasses(p string) string {
	for {
		var pass strings.Builder
		for i := 0; i < len(p); i++ {
			if i+2 < len(p) && p[i] == '%' {
				if octet, err := url.PathUnescape(p[i : i+3]); err == nil {
					pass.WriteString(octet)
					i += 2
					continue
				}
			}
			pass.WriteByte(p[i])
		}
		decoded := pathstest.OverlongForms.Replace(pass.String())
		if decoded == p {
			return p
		}
		p = decoded
	}
}

// One pass gives the result of many passes, and no escape is left.
func FuzzDecodePercent(f *testing.F) {
	for _, text := range append(pathstest.Misspellings, "%", "%%", "%2", "%%341", "%2%35%34%31", "%zz", "..", "/a/%00/../b", "%2%2525") {
		f.Add(text)
	}
	f.Fuzz(func(t *testing.T, text string) {
		decoded := decodePercent(text)
		if want := decodeInPasses(text); decoded != want {
			t.Errorf("decodePercent(%q) = %q, in passes %q", text, decoded, want)
		}
		if again := decodePercent(decoded); again != decoded {
			t.Errorf("decodePercent(%q) = %q, and again %q", text, decoded, again)
		}
	})
}

// Attack: 16 KiB of slashes or dots in the path of a DELETE. Each slash or dot would be a
// segment in memory (invariant 12).
func TestLongPathsAreReadInAFewCopies(t *testing.T) {
	const size, times = 16 << 10, 100
	p := mustPath(t, endpoint, Options{})
	for _, long := range []string{
		strings.Repeat("/", size), strings.Repeat("/..", size/3), strings.Repeat("/a;", size/3), strings.Repeat("/.", size/2),
		strings.Repeat(`/\`, size/2), strings.Repeat("/%09", size/4), strings.Repeat("/v1/auth/ſ", size/11),
	} {
		u := &url.URL{Path: long}
		var before, after runtime.MemStats
		runtime.ReadMemStats(&before)
		for range times {
			match(p, http.MethodDelete, u)
		}
		runtime.ReadMemStats(&after)
		if n := (after.TotalAlloc - before.TotalAlloc) / times; n > 12*size {
			t.Errorf("a path of %.9q takes %d bytes, want twelve times its %d at the most", long, n, size)
		}
	}
}
