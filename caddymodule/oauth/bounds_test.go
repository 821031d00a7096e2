package oauth_test

import (
	"runtime"
	"strings"
	"testing"
)

// Attack: hostile bodies as large as they may be, with what is dear to read. None has the
// gate allocate more than a small multiple of its length.
func TestReadingAllocatesNoMoreThanAMultipleOfTheBody(t *testing.T) {
	const size = 64 << 10
	fill := func(text string) string { return strings.Repeat(text, size/len(text)) }
	for name, body := range map[string]string{
		"a long name":                         fill("a"),
		"a name of punctuation":               fill("_") + "refresh_token=a",
		"a name of brackets":                  fill("["),
		"a name of NULs":                      fill("%00"),
		"a name of capitals":                  fill("A"),
		"a name of letters that fold":         fill("\u017f"),
		"escapes":                             fill("%41"),
		"escapes of ASP":                      fill("%u0041"),
		"plus signs":                          fill("+"),
		"lone percent signs":                  fill("%"),
		"nothing between":                     fill("&"),
		"equals signs":                        fill("="),
		"many parameters":                     fill("a=&"),
		"a long token":                        "refresh_token=" + fill("a"),
		"JSON with many members":              `{"a":1` + fill(`,"a":1`) + "}",
		"JSON that is a form of many":         `{"a":"` + fill("&a=") + `"}`,
		"JSON that is one of many, encoded":   `{"a":"` + fill("&%61=") + `"}`,
		"JSON that is one of many, semicolon": `{"a":"` + fill(";A=") + `"}`,
		"JSON with escapes":                   `{"a":"` + fill(`\u0061`) + `"}`,
		"JSON with an escaped name":           `{"` + fill(`\u0061`) + `":1}`,
		"JSON with a long token":              `{"refresh_token":"` + fill(`\u0061`) + `"}`,
		"JSON with an escaped pair":           `{"a":"` + fill("%26") + `"}`,
	} {
		var before, after runtime.MemStats
		runtime.ReadMemStats(&before)
		_, _ = parse("", body) // some are refused
		runtime.ReadMemStats(&after)
		octets, pieces := after.TotalAlloc-before.TotalAlloc, after.Mallocs-before.Mallocs
		if octets > 4*size || pieces > 20_000 {
			t.Errorf("%s: %d bytes in %d pieces for a body of %d bytes", name, octets, pieces, len(body))
		}
	}
}
