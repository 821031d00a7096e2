package caddymodule

import (
	"crypto/x509"
	"encoding/json"
	"encoding/pem"
	"maps"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"testing"

	"github.com/sessiongate/sessiongate/caddymodule/token/tokentest"
)

// keyFiles writes PEM files to a folder and returns their paths, as JSON.
func keyFiles(tb testing.TB) func(name string) string {
	tb.Helper()
	folder := tb.TempDir()
	key := tokentest.NewKey(tb, "ES256", "")
	private, err := x509.MarshalPKCS8PrivateKey(key.Signer)
	if err != nil {
		tb.Fatal(err)
	}
	public := key.PublicPEM(tb)
	for name, text := range map[string][]byte{
		"public.pem":   public,
		"private.pem":  pem.EncodeToMemory(&pem.Block{Type: "PRIVATE KEY", Bytes: private}),
		"ca.pem":       authority(tb),
		"keys.json":    keySet(tb, key, nil),
		"private.json": keySet(tb, key, map[string]any{"d": "AA"}),
		"empty.pem":    nil,
		"garbage.pem":  []byte("s3cret, but no key"),
		"torn.pem":     append(append([]byte(nil), public...), public[:len(public)/2]...),
		"secret":       []byte(refusalSecret + "\n"),
		"short":        []byte(refusalSecret[:31]),
		"blank":        []byte("\n"),
	} {
		if err := os.WriteFile(filepath.Join(folder, name), text, 0o600); err != nil {
			tb.Fatal(err)
		}
	}
	return func(name string) string {
		path, err := json.Marshal(filepath.Join(folder, name))
		if err != nil {
			tb.Fatal(err)
		}
		return string(path)
	}
}

// authority returns a certificate as a PEM file.
func authority(tb testing.TB) []byte {
	tb.Helper()
	server := httptest.NewTLSServer(http.NotFoundHandler())
	defer server.Close()
	return pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: server.Certificate().Raw})
}

// keySet returns a key set with one key that has these members in addition.
func keySet(tb testing.TB, key *tokentest.Key, members map[string]any) []byte {
	tb.Helper()
	jwk := key.JWK(tb)
	maps.Copy(jwk, members)
	text, err := json.Marshal(map[string]any{"keys": []any{jwk}})
	if err != nil {
		tb.Fatal(err)
	}
	return text
}

// Several sources of keys at once.
func TestIssuerTakesSeveralSourcesOfKeys(t *testing.T) {
	file := keyFiles(t)
	for name, issuer := range map[string]string{
		"a secret and discovery": `"discover": true`,
		"all": `"discover": true, "jwks": ["https://a.example/1", "https://a.example/2"], "jwks_file": [` + file("keys.json") +
			`], "public_key": [` + file("public.pem") + `]`,
		"one URL as a string": `"hmac_secret": null, "jwks": "https://a.example/1"`,
		"two key sets":        `"hmac_secret": null, "jwks_file": [` + file("keys.json") + `, ` + file("keys.json") + `]`,
		"an authority":        `"discover": true, "tls_ca": ` + file("ca.pem"),
		"an algorithm of one": `"jwks_file": [` + file("keys.json") + `], "algorithms": ["ES256"]`,
	} {
		if err := (refusal{issuer: issuer}).validate(t); err != nil {
			t.Errorf("%s: %v", name, err)
		}
	}
	if pooled() != 0 {
		t.Errorf("%d references are left in the pools", pooled())
	}
}

