package hostile

import (
	"bufio"
	"encoding/hex"
	"io"
	"math/rand/v2"
	"net/http"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/sessiongate/sessiongate/caddymodule/credential"
)

// Two credentials with the length of the shortest tokens.
var (
	goodCookie    = "GOOD." + strings.Repeat("g", 80) + ".g"
	revokedCookie = "REVOKED." + strings.Repeat("r", 80) + ".r"
)

// hostilePieces are texts that readers of cookies split at, strip, decode or fail to parse.
var hostilePieces = []string{
	"=", "=", ";", "; ", ",", ", ", " ", "\t", "\"", "\"", "\\", "\\\"", "[", "]", "[]", "[x]", "(", ")", "{", "}", "@", ":", "/", "?", "<", "|", "&", "+",
	".", "_", "$", "%", "%20", "%3d", "%3b", "%2c", "%00", "%C2%A0", "%u00A0", "\\054", "\\073", "\\075", "x", "x", "x=1", "x=1", "x=\"a b\"", "x=\"\"",
	"$Version=1", "$Path=/", "secure", "httponly", "path=/", "expires=Wed, 09 Jun 2021 10:18:14 GMT", "foo bar", `{"a":[1,"b"]}`, "\x85", "\xa0", "\xff",
	"\u00a0", "\u0085", "\u2003", "\u200b", "\ufeff", "\u3000", "é", "__Host-", "session", "access",
}

// hostileNames are names that some reader may read as the key's name.
var hostileNames = map[string][]string{
	"session": {
		"session", "session", "SESSION", "Session", "%73ession", "sessio%6E", "%u0073ession", "%25%37%33ession", "session[]", "session[x]", "session[",
		"\"session\"", "$session", "sess\u00a0ion", "ſession", "+session", "session+", "session%20", "%20session",
	},
	"access_token": {
		"access_token", "access_token", "access.token", "access token", "access[token", "access+token", "access%20token", "access%5Ftoken", "ACCESS.TOKEN",
		"access-token", "access.token[]", "access\ttoken", "access%2etoken",
	},
}

// hostileField returns a Cookie field with the good cookie, and the revoked one under a
// similar name.
func hostileField(random *rand.Rand, name string) string {
	pieces := func() (text string) {
		for range max(0, random.IntN(5)-2) {
			text += hostilePieces[random.IntN(len(hostilePieces))]
		}
		return text
	}
	names := hostileNames[name]
	good := name + "=" + goodCookie
	bad := pieces() + names[random.IntN(len(names))] + pieces() + "=" + pieces() + revokedCookie + pieces()
	if random.IntN(2) == 0 {
		return good + ";" + bad
	}
	return bad + ";" + good
}

// cookieReader returns the values that readers find in a Cookie field, with the readers'
// names.
type cookieReader func(field string) (readers, values []string)

// lineReader starts a program that answers a hexadecimal line by a line of the readers'
// names and the values in hexadecimal, separated by tabs.
func lineReader(t *testing.T, name string, program ...string) cookieReader {
	t.Helper()
	command := exec.Command(program[0], append(program[1:], name)...)
	command.Dir = filepath.Join("testdata", "cookie_readers")
	input, err := command.StdinPipe()
	if err != nil {
		t.Fatal(err)
	}
	output, err := command.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	var complaints strings.Builder
	command.Stderr = &complaints
	if err := command.Start(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		_ = input.Close()
		if err := command.Wait(); err != nil {
			t.Errorf("%s: %v: %s", program, err, complaints.String())
		}
	})
	lines := bufio.NewReader(output)
	return func(field string) (readers, values []string) {
		t.Helper()
		if _, err := io.WriteString(input, hex.EncodeToString([]byte(field))+"\n"); err != nil {
			t.Fatal(err)
		}
		line, err := lines.ReadString('\n')
		if err != nil {
			t.Fatalf("%s: %v", program, err)
		}
		return splitFound(t, strings.TrimSuffix(line, "\n"))
	}
}

func splitFound(t *testing.T, line string) (readers, values []string) {
	t.Helper()
	if line == "" {
		return nil, nil
	}
	for pair := range slices.Chunk(strings.Split(line, "\t"), 2) {
		value, err := hex.DecodeString(pair[len(pair)-1])
		if err != nil {
			t.Fatalf("the readers found %q", line)
		}
		readers, values = append(readers, pair[0]), append(values, string(value))
	}
	return readers, values
}

