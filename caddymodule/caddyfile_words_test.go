package caddymodule_test

import (
	"fmt"
	"maps"
	"slices"
	"strings"
	"testing"
)

// syntax is one block of the Caddyfile: where its words stand, one valid line for each
// word, and invalid lines.
type syntax struct {
	// site is a Caddyfile with %s where the words stand.
	site  string
	words map[string]wordSyntax
}

type wordSyntax struct {
	good string
	bad  []string
	// repeatable words may be given twice. opens reports whether they may have a block.
	repeatable, opens bool
}

const (
	appSite = "{\n\tsession_gate {\n%s\n\t}\n}\n"
	bare    = "\x00" // the word alone
)

var (
	oneText  = []string{bare, `""`, "a b"}
	someText = []string{bare, `""`, `a ""`}
	noText   = []string{"yes", `""`}
	oneTime  = []string{bare, `""`, "soon", "5", "0s", "-1s", "1h 2h"}
)

var syntaxes = map[string]syntax{
	"app": {appSite, map[string]wordSyntax{
		"issuer":             {good: "https://a.example", bad: oneText, repeatable: true, opens: true},
		"store":              {good: "redis a:1", bad: []string{bare, "paper", "bolt a b", `bolt ""`, "memory a", "redis"}, opens: true},
		"max_token_lifetime": {good: "1d", bad: oneTime},
		"max_token_size":     {good: "12KiB", bad: []string{bare, `""`, "much", "0", "-1", "65KiB", "8KiB 9KiB"}},
		"retention":          {good: "48h", bad: oneTime},
		"leeway":             {good: "0s", bad: []string{bare, `""`, "soon", "1s 2s"}},
		"lease":              {good: "500ms", bad: oneTime},
		"acknowledge":        {good: "lease", bad: append(oneText, "Fleet", "none")},
		"on_store_failure":   {good: "allow 1m", bad: []string{bare, "allow", "deny 1m", "allow soon", "allow 1m 2m", "ignore"}},
		"bootstrap":          {good: "manual", bad: append(oneText, "never")},
		"readiness":          {good: "strict", bad: append(oneText, "loose")},
		"notify":             {good: "https://siem.example.com/hook {env.A} {env.B}", bad: []string{bare, "https://a.example", `https://a.example ""`, "http://a.example {env.A}", "a.example {env.A}", "https://a.example {env.A} {env.B} {env.C}"}},
		"log_refusals":       {good: "all", bad: append(oneText, "none", "Off")},
		"log_subject":        {bad: noText},
		"token_cache":        {good: "1MiB", bad: []string{bare, `""`, "much", "-1", "0", "2TiB", "1MiB 2MiB"}},
	}},
	// A placeholder, because the word wildcard needs another name.
	"issuer": {fmt.Sprintf(appSite, "issuer {env.ISSUER} {\n%s\n}"), map[string]wordSyntax{
		"jwks":            {good: "https://a.example/jwks https://a.example/next", bad: someText},
		"jwks_file":       {good: "a.json b.json", bad: someText},
		"discover":        {bad: noText},
		"public_key":      {good: "a.pem b.pem", bad: someText},
		"hmac_secret":     {good: "{env.A} {env.B}", bad: append(someText, "{env.A} {env.B} {env.C}")},
		"audience":        {good: "a b", bad: someText},
		"logout_audience": {good: "web mobile", bad: someText},
		"any_audience":    {bad: noText},
		"algorithms":      {good: "ES256 RS256", bad: someText},
		"session_claim":   {good: "sid session_id", bad: someText},
		"subject_claim":   {good: "sub user_id", bad: someText},
		"audience_claim":  {good: "client_id azp", bad: someText},
		"scope_claim":     {good: "scope permissions", bad: someText},
		"require":         {good: "token_use access", bad: []string{bare, `""`, "token_use", `token_use ""`, `"" access`}, repeatable: true},
		"wildcard":        {good: "tid a b", bad: someText},
		"login_claim":     {good: "none", bad: append(oneText, "sub")},

		"without_session":    {good: "token", bad: append(oneText, "session", "Token")},
		"reauthentication":   {good: "admit", bad: append(oneText, "allow")},
		"accept_missing_iss": {bad: noText},
		"accept_missing_iat": {good: "1h", bad: oneTime},
		"token_id_claim":     {good: "jti", bad: oneText},
		"tls_ca":             {good: "ca.pem", bad: oneText},
		"keys_optional":      {bad: noText},
		"insecure_http":      {bad: noText},
	}},
	"store redis": {fmt.Sprintf(appSite, "store redis a:1 {\n%s\n}"), map[string]wordSyntax{
		"username":          {good: "gate", bad: oneText},
		"password":          {good: "{env.A}", bad: oneText},
		"db":                {good: "15", bad: append(oneText, "-1", "one", "1.5")},
		"sentinel_master":   {good: "mymaster", bad: oneText},
		"sentinel_username": {good: "gate", bad: oneText},
		"sentinel_password": {good: "{env.SENTINEL_PASSWORD}", bad: oneText},
		"cluster":           {bad: noText},
		"tls":               {bad: noText, opens: true},
		"namespace":         {good: "orders", bad: oneText},
		"allow_eviction":    {bad: noText},

		"min_replicas_max_lag": {good: "1s", bad: oneTime},
		"allow_split_brain":    {bad: noText},
	}},
	"tls": {fmt.Sprintf(appSite, "store redis a:1 {\ntls {\n%s\n}\n}"), map[string]wordSyntax{
		"ca":          {good: "ca.pem", bad: oneText},
		"cert":        {good: "cert.pem", bad: oneText},
		"key":         {good: "key.pem", bad: oneText},
		"server_name": {good: "redis.internal", bad: oneText},
	}},
	"gate": {":8080 {\nsession_gate {\n%s\n}\n}\n", map[string]wordSyntax{
		"endpoint": {good: "/logout", bad: oneText},
		"token": {
			good: "cookie session",
			bad:  []string{bare, "header", `header ""`, "cookie a b", "body a", "query", "query a\n\ttoken query b", "websocket_protocol", "websocket_protocol a b", "header A\n\ttoken header B"}, repeatable: true,
		},
		"optional": {bad: noText},
		"public":   {good: "/healthz /assets/*", bad: someText},
		"identity": {
			good:  "authelia",
			bad:   []string{bare, `""`, "keycloak", "authelia pomerium", "{\n}", "{\nX-A\n}", "{\nX-A a b\n}", "authelia {\nRemote-User\n}"},
			opens: true,
		},
		"claims":             {good: "email groups", bad: someText},
		"cors":               {good: "https://a.example", bad: someText},
		"admin_scope":        {good: "admin", bad: oneText},
		"strip_token":        {bad: noText},
		"streams":            {good: "expiry", bad: append(oneText, "never")},
		"token_endpoint":     {good: "/a /b", bad: append(someText, "/a {\nid_token x\n}", "/a {\naccess_token\n}"), repeatable: true, opens: true},
		"sessions_endpoint":  {good: "/v1/auth/sessions", bad: oneText},
		"audience":           {good: "a b", bad: someText},
		"require":            {good: "scope read", bad: []string{bare, `""`, "scope", `scope ""`}, repeatable: true},
		"errors":             {good: "caddy", bad: append(oneText, "html")},
		"backchannel_logout": {good: "/v1/auth/logout", bad: oneText},
		"login_url":          {good: "https://id.example.com/login?next={uri}", bad: append(oneText, "/login", "ftp://a.example", "https://a.example/{uri}")},
		"revoked_url":        {good: "http://id.example.com/logout", bad: append(oneText, "logout", "https://", "https://a.example/?x={host}")},
	}},
	"token_endpoint": {":8080 {\nsession_gate {\ntoken_endpoint /a {\n%s\n}\n}\n}\n", map[string]wordSyntax{
		"access_token":  {good: "jwt accessJwt", bad: someText},
		"refresh_token": {good: "renewal", bad: someText},
	}},
}