// Attack: a key file is not mounted, or a secret is empty, and the gate accepts every token
// (and CVE-2026-27586 of a CA file).
func TestIssuerRefusesKeys(t *testing.T) {
	file := keyFiles(t)
	public := func(name string) string { return `"hmac_secret": null, "public_key": [` + file(name) + `]` }
	placeholder := func(name string) string {
		path := file(name)
		return `"hmac_secret": ["{file.` + path[1:len(path)-1] + `}"]`
	}
	testRefusals(t, map[string]refusal{
		"no source of keys": {issuer: `"hmac_secret": null`, want: "no source of keys; name one or more of: jwks, discover, jwks_file, public_key, hmac_secret"},
		// A second source does not excuse the first.
		"a missing file beside a secret": {issuer: `"discover": true, "jwks": "https://a.example", "public_key": ["a"]`, want: "no such file"},
		"no key set":                     {issuer: `"jwks_file": [` + file("missing.json") + `]`, want: "no such file or directory; is it mounted, and may the gate read it?"},
		"an empty key set":               {issuer: `"jwks_file": [` + file("empty.pem") + `]`, want: "not valid JSON"},
		"PEM for a key set":              {issuer: `"jwks_file": [` + file("public.pem") + `]`, want: "it is a PEM file; use it as a public key"},
		"a private key set":              {issuer: `"jwks_file": [` + file("private.json") + `]`, want: "it is private or symmetric"},
		"a key set as secret":            {issuer: placeholder("keys.json"), want: "it is a key set; use it as jwks_file"},
		"no authority":                   {issuer: `"discover": true, "tls_ca": ` + file("missing.pem"), want: "reading tls_ca: open"},
		"a key as authority":             {issuer: `"discover": true, "tls_ca": ` + file("public.pem"), want: "no certificate in it; it has to be a PEM file of certificates"},
		"an empty authority":             {issuer: `"discover": true, "tls_ca": ` + file("empty.pem"), want: "no certificate in it"},
		"an authority for nothing":       {issuer: `"tls_ca": ` + file("ca.pem"), want: "tls_ca without jwks or discover; it is for the servers of key sets"},
		"no key set to wait for":         {issuer: `"keys_optional": true`, want: "keys_optional without jwks or discover"},
		"no URL":                         {issuer: `"jwks": [""]`, want: "exactly one of a key set's URL"},
		"a URL in the clear among others": {
			issuer: `"jwks": ["https://id.example.com/a", "http://id.example.com/b"]`, want: "insecure_http",
		},
		"a missing file":  {issuer: public("missing.pem"), want: "no such file"},
		"an empty file":   {issuer: public("empty.pem"), want: "no block found"},
		"garbage":         {issuer: public("garbage.pem"), want: "no block found"},
		"half a file":     {issuer: public("torn.pem"), want: "1 of 2 blocks are readable"},
		"a private key":   {issuer: public("private.pem"), want: "a private key, which does not belong on a gate"},
		"an empty secret": {issuer: `"hmac_secret": [""]`, want: "0 bytes, want 32 or more"},
		"a short secret":  {issuer: `"hmac_secret": ["` + refusalSecret[:31] + `"]`, want: "HMAC secret 1: 31 bytes, want 32 or more"},
		"a short next secret": {
			issuer: `"hmac_secret": ["` + refusalSecret + `", "s3cret"]`, want: "HMAC secret 2: 6 bytes, want 32 or more",
		},
		"three secrets": {
			issuer: `"hmac_secret": ["` + refusalSecret + `", "` + refusalSecret + `2", "` + refusalSecret + `3"]`, want: "3 given, want one or two",
		},
		"a short secret in a file": {issuer: placeholder("short"), want: "31 bytes, want 32 or more"},
		"an empty secret file":     {issuer: placeholder("empty.pem"), want: "is missing or empty; is the variable set, or the file there and readable?"},
		"a blank secret file":      {issuer: placeholder("blank"), want: "is missing or empty"},
		"a missing secret file":    {issuer: placeholder("missing"), want: "is missing or empty"},
		"a missing variable":       {issuer: `"hmac_secret": ["{env.SESSION_GATE_NOT_SET}"]`, want: `hmac_secret of issuer "https://id.example.com": {env.SESSION_GATE_NOT_SET} is missing`},
		"a public key as secret":   {issuer: placeholder("public.pem"), want: "it is a PEM file; use it as a public key"},
		"jwks in the clear": {
			issuer: `"hmac_secret": null, "jwks": "http://id.example.com/jwks"`, want: "insecure_http",
		},
		"discovery in the clear": {
			issuer: `"hmac_secret": null, "discover": true, "issuer": "http://id.example.com"`, want: "insecure_http",
		},
		"discovery of what is no URL": {issuer: `"hmac_secret": null, "discover": true, "issuer": "joe"`, want: "URL"},
	})
}

// Attack: a secret with braces in it is read as a placeholder, and the error prints the
// text between them.
func TestNoErrorQuotesASecretWithBraces(t *testing.T) {
	testRefusals(t, map[string]refusal{
		"in the secret": {
			issuer: `"hmac_secret": ["{s3cret}0123456789012345678901234567890"]`,
			want:   `resolving hmac_secret of issuer "https://id.example.com": a placeholder in it is unknown; use {env.X} or {file.X}`,
		},
		"in a password": {
			app: `"store": {"store": "redis", "addresses": ["a:1"], "password": "a{s3cret}b"}`, want: "a placeholder in it is unknown",
		},
	})
	if err := (refusal{issuer: `"hmac_secret": ["\\{s3cret}0123456789012345678901234567890"]`}).validate(t); err != nil {
		t.Errorf("with the brace escaped: %v", err)
	}
}

// Attack: a placeholder returns the content of a file instead of its name, and the error
// prints the secret in it.
func TestNoErrorQuotesWhatIsInAFile(t *testing.T) {
	file := keyFiles(t)
	placeholder := func(name string) string {
		path := file(name)
		return `"{file.` + path[1:len(path)-1] + `}"`
	}
	testRefusals(t, map[string]refusal{
		"a secret for a public key": {
			issuer: `"hmac_secret": null, "public_key": [` + placeholder("secret") + `]`,
			want:   "public_key of issuer \"https://id.example.com\": {file.",
		},
	})
	dir := file("public.pem")
	t.Setenv("SESSION_GATE_DIR", filepath.Dir(dir[1:len(dir)-1]))
	if err := (refusal{issuer: `"hmac_secret": null, "public_key": ["{env.SESSION_GATE_DIR}/public.pem"]`}).validate(t); err != nil {
		t.Errorf("with a placeholder in the name: %v", err)
	}
}

// nameless is an issuer whose tokens have no `iss`.
func nameless(name string) string {
	return `{"issuer": "` + name + `", "any_audience": true, "accept_missing_iss": true, "hmac_secret": ["` + refusalSecret + `"]}`
}

