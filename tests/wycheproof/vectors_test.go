// Package wycheproof runs the test vectors of Project Wycheproof for JSON Web Signatures
// and Keys through the product's own code: through its readers of key sets and secrets, and
// its verifier of signatures. It is a separate module, so that users who build the plugin
// do not inherit the vectors.
package wycheproof

import (
	"encoding/json"
	"io/fs"
	"strings"
	"testing"

	vectors "github.com/c2sp/wycheproof"
)

// The files that hold JWS, JWK or JWE.
const (
	signatureFile  = "json_web_signature_test.json"
	cryptoFile     = "json_web_crypto_test.json"
	keyFile        = "json_web_key_test.json"
	encryptionFile = "json_web_encryption_test.json"
)

// group is a key and the vectors for it.
type group struct {
	file string

	Comment string          `json:"comment"`
	Private json.RawMessage `json:"private"`
	Public  json.RawMessage `json:"public"`
	Tests   []vector        `json:"tests"`
}

// vector is one text and its expected result.
type vector struct {
	ID      int    `json:"tcId"`
	Comment string `json:"comment"`
	Result  string `json:"result"`
	JWS     text   `json:"jws"`
	JWE     text   `json:"jwe"`
}

// text is a string, or the JSON text of another value: a few vectors are in JSON
// serialization.
type text string

func (t *text) UnmarshalJSON(value []byte) error {
	if value[0] != '"' {
		*t = text(value)
		return nil
	}
	return json.Unmarshal(value, (*string)(t))
}

// groupsOf reads a file of the module. It fails the test if the number of vectors differs
// from the announced number.
func groupsOf(t *testing.T, file string) []group {
	t.Helper()
	content, err := fs.ReadFile(vectors.TestVectors, file)
	if err != nil {
		t.Fatal(err)
	}
	var document struct {
		NumberOfTests int     `json:"numberOfTests"`
		TestGroups    []group `json:"testGroups"`
	}
	if err := json.Unmarshal(content, &document); err != nil {
		t.Fatal(err)
	}
	found := 0
	for i := range document.TestGroups {
		document.TestGroups[i].file = file
		found += len(document.TestGroups[i].Tests)
	}
	if found != document.NumberOfTests {
		t.Fatalf("%s: %d vectors found, %d announced", file, found, document.NumberOfTests)
	}
	return document.TestGroups
}

// signatureGroups returns all groups of JWS. In json_web_crypto_test.json these are the
// groups whose names say so.
func signatureGroups(t *testing.T) (groups []group) {
	t.Helper()
	groups = groupsOf(t, signatureFile)
	for _, g := range groupsOf(t, cryptoFile) {
		if strings.HasPrefix(g.Comment, "jws_") {
			groups = append(groups, g)
		}
	}
	return append(groups, groupsOf(t, keyFile)...)
}

// encryptionGroups returns all groups of JWE.
func encryptionGroups(t *testing.T) (groups []group) {
	t.Helper()
	for _, g := range groupsOf(t, cryptoFile) {
		if strings.HasPrefix(g.Comment, "jwe_") {
			groups = append(groups, g)
		}
	}
	return append(groups, groupsOf(t, encryptionFile)...)
}