func (s syntax) adaptError(lines string) error {
	_, _, err := adapt(fmt.Sprintf(s.site, lines))
	return err
}

// known lists the words that the block lists in its error.
func (s syntax) known(t *testing.T) []string {
	t.Helper()
	err := s.adaptError("blockade_of_the_harbour")
	if err == nil {
		t.Fatal("an unknown word was accepted")
	}
	_, list, found := strings.Cut(err.Error(), `unrecognized subdirective "blockade_of_the_harbour"; use one of: `)
	list, _, placed := strings.Cut(list, ", at Caddyfile:")
	if !found || !placed {
		t.Fatalf("an unknown word: %v", err)
	}
	return strings.Split(list, ", ")
}

// A misread word disables what the operator meant. So each word is tried with too few
// values, too many, and nonsense.
func TestEveryWordOfTheCaddyfile(t *testing.T) {
	for name, s := range syntaxes {
		t.Run(name, func(t *testing.T) {
			if want := slices.Sorted(maps.Keys(s.words)); !slices.Equal(s.known(t), want) {
				t.Errorf("the block knows %q, this test %q", s.known(t), want)
			}
			for word, line := range s.words {
				good := strings.TrimSpace(word + " " + line.good)
				if err := s.adaptError(good); err != nil {
					t.Errorf("%q: %v", good, err)
				}
				s.refuseTwice(t, word, good, line.repeatable)
				for _, bad := range line.bad {
					bad = strings.TrimSpace(word + " " + strings.ReplaceAll(bad, bare, ""))
					wantPhrase(t, bad, s.adaptError(bad), "parsing ", "already specified", "unrecognized subdirective")
				}
				if !line.opens {
					bad := good + " {\nx y\n}"
					wantPhrase(t, bad, s.adaptError(bad), `unrecognized subdirective "{"; `+word+" has no block")
				}
				typo := word[:len(word)-1] + "x" + word[len(word)-1:]
				wantPhrase(t, typo, s.adaptError(typo), fmt.Sprintf("unrecognized subdirective %q; did you mean: ", typo))
			}
		})
	}
}

func (s syntax) refuseTwice(t *testing.T, word, good string, repeatable bool) {
	t.Helper()
	err := s.adaptError(good + "\n" + good)
	switch {
	case word == "token":
		wantPhrase(t, good+" twice", err, "token cookie already specified")
	case repeatable && err != nil:
		t.Errorf("%q twice: %v", good, err)
	case !repeatable:
		wantPhrase(t, good+" twice", err, word+" already specified; it may be given once: "+word)
	}
}

// wantPhrase fails the test unless the error has one of the phrases and its line. After
// "parsing" and "already specified" it must say what to write instead.
func wantPhrase(t *testing.T, line string, err error, phrases ...string) {
	t.Helper()
	if err == nil {
		t.Errorf("%q was accepted", line)
		return
	}
	// Caddy's own words come first, and begin with "parsing" too.
	_, text, _ := strings.Cut(err.Error(), "': ")
	if !slices.ContainsFunc(phrases, func(phrase string) bool { return strings.Contains(text, phrase) }) {
		t.Errorf("%q: %v, want one of the phrases %q", line, err, phrases)
	}
	if places := strings.Count(text, ", at Caddyfile:"); places != 1 {
		t.Errorf("%q: %v, with %d places", line, err, places)
	}
}
