package caddymodule_test

import (
	"bytes"
	"encoding/json"
	"errors"
	"os"
	"path/filepath"
	"reflect"
	"strings"
	"testing"
	"unicode"

	"github.com/caddyserver/caddy/v2"
	"github.com/caddyserver/caddy/v2/caddyconfig/caddyfile"

	"github.com/sessiongate/sessiongate/caddymodule"
)

// staysInside reports whether a text stays inside its block. Caddy is responsible for texts
// that close the braces or import other files.
func staysInside(text string) bool {
	// An empty file is an error, so there is a block before the text.
	tokens, err := caddyfile.Tokenize([]byte("block\n"+text+"\nend"), "Caddyfile")
	// A continued line, or an open quote, would include the end of the block.
	if err != nil || tokens[len(tokens)-1].Text != "end" {
		return false
	}
	level := 0
	for _, token := range tokens {
		switch {
		case strings.Contains(token.Text, "import") || strings.Contains(token.Text, "{block") || strings.Contains(token.Text, "{args"):
			return false
		case strings.HasSuffix(token.Text, "{"):
			level++
		case token.Text == "}":
			level--
		}
		if level < 0 {
			return false
		}
	}
	return level == 0
}

// keepsSecrets reports whether the canary occurs only where secrets belong: after a word
// for a secret, on a line without special characters.
func keepsSecrets(text string) bool {
	// Caddy and strings.Fields split words in the same way only at plain blanks.
	strange := func(c rune) bool { return unicode.IsSpace(c) && !strings.ContainsRune(" \t\n", c) }
	if strings.ContainsAny(text, "\"`\\<$") || strings.ContainsFunc(text, strange) {
		return false
	}
	for line := range strings.Lines(text) {
		words := strings.Fields(line)
		if len(words) == 0 || !strings.Contains(line, literalSecret) {
			continue
		}
		switch words[0] {
		case "hmac_secret", "password", "sentinel_password":
		default:
			return false
		}
	}
	return true
}

// blocksOf returns the texts in the blocks of a golden file: of the global option, and of
// the directive.
func blocksOf(file string) (global, site string) {
	text, _, _ := strings.Cut(file, adaptSeparator)
	inOptions := strings.HasPrefix(text, "{")
	level := 0
	var body strings.Builder
	for line := range strings.Lines(text) {
		trimmed := strings.TrimSpace(line)
		switch {
		case level == 0 && strings.HasPrefix(trimmed, "session_gate") && strings.HasSuffix(trimmed, "{"):
			level = 1
			continue
		case level == 0:
			inOptions = inOptions && line != "}\n"
			continue
		case strings.HasSuffix(trimmed, "{"):
			level++
		case trimmed == "}":
			level--
		}
		switch {
		case level > 0:
			body.WriteString(line)
		case inOptions:
			global = body.String()
			body.Reset()
		default:
			site = body.String()
			body.Reset()
		}
	}
	return global, site
}

// Attack or accident: a Caddyfile that makes Caddy panic while adapting, means another
// thing each time, or loses an option in JSON. Or an error that shows a secret to the
// readers of the log.
func FuzzCaddyfile(f *testing.F) {
	quiet(f)
	files, err := filepath.Glob("testdata/adapt/*.caddyfiletest")
	if err != nil || len(files) == 0 {
		f.Fatalf("%d files, error %v", len(files), err)
	}
	for _, name := range files {
		text, err := os.ReadFile(name)
		if err != nil {
			f.Fatal(err)
		}
		global, site := blocksOf(string(text))
		f.Add(global, site)
	}
	f.Add("issuer a {\nhmac_secret SECRET {\n}\nany_audience\n}", "")
	f.Add("issuer a {\nhmac_secret a b SECRET\n}", "token header A\ntoken cookie b")
	f.Add("store redis a:1 {\npassword SECRET x\nsentinel_password SECRET\n}", "identity {\nX-A sub\n}")
	f.Add("hmac_secret SECRET", "password SECRET")
	f.Add("store redis \"", "\"")
	f.Add("issuer a {\nhmac_secret SECRET\nhmac_secret SECRET\n}", "")
	f.Add("store memory\nlease 1e9h\ntoken_cache 1EiB\nleeway -0s", "endpoint {env.A}\npublic {$X:/a}\n\tstreams \"{file.x}\"")
	f.Fuzz(func(t *testing.T, global, site string) {
		if !staysInside(global) || !staysInside(site) {
			return
		}
		global, site = strings.ReplaceAll(global, "SECRET", literalSecret), strings.ReplaceAll(site, "SECRET", literalSecret)
		text := "{\n\tsession_gate {\n" + global + "\n\t}\n}\n:8080 {\n\tsession_gate {\n" + site + "\n\t}\n}\n"
		adapted, _, err := adapt(text)
		if err != nil {
			if keepsSecrets(global) && keepsSecrets(site) && strings.Contains(err.Error(), literalSecret) {
				t.Errorf("the error of\n%s\nshows the secret: %v", text, err)
			}
			return
		}
		again, _, err := adapt(text)
		if err != nil || !bytes.Equal(again, adapted) {
			t.Errorf("%s\nadapts to\n%s\nand then to\n%s, %v", text, adapted, again, err)
		}
		wantStrict(t, adapted)
	})
}

