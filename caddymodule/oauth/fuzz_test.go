package oauth_test

import (
	"encoding/base64"
	"encoding/json"
	"net/url"
	"slices"
	"strings"
	"testing"
	"unicode"

	"github.com/sessiongate/sessiongate/caddymodule/oauth"
)

// Attack: some reader of a form, such as net/url, finds a refresh token in it that the gate
// does not find. An accepted form has exactly the tokens that net/url finds, each once.
func FuzzForm(f *testing.F) {
	for _, form := range []string{
		"grant_type=refresh_token&refresh_token=a", "refresh_token=a&refresh_token=b", "a=b;refresh_token=c", "refresh_token=%41+b",
		`{"refresh_token":"a"}`, "%7b%22refresh_token%22:%22a%22}", "&&{}",
		"refresh_token", "=refresh_token", "&&=&", "refresh%5ftoken=%zz", "REFRESH_TOKEN=a", "refresh_token[]=a", "subject_token=s&actor_token=t",
		"refresh=an+opaque-token", "refresh=an-opaque-token&refresh_token=b", "refresh=true&refresh_token=b", "refresh[token]=an-opaque-token",
	} {
		f.Add(form)
	}
	f.Fuzz(func(t *testing.T, form string) {
		p := new(oauth.Parameters)
		if p.AddForm(form) != nil {
			return
		}
		values, err := url.ParseQuery(form)
		if err != nil {
			t.Fatalf("%q is accepted, and net/url says %v", form, err)
		}
		wantTokens(t, form, p, func(name string) []string { return values[name] })
		// No reader that looks only at the body finds a document in it.
		decoded, _ := url.QueryUnescape(form) // net/url has read it
		for _, doc := range []string{form, decoded} {
			var members map[string]any
			if json.Unmarshal([]byte(strings.TrimPrefix(doc, "\ufeff")), &members) == nil {
				t.Errorf("%q is accepted, and has the members %q for encoding/json", form, members)
			}
		}
	})
}

// The same for JSON, with encoding/json.
func FuzzDocument(f *testing.F) {
	for _, doc := range []string{
		`{"grant_type":"refresh_token","refresh_token":"a"}`, `{"refresh_token":"a","REFRESH_TOKEN":"b"}`, `{"refresh_token":null}`,
		`{"refresh_token":["a"]}`, `{"refresh_token":"\ud800"}`, `[]`, `{"a":{"refresh_token":"b"}}`, `{"refresh_to\u006ben":"a"}`,
		`{"a":"&refresh_token=b&"}`, `{"a":";refresh_token=b"}`,
		`{"refresh":"an-opaque-token-of-Django"}`, `{"refresh":true,"refresh_token":"a"}`, `{"a":"&refresh=an-opaque-token&"}`,
	} {
		f.Add(doc)
	}
	f.Fuzz(func(t *testing.T, doc string) {
		p := new(oauth.Parameters)
		if p.AddJSON([]byte(doc)) != nil {
			return
		}
		var members map[string]any
		if err := json.Unmarshal([]byte(doc), &members); err != nil {
			t.Fatalf("%q is accepted, and encoding/json says %v", doc, err)
		}
		wantTokens(t, doc, p, func(name string) []string {
			if text, ok := members[name].(string); ok {
				return []string{text}
			}
			return nil
		})
		// No reader that parses it as a form finds a token there.
		for _, form := range []string{doc, strings.ReplaceAll(doc, ";", "&")} {
			values, _ := url.ParseQuery(form) // what is left out is no token
			for _, name := range []string{"grant_type", "refresh_token", "subject_token", "actor_token"} {
				if values.Has(name) && values.Get(name) != "" {
					t.Errorf("%q is accepted, and has %s for net/url", doc, name)
				}
			}
		}
		var folded struct { // encoding/json takes names without regard to case
			Refresh *string `json:"refresh_token"`
		}
		if err := json.Unmarshal([]byte(doc), &folded); err != nil || folded.Refresh != nil && *folded.Refresh != p.Refresh() {
			t.Errorf("%q: the refresh token is %q, and for encoding/json another, %v", doc, p.Refresh(), err)
		}
	})
}

// wantTokens fails the test unless the parameters are those that another reader has found
// under the exact names, if there are any.
func wantTokens(t *testing.T, text string, p *oauth.Parameters, found func(name string) []string) {
	t.Helper()
	tokens := p.Tokens()
	for _, name := range []string{"refresh_token", "subject_token", "actor_token"} {
		values := found(name)
		if len(values) > 1 {
			t.Errorf("%q has %s %d times and is accepted", text, name, len(values))
		}
		for _, value := range values {
			if value != "" && !slices.Contains(tokens, value) {
				t.Errorf("%q has the token %q, and only %q are found", text, value, tokens)
			}
		}
	}
	// Simple JWT reads this name. A shorter value is a switch of another application.
	for _, value := range found("refresh") {
		if len(value) >= 16 && !slices.Contains(tokens, value) {
			t.Errorf("%q has the token %q, and only %q are found", text, value, tokens)
		}
	}
	for _, value := range found("grant_type") {
		if (value == "refresh_token") != p.Refreshes() {
			t.Errorf("%q: refreshes is %t", text, p.Refreshes())
		}
	}
}