// cookieReaders starts every reader. The returned function reports which of them find the
// revoked token in a Cookie field, under the given name.
func cookieReaders(t *testing.T, name string) (deceived func(field string) []string) {
	t.Helper()
	programs := []cookieReader{
		lineReader(t, name, "/usr/bin/python3", "readers.py"), lineReader(t, name, "node", "readers.js"),
		lineReader(t, name, "perl", "readers.pl"), lineReader(t, name, "ruby", "readers.rb"), phpReader(t, name),
	}
	return func(field string) (names []string) {
		t.Helper()
		for _, find := range programs {
			readers, values := find(field)
			for i, value := range values {
				if strings.Trim(value, " \t\"\u0085\u00a0") == revokedCookie {
					names = append(names, readers[i])
				}
			}
		}
		return names
	}
}

// admitsCookie reports whether the gate accepts the good cookie as the only credential of a
// request with this Cookie field.
func admitsCookie(name, field string) bool {
	extractor := credential.NewExtractor(credential.Places{Cookie: name})
	raw, _, err := extractor.Extract(&http.Request{Header: http.Header{"Cookie": {strings.Trim(field, " \t")}}})
	return err == nil && raw == goodCookie
}

// Attack: beside the good cookie, which the gate checks, the field holds a revoked one that
// only the application finds. If the gate admits a field, no reader may find the revoked
// cookie in it.
func TestNoReaderFindsAnotherCookieThanTheGate(t *testing.T) {
	t.Parallel()
	const fields = 3000
	for name := range hostileNames {
		t.Run(name, func(t *testing.T) {
			random := rand.New(rand.NewPCG(5, 7))
			found, admitted, deceived := map[string]int{}, 0, cookieReaders(t, name)
			for range fields {
				field := hostileField(random, name)
				admits := admitsCookie(name, field)
				if admits {
					admitted++
				}
				for _, reader := range deceived(field) {
					found[reader]++
					if admits {
						t.Errorf("the gate admits %q, where %s finds the revoked token", field, reader)
					}
				}
			}
			if len(found) != 12 || admitted < fields/4 {
				t.Errorf("of %d fields %d are admitted, and readers find the revoked token in %v, which proves little", fields, admitted, found)
			}
		})
	}
}

// Each rule about names and values must stop at least one current reader. Otherwise the
// rule can be removed.
func TestEachRuleAboutCookiesStopsAReader(t *testing.T) {
	t.Parallel()
	good, revoked := "; access_token="+goodCookie, "="+revokedCookie
	deceived := cookieReaders(t, "access_token")
	for name, c := range map[string]struct{ reader, field string }{
		"a blank of Unicode behind the name":    {"Django", strings.TrimPrefix(good, "; ") + "; access_token\u00a0" + revoked},
		"a blank of Latin-1 behind the name":    {"Starlette", strings.TrimPrefix(good, "; ") + "; access_token\xa0" + revoked},
		"a next line before the name":           {"Starlette", strings.TrimPrefix(good, "; ") + "; \x85access_token" + revoked},
		"a blank of Latin-1 before the name":    {"Express", "\xa0access_token" + revoked + good},
		"a percent-encoded name":                {"CGI.pm", "%61ccess_token" + revoked + good},
		"a percent-encoded name to another":     {"Plack", "access%5Ftoken" + revoked + good},
		"a name encoded as JavaScript does":     {"CGI.pm", "%u0061ccess_token" + revoked + good},
		"a dot for the underscore":              {"PHP", "access.token" + revoked + good},
		"a blank for the underscore":            {"PHP", "access token" + revoked + good},
		"a bracket for the underscore":          {"PHP", "access[token" + revoked + good},
		"an array":                              {"PHP", "access_token[]" + revoked + good},
		"an array of names":                     {"PHP", "access.token[x][y]" + revoked + good},
		"a blank inside a value":                {"http.cookies", strings.TrimPrefix(good, "; ") + "; x=1 access_token" + revoked},
		"a blank inside a name":                 {"http.cookies", strings.TrimPrefix(good, "; ") + "; secure access_token" + revoked},
		"a blank behind a quoted value":         {"http.cookies", strings.TrimPrefix(good, "; ") + "; x=\"a b\" access_token =" + revoked[1:]},
		"a comma inside a value":                {"CGI.pm", "x=1,access_token" + revoked + good},
		"a comma before a percent-encoded name": {"CGI.pm", "x=1, %61ccess_token" + revoked + good},
		"a bracket inside a value":              {"WebOb", strings.TrimPrefix(good, "; ") + "; x=[access_token" + revoked},
		"a quote inside a value":                {"WebOb", strings.TrimPrefix(good, "; ") + "; x=\"\"access_token" + revoked},
	} {
		t.Run(name, func(t *testing.T) {
			if readers := deceived(c.field); !slices.Contains(readers, c.reader) {
				t.Errorf("%q deceives %v, want %s", c.field, readers, c.reader)
			}
			if admitsCookie("access_token", c.field) {
				t.Errorf("the gate admits %q", c.field)
			}
		})
	}
}