// quiet keeps Caddy's own logger, which warns of literal secrets, quiet.
func quiet(f *testing.F) {
	f.Helper()
	setWriter := func(writer string) {
		if err := caddy.Validate(&caddy.Config{
			Admin: &caddy.AdminConfig{Disabled: true},
			Logging: &caddy.Logging{Logs: map[string]*caddy.CustomLog{
				"default": {BaseLog: caddy.BaseLog{WriterRaw: json.RawMessage(`{"output": "` + writer + `"}`)}},
			}},
		}); err != nil {
			f.Fatal(err)
		}
	}
	setWriter("discard")
	f.Cleanup(func() { setWriter("stderr") })
}

// wantStrict loads the adapted configuration as Caddy does, with unknown fields refused,
// and encodes it again to the same JSON.
func wantStrict(t *testing.T, adapted []byte) {
	t.Helper()
	var config struct {
		Apps struct {
			Gate json.RawMessage `json:"session_gate"`
			HTTP json.RawMessage `json:"http"`
		} `json:"apps"`
	}
	if err := json.Unmarshal(adapted, &config); err != nil {
		t.Fatal(err)
	}
	app := new(caddymodule.App)
	if err := caddy.StrictUnmarshalJSON(config.Apps.Gate, app); err != nil {
		t.Errorf("loading %s: %v", config.Apps.Gate, err)
	}
	wantSameJSON(t, config.Apps.Gate, app)
	for _, handler := range handlers(t, config.Apps.HTTP) {
		gate := new(caddymodule.Gate)
		if err := caddy.StrictUnmarshalJSON(handler, gate); err != nil {
			t.Errorf("loading %s: %v", handler, err)
		}
		wantSameJSON(t, handler, gate)
	}
}

func wantSameJSON(t *testing.T, text []byte, loaded any) {
	t.Helper()
	written, err := json.Marshal(loaded)
	var before, after any
	if err = errors.Join(err, json.Unmarshal(text, &before), json.Unmarshal(written, &after)); err != nil || !reflect.DeepEqual(before, after) {
		t.Errorf("%s\nis, when loaded and written,\n%s, %v", text, written, err)
	}
}

// handlers returns the gates in the configuration of the app http, without their module
// name. Caddy removes that name before it loads them.
func handlers(t *testing.T, http json.RawMessage) (found []json.RawMessage) {
	t.Helper()
	var config struct {
		Servers map[string]struct {
			Routes []struct {
				Handle []json.RawMessage `json:"handle"`
			} `json:"routes"`
		} `json:"servers"`
	}
	if err := json.Unmarshal(http, &config); err != nil {
		t.Fatal(err)
	}
	for _, server := range config.Servers {
		for _, route := range server.Routes {
			for _, handler := range route.Handle {
				var members map[string]json.RawMessage
				if err := json.Unmarshal(handler, &members); err != nil {
					t.Fatal(err)
				}
				if string(members["handler"]) != `"session_gate"` {
					continue
				}
				delete(members, "handler")
				gate, err := json.Marshal(members)
				if err != nil {
					t.Fatal(err)
				}
				found = append(found, gate)
			}
		}
	}
	if len(found) != 1 {
		t.Errorf("%d gates in %s, want one", len(found), http)
	}
	return found
}