func TestIssuerRefuses(t *testing.T) {
	file := keyFiles(t)
	elliptic := `"hmac_secret": null, "public_key": [` + file("public.pem") + `], "algorithms": `
	testRefusals(t, map[string]refusal{
		"no name":             {issuer: `"issuer": null`, want: "name"},
		"no audience":         {issuer: `"audience": null`, want: "no audience; name what this gate is called in aud, or accept tokens for others with any_audience"},
		"both audiences":      {issuer: `"any_audience": true`, want: "both audience and any_audience; use one of them"},
		"an empty audience":   {issuer: `"audience": [""]`, want: "an empty audience"},
		"an audience missing": {issuer: `"audience": ["{env.SESSION_GATE_NOT_SET}"]`, want: "{env.SESSION_GATE_NOT_SET} is missing or empty"},
		"no algorithm":        {issuer: `"algorithms": ["none"]`, want: `"none" is not one of`},
		"an unknown one":      {issuer: `"algorithms": ["HS1024"]`, want: `"HS1024" is not one of`},
		"in other letters":    {issuer: `"algorithms": ["hs256"]`, want: `"hs256" is not one of`},
		// Attack: HS256 signed with the bytes of the public key.
		"HMAC with a public key":     {issuer: elliptic + `["HS256"]`, want: "HS256 does not fit the keys"},
		"RSA with an elliptic key":   {issuer: elliptic + `["ES256", "RS256"]`, want: "RS256 does not fit the keys"},
		"the wrong curve":            {issuer: elliptic + `["ES384"]`, want: "ES384 does not fit the keys"},
		"one claim for two ids":      {issuer: `"session_claim": "jti"`, want: "session and token id are one claim"},
		"a session called exp":       {issuer: `"session_claim": "exp"`, want: `claim "exp" cannot name a session, a subject or a token`},
		"a session called auth_time": {issuer: `"session_claim": ["sid", "auth_time"]`, want: `claim "auth_time" cannot name a session`},
		"audience_claim, any":        {issuer: `"audience": null, "any_audience": true, "audience_claim": ["azp"]`, want: "both audience_claim and any_audience"},
		"require without values":     {issuer: `"require": [{"claim": "a"}]`, want: `checking require of issuer "https://id.example.com": it names no claim or no value`},
		"require null":               {issuer: `"require": [null]`, want: "it names no claim or no value"},
		"a wildcard without a star":  {issuer: `"wildcard": {"claim": "tid"}`, want: "wildcard needs exactly one *"},
		"a star without a wildcard":  {issuer: `"issuer": "https://a/*"`, want: "name the claim that stands there with wildcard"},
		"a wildcard without a claim": {issuer: `"issuer": "https://a/*", "wildcard": {}`, want: "wildcard names no claim; write: wildcard <claim> [<value>...]"},
		"a wildcard to discover": {
			issuer: `"issuer": "https://a/*", "wildcard": {"claim": "tid"}, "hmac_secret": null, "discover": true`, want: "wildcard does not go with discover",
		},
		// The asterisk would stand for whatever a token says, or for nothing.
		"a wildcard for iss itself": {issuer: `"issuer": "*", "wildcard": {"claim": "iss"}`, want: "wildcard names iss itself; name the claim with the tenant, such as tid"},
		"a tenant of two segments":  {issuer: `"issuer": "https://a/*", "wildcard": {"claim": "tid", "values": ["b", "c/d"]}`, want: `wildcard "c/d" cannot stand in the name of an issuer`},
		"a tenant of all":           {issuer: `"issuer": "https://a/*", "wildcard": {"claim": "tid", "values": ["*"]}`, want: `wildcard "*" cannot stand in the name of an issuer`},
		"tenants of tokens without iss": {
			issuer: `"issuer": "https://a/*", "wildcard": {"claim": "tid"}, "accept_missing_iss": true`, want: "wildcard does not go with accept_missing_iss",
		},
		"perhaps again, by no login": {
			issuer: `"reauthentication": "admit", "login_claim": "none"`, want: "reauthentication admit does not go with login_claim none",
		},
		"a rule of no word":         {issuer: `"without_session": "everything"`, want: `without_session "everything" is unknown; use one of: subject, token, refuse`},
		"a login by sub":            {issuer: `"login_claim": "sub"`, want: `login_claim "sub" is unknown; use one of: auth_time, none`},
		"perhaps again":             {issuer: `"reauthentication": "allow"`, want: `reauthentication "allow" is unknown; use one of: refuse, admit`},
		"tokens that live too long": {issuer: `"accept_missing_iat": "25h"`, want: "accept_missing_iat 25h0m0s of issuer \"https://id.example.com\" is not between 0s and max_token_lifetime 24h0m0s; raise"},
		"two issuers without iss": {
			app:  `"issuer": [` + nameless("https://a") + `, ` + nameless("https://b") + `]`,
			want: `issuers "https://a" and "https://b" both have accept_missing_iss; a token without iss can be of one issuer only, so take it out of the other`,
		},
	})
}
