package oauth_test

import (
	"errors"
	"fmt"
	"runtime"
	"strings"
	"testing"

	"github.com/sessiongate/sessiongate/caddymodule/credential"
	"github.com/sessiongate/sessiongate/caddymodule/oauth"
)

// The gate verifies tokens up to this length. It must not pass on a longer token unread.
func TestATokenMayBeAsLongAsOneThatIsVerified(t *testing.T) {
	if oauth.MaxAccessTokenSize != credential.MaxSize || oauth.MaxTokenSize > credential.MaxSize {
		t.Errorf("tokens of %d and %d bytes are read here, and of %d verified", oauth.MaxAccessTokenSize, oauth.MaxTokenSize, credential.MaxSize)
	}
}

// Attack: three tokens of 20 KB in a body of 60 KB, each of which must be hashed and
// looked up.
func TestTooLongATokenIsRefused(t *testing.T) {
	longest := strings.Repeat("a", oauth.MaxTokenSize)
	if requested, answered := accepts(t, longest); !requested || !answered {
		t.Errorf("the longest token may be presented: %t, and handed out: %t", requested, answered)
	}
	if requested, answered := accepts(t, longest+"a"); requested || answered {
		t.Errorf("a longer token may be presented: %t, and handed out: %t", requested, answered)
	}
	for _, name := range []string{"subject_token", "actor_token", "Refresh_Token[]"} {
		if _, err := parse("", name+"="+longest); err != nil {
			t.Errorf("%s of the longest: %v", name, err)
		}
		for _, body := range []string{name + "=a" + longest, `{"` + name + `":"a` + longest + `"}`} {
			if _, err := parse("", body); !errors.Is(err, oauth.ErrRequest) {
				t.Errorf("%.20s with a longer one: %v, want ErrRequest", body, err)
			}
		}
	}
	longest = strings.Repeat("a", oauth.MaxAccessTokenSize)
	for _, name := range []string{"access_token", "id_token"} {
		if answer, err := new(oauth.Names).ParseAnswer("application/json", []byte(`{"`+name+`":"`+longest+`"}`)); err != nil || answer.Access+answer.ID != longest {
			t.Errorf("%s of the longest: %v", name, err)
		}
		for _, tt := range []struct{ mediaType, body string }{
			{"application/json", `{"` + name + `":"a` + longest + `"}`}, {formType, name + "=a" + longest},
		} {
			if _, err := new(oauth.Names).ParseAnswer(tt.mediaType, []byte(tt.body)); !errors.Is(err, oauth.ErrAnswer) {
				t.Errorf("%.20s with a longer one: %v, want ErrAnswer", tt.body, err)
			}
		}
	}
}

// pairs returns this many irrelevant parameters of a form, each with its own name.
func pairs(n int) string {
	list := make([]string, n)
	for i := range list {
		list[i] = fmt.Sprintf("p%d=1", i)
	}
	return strings.Join(list, "&")
}

// Attack: a body of tens of thousands of parameters.
func TestTooManyParametersAreRefused(t *testing.T) {
	object := func(n int) string {
		return `{"` + strings.ReplaceAll(strings.ReplaceAll(pairs(n), "=", `":`), "&", `,"`) + "}"
	}
	const most = oauth.MaxParameters
	for name, tt := range map[string]struct {
		query, body string
		ok          bool
	}{
		"as many as there may be in a query": {pairs(most), "", true},
		"in a form":                          {"", pairs(most), true},
		"in JSON":                            {"", object(most), true},
		"in a query and a form":              {pairs(most / 2), pairs(most / 2), true},
		"with nothing between":               {"&&", strings.Repeat("&", 1000) + pairs(most) + "&", true},
		"deeper in JSON":                     {"", `{"a":` + object(most) + `,"b":[1,2,3]}`, true},
		"one more in a query":                {pairs(most + 1), "", false},
		"one more in a form":                 {"", pairs(most + 1), false},
		"one more in JSON":                   {"", object(most + 1), false},
		"one more in both":                   {pairs(most / 2), pairs(most/2 + 1), false},
		"one more in a query beside JSON":    {pairs(1), object(most), false},
		"without names":                      {"", strings.Repeat("=&", most+1), false},
		"a token behind them":                {"", pairs(most) + "&refresh_token=a", false},
	} {
		p, err := parse(tt.query, tt.body)
		if tt.ok && err != nil || !tt.ok && (!errors.Is(err, oauth.ErrRequest) || p.Refresh() != "") {
			t.Errorf("%s: %v", name, err)
		}
	}
}

// Attack: hostile bodies of the largest size, with content that is expensive to read. The
// gate may allocate only a small multiple of their length.
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
		if octets > 4*size || pieces > 100 {
			t.Errorf("%s: %d bytes in %d pieces for a body of %d bytes", name, octets, pieces, len(body))
		}
	}
}
