package oauth_test

import (
	"bytes"
	"compress/flate"
	"compress/gzip"
	"compress/zlib"
	"errors"
	"io"
	"strings"
	"testing"
	"time"

	"github.com/sessiongate/sessiongate/caddymodule/oauth"
)

const formType = "application/x-www-form-urlencoded"

func TestAnswersThatAreRead(t *testing.T) {
	for _, tt := range []struct {
		mediaType, body string
		want            oauth.Answer
	}{
		{
			"application/json;charset=UTF-8", ` {"access_token":"a","token_type":"Bearer","expires_in":60,"refresh_token":"r","id_token":"i","refresh_expires_in":1800} `,
			oauth.Answer{Access: "a", Refresh: "r", ID: "i", RefreshLifetime: 30 * time.Minute},
		},
		{"", `{"accessToken":"a","refreshToken":"r"}`, oauth.Answer{Access: "a", Refresh: "r"}},
		{"text/html", `{"access_token":"a","refresh_token":null,"x":{"access_token":"b"}}`, oauth.Answer{Access: "a"}},
		{"application/json", `{"refresh_expires_in":"1800"}`, oauth.Answer{}},
		{"application/json", `{"refresh_expires_in":-1}`, oauth.Answer{}},
		{"application/json", `{"refresh_expires_in":1e300}`, oauth.Answer{RefreshLifetime: 100 * 365 * 24 * time.Hour}},
		{"application/json", "", oauth.Answer{}},
		{formType + "; charset=utf-8", "access_token=a%2Bb&scope=repo%2Cgist&token_type=bearer", oauth.Answer{Access: "a+b"}},
	} {
		if got, err := new(oauth.Names).ParseAnswer(tt.mediaType, []byte(tt.body)); err != nil || got != tt.want {
			t.Errorf("%s %q: %+v, %v; want %+v", tt.mediaType, tt.body, got, err, tt.want)
		}
	}
}

// Attack: the gate reads one token in an answer and the client another, or only the client
// finds one.
func TestAnswersThatAreWithheld(t *testing.T) {
	for name, tt := range map[string][2]string{
		"two tokens":                 {"application/json", `{"access_token":"a","access_token":"b"}`},
		"two spellings":              {"application/json", `{"access_token":"a","ACCESS_TOKEN":"b"}`},
		"a list":                     {"application/json", `[{"access_token":"a"}]`},
		"a token in a list":          {"application/json", `{"access_token":["a"]}`},
		"a byte order mark":          {"application/json", "\ufeff{\"access_token\":\"a\"}"},
		"a form that is called JSON": {"application/json", "access_token=a"},
		"JSON that is called a form": {formType, `{"access_token":"a"}`},
		"JSON beyond a mark, too":    {formType, "\ufeff{\"access_token\":\"a\"}"},
		"text":                       {"text/plain", "access_token=a"},
		"a page":                     {"text/html", "<html></html>"},
		"two in a form":              {formType, "access_token=a&access_token=b"},
		"a form with a semicolon":    {formType, "a=b;access_token=a"},
		"a broken form":              {formType, "access_token=%"},
		"a token with a blank":       {"application/json", `{"access_token":" a"}`},
		"half":                       {"application/json", `{"access_token":"a"`},
		"two documents":              {"application/json", `{}{"access_token":"a"}`},
	} {
		if got, err := new(oauth.Names).ParseAnswer(tt[0], []byte(tt[1])); !errors.Is(err, oauth.ErrAnswer) || got != (oauth.Answer{}) {
			t.Errorf("%s: %+v, %v; want ErrAnswer", name, got, err)
		}
	}
}

// packed returns a text in a content coding.
func packed(t *testing.T, text string, coding func(io.Writer) io.WriteCloser) []byte {
	t.Helper()
	var b bytes.Buffer
	w := coding(&b)
	if _, err := io.WriteString(w, text); err != nil {
		t.Fatal(err)
	}
	if err := w.Close(); err != nil {
		t.Fatal(err)
	}
	return b.Bytes()
}

func asGzip(w io.Writer) io.WriteCloser { return gzip.NewWriter(w) }
func asZlib(w io.Writer) io.WriteCloser { return zlib.NewWriter(w) }

func asFlate(w io.Writer) io.WriteCloser {
	writer, _ := flate.NewWriter(w, flate.BestSpeed) // the level is valid
	return writer
}

func TestDecode(t *testing.T) {
	const text, limit = `{"access_token":"a"}`, 100
	large := strings.Repeat("x", 1<<20)
	for name, tt := range map[string]struct {
		encodings []string
		body      []byte
		ok        bool
	}{
		"none":                  {nil, []byte(text), true},
		"identity":              {[]string{" Identity"}, []byte(text), true},
		"gzip":                  {[]string{"gzip"}, packed(t, text, asGzip), true},
		"x-gzip":                {[]string{"x-gzip"}, packed(t, text, asGzip), true},
		"deflate":               {[]string{"deflate"}, packed(t, text, asZlib), true},
		"deflate, bare":         {[]string{"deflate"}, packed(t, text, asFlate), true},
		"too large":             {nil, []byte(large), false},
		"a bomb":                {[]string{"gzip"}, packed(t, large, asGzip), false},
		"a bare bomb":           {[]string{"deflate"}, packed(t, large, asFlate), false},
		"brotli":                {[]string{"br"}, []byte(text), false},
		"zstd":                  {[]string{"zstd"}, []byte(text), false},
		"two":                   {[]string{"gzip", "gzip"}, packed(t, text, asGzip), false},
		"said and not done":     {[]string{"gzip"}, []byte(text), false},
		"a coding cut off":      {[]string{"gzip"}, packed(t, text, asGzip)[:30], false},
		"deflate that is none":  {[]string{"deflate"}, []byte(text), false},
		"one of each":           {[]string{"gzip, br"}, packed(t, text, asGzip), false},
		"done and not said":     {[]string{"identity"}, packed(t, text, asGzip), true}, // no JSON without decompression
		"an empty body in gzip": {[]string{"gzip"}, nil, false},
	} {
		got, err := oauth.Decode(tt.encodings, tt.body, limit)
		if ok := err == nil; ok != tt.ok || !ok && !errors.Is(err, oauth.ErrAnswer) {
			t.Errorf("%s: %v", name, err)
		} else if ok && name != "done and not said" && string(got) != text {
			t.Errorf("%s: %q", name, got)
		}
	}
}
