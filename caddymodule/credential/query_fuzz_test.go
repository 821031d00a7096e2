package credential_test

import (
	"net/http"
	"net/url"
	"reflect"
	"strings"
	"testing"

	"github.com/sessiongate/sessiongate/caddymodule/credential"
)

// plainReader reads names as PHP does, in any letter case: dots and blanks are underscores,
// and brackets make an array.
func plainReader(name string) string {
	name, _, _ = strings.Cut(name, "[")
	name, _, _ = strings.Cut(name, "\x00")
	return strings.ToLower(strings.NewReplacer(".", "_", " ", "_").Replace(strings.Trim(name, " \t\r\n")))
}

// Attack: the query holds two tokens. The gate checks one, and the application uses the
// other.
//
//   - If the gate accepts a token, net/url and PHP find no other one.
//   - TakeQuery removes it for both, and changes no other parameter.
func FuzzQuery(f *testing.F) {
	for _, query := range []string{
		"access_token=a.b.c", "x=1&access_token=a.b.c&y", "access_token=a&ACCESS_TOKEN=b", "%61ccess_token=a&access_token=b", "access_token[]=a&access_token=b",
		"access.token=a&access_token=b", "access+token=a&access_token=b", "x;access_token=a&access_token=b", "access_token=a%20b", "&&=&access_token==",
		"access_token%00=a&access_token=b", "access_token=a&/x", "%=1&access_token=b",
	} {
		f.Add(query)
	}
	f.Fuzz(func(t *testing.T, query string) {
		e := credential.NewExtractor(credential.Places{Query: "access_token"})
		r := &http.Request{URL: &url.URL{Path: "/", RawQuery: query}, Header: http.Header{}}
		raw, _, err := e.Extract(r)
		if err != nil {
			return
		}
		for pair := range strings.SplitSeq(query, "&") {
			own, text, _ := strings.Cut(pair, "=")
			if name, err := url.QueryUnescape(own); err == nil && plainReader(name) == "access_token" && (own != "access_token" || text != raw) {
				t.Errorf("%q: %q is accepted beside %q", query, raw, pair)
			}
		}
		before, _ := url.ParseQuery(query)
		e.TakeQuery(r)
		after, _ := url.ParseQuery(r.URL.RawQuery)
		delete(before, "access_token")
		if !reflect.DeepEqual(before, after) || strings.HasPrefix(r.URL.RawQuery, "/") && !strings.HasPrefix(query, "/") {
			t.Errorf("%q became %q", query, r.URL.RawQuery)
		}
	})
}
