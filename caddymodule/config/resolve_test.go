package config

import (
	"os"
	"path/filepath"
	"strings"
	"testing"
)

func TestResolve(t *testing.T) {
	t.Setenv("SG_TEST", "value")
	t.Setenv("SG_NESTED", "{env.SG_TEST}")
	file := filepath.Join(t.TempDir(), "secret")
	if err := os.WriteFile(file, []byte("from a file\r\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	for text, want := range map[string]string{
		"":                           "",
		"plain":                      "plain",
		"{env.SG_TEST}":              "value",
		"a{env.SG_TEST}b":            "avalueb",
		"{env.SG_TEST}{env.SG_TEST}": "valuevalue",
		"{file." + file + "}":        "from a file",
		`\{env.SG_TEST\}`:            "{env.SG_TEST}",
		"a } b":                      "a } b",
		// A value is not resolved again.
		"{env.SG_NESTED}": "{env.SG_TEST}",
	} {
		got := text
		if err := Resolve("field", &got); err != nil || got != want {
			t.Errorf("%q became %q, error %v, want %q", text, got, err, want)
		}
	}
}

// Attack: a missing secret becomes an empty one.
func TestResolveRefusesWhatIsMissing(t *testing.T) {
	t.Setenv("SG_EMPTY", "")
	const missing = "is missing or empty; is the variable set, or the file there and readable?"
	folder := t.TempDir()
	for text, want := range map[string]string{
		"{env.SG_NOT_SET}":             "resolving field: {env.SG_NOT_SET} " + missing,
		"prefix-{env.SG_NOT_SET}":      "resolving field: {env.SG_NOT_SET} " + missing,
		"{env.SG_EMPTY}":               "resolving field: {env.SG_EMPTY} " + missing,
		"{env.}":                       "resolving field: {env.} " + missing,
		"{file." + folder + "/none}":   "resolving field: {file." + folder + "/none} " + missing,
		"{file." + folder + "}":        "resolving field: {file." + folder + "} " + missing,
		"{http.request.header.Secret}": "resolving field: a placeholder in it is unknown; use {env.X} or {file.X}",
		"{hunter2}":                    "resolving field: a placeholder in it is unknown",
		"{}":                           "resolving field: a placeholder in it is unknown",
	} {
		got := text
		err := Resolve("field", &got)
		if err == nil || !strings.HasPrefix(err.Error(), want) {
			t.Errorf("%q: error %v, want %s", text, err, want)
		}
		if got != text {
			t.Errorf("%q became %q", text, got)
		}
		if err != nil && strings.Contains(err.Error(), "hunter2") {
			t.Errorf("the error quotes what may be a secret: %v", err)
		}
	}
}

func TestResolveAll(t *testing.T) {
	t.Setenv("SG_TEST", "value")
	values := []string{"a", "{env.SG_TEST}"}
	if err := ResolveAll("field", values); err != nil || values[0] != "a" || values[1] != "value" {
		t.Errorf("%q, error %v", values, err)
	}
	if err := ResolveAll("field", []string{"a", "{env.SG_NOT_SET}"}); err == nil {
		t.Error("a missing one was accepted")
	}
	if err := ResolveAll("field", nil); err != nil {
		t.Error(err)
	}
}

// Attack: {file.X} gives the content of the key file instead of its name, and the error of
// opening that prints the key.
func TestResolveFileNeverQuotesWhatIsInAFile(t *testing.T) {
	folder := t.TempDir()
	key := filepath.Join(folder, "key.pem")
	if err := os.WriteFile(key, []byte("hunter2\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	name := filepath.Join(folder, "name")
	if err := os.WriteFile(name, []byte(key+"\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	t.Setenv("SG_FOLDER", folder)
	t.Setenv("SG_KEY", "hunter2\nhunter2")
	for text, want := range map[string]string{
		"/nowhere/key.pem":          "/nowhere/key.pem", // opening it fails later, and may quote it
		"{env.SG_FOLDER}/key.pem":   key,
		"{env.SG_FOLDER}/later.pem": filepath.Join(folder, "later.pem"),
		"{file." + name + "}":       key,
	} {
		got := text
		if err := ResolveFile("key", &got); err != nil || got != want {
			t.Errorf("%q became %q, error %v, want %q", text, got, err, want)
		}
	}
	for _, text := range []string{"{file." + key + "}", "{env.SG_KEY}", "a{file." + key + "}"} {
		got := text
		err := ResolveFile("key", &got)
		if want := "resolving key: " + text + " is not replaced by the name of a file"; err == nil ||
			!strings.HasPrefix(err.Error(), want) || strings.Contains(err.Error(), "hunter2") {
			t.Errorf("%q: error %v, want %s", text, err, want)
		}
	}
	missing := "{env.SG_NOT_SET}"
	if err := ResolveFile("key", &missing); err == nil {
		t.Error("a missing variable was accepted")
	}
}