// Attack: a client finds a token in an answer that the gate has not checked.
func FuzzAnswer(f *testing.F) {
	for _, body := range []string{
		`{"access_token":"a","refresh_token":"r","id_token":"i","expires_in":3600}`, `{"access_token":"a","Access_Token":"b"}`,
		`{"refresh_token":null}`, `{"access_token":1}`, `{"refresh_expires_in":1e99}`, `[]`, `{"access_token":"a"}x`, "\ufeff{}",
		`{"refresh":"an-opaque-refresh-token"}`, `{"refresh":"an-opaque-refresh-token","Refresh":"another-refresh-token"}`, `{"access":"a","token":"b"}`,
	} {
		f.Add(body)
	}
	f.Fuzz(func(t *testing.T, body string) {
		answer, err := new(oauth.Names).ParseAnswer("application/json", []byte(body))
		if err != nil || body == "" {
			return
		}
		var read struct {
			Access  *string `json:"access_token"`
			Refresh *string `json:"refresh_token"`
			ID      *string `json:"id_token"`
			Short   any     `json:"refresh"`
		}
		if err := json.Unmarshal([]byte(body), &read); err != nil {
			t.Fatalf("%q is accepted, and encoding/json says %v", body, err)
		}
		for got, want := range map[*string]*string{&answer.Access: read.Access, &answer.Refresh: read.Refresh, &answer.ID: read.ID} {
			if want != nil && *want != *got {
				t.Errorf("%q hands out %q, and %q for encoding/json", body, *got, *want)
			}
		}
		// Simple JWT's name, if the one of the standards is not there.
		short, _ := read.Short.(string)
		if len(short) >= 16 && !strings.ContainsFunc(short, notVisible) && read.Refresh == nil && answer.Refresh == "" {
			t.Errorf("%q hands out no refresh token, and %q for encoding/json", body, short)
		}
	})
}

func notVisible(r rune) bool { return r <= ' ' || r > '~' }

// original is a JWT refresh token that a lenient endpoint issued.
const original = "eyJhbGciOiJIUzI1NiIsInR5cCI6IkpXVCJ9.eyJzdWIiOiJhbGljZSJ9.k2ZqDq3p-Q_5xY0mVb7uCwT1n8eLr4sJfAhGi6oKzEA"

// Attack: send the JWT refresh token of a revoked subject in another spelling, which no
// gate has seen in a response. Every text that some lenient reader reads as the token must
// be refused.
func FuzzRespelt(f *testing.F) {
	for _, text := range []string{
		original, original + "=", original[:len(original)-1] + "B", "." + original, `".` + original, original + ".x", `"` + original + `"`, "%65" + original[1:],
		strings.Replace(original, ".", "=.", 1), strings.NewReplacer("-", "+", "_", "/").Replace(original), "+" + original, original + "#",
		strings.Replace(original, "k2Zq", "k2=Zq", 1), strings.Replace(original, "R5c", "R\\5c", 1), original + "%20", original + "%3d",
	} {
		f.Add(text)
	}
	readers := map[string]func(string) string{
		"as it is": func(text string) string { return text },
		"decoded once more": func(text string) string {
			if decoded, err := url.QueryUnescape(text); err == nil {
				return decoded
			}
			return text
		},
		"without quotes": func(text string) string { return strings.Trim(text, `"'<>`) },
	}
	f.Fuzz(func(t *testing.T, text string) {
		p := new(oauth.Parameters)
		if text == original || p.AddForm("refresh_token="+url.QueryEscape(text)) != nil {
			return
		}
		for name, read := range readers {
			for _, stops := range []bool{false, true} {
				if slices.Equal(decodedParts(read(text), stops), decodedParts(original, stops)) {
					t.Errorf("%q is accepted, and %s it is the token %s", text, name, original)
				}
			}
		}
	})
}

// decodedParts returns the first three parts of a token in the compact form as lenient
// decoders read them. They read both alphabets and skip other characters. If stops is true,
// they read only up to the padding.
func decodedParts(token string, stops bool) (parts []string) {
	for part := range strings.SplitSeq(strings.Trim(token, "."), ".") {
		if stops {
			part, _, _ = strings.Cut(part, "=")
		}
		kept := strings.Map(func(c rune) rune {
			switch {
			case c == '+':
				return '-'
			case c == '/':
				return '_'
			case c == '-' || c == '_' || c < 0x80 && (unicode.IsLetter(c) || unicode.IsDigit(c)):
				return c
			}
			return -1
		}, part)
		decoded, _ := base64.RawURLEncoding.DecodeString(kept) // as far as it goes
		parts = append(parts, string(decoded))
	}
	return parts[:min(len(parts), 3)]
}
