package operator_test

import (
	"encoding/pem"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/sessiongate/sessiongate/caddymodule/keys"
	"github.com/sessiongate/sessiongate/caddymodule/operator"
	"github.com/sessiongate/sessiongate/caddymodule/operator/operatortest"
	"github.com/sessiongate/sessiongate/caddymodule/token"
	"github.com/sessiongate/sessiongate/caddymodule/token/tokentest"
)

// explain returns the explanation of a token, which has passed all of its steps but the last.
func explain(t *testing.T, app *operatortest.App, raw string) (e operator.Explanation, last operator.Step) {
	t.Helper()
	if status, said := operatortest.Order(t, app, http.MethodPost, operator.PathCheck, `{"token":"`+raw+`"}`, &e); status != http.StatusOK {
		t.Fatalf("answered %d %s", status, said)
	}
	for _, step := range e.Steps {
		if !step.Passed {
			last = step
		}
	}
	return e, last
}

// A user whose token stays refused learns which word of the configuration would let it in.
func TestARefusedTokenIsToldWhichWordWouldAdmitIt(t *testing.T) {
	nothing := func(*token.IssuerOptions) {}
	now := time.Now()
	named := func(name string) func(*token.IssuerOptions) {
		return func(o *token.IssuerOptions) { o.Issuer = name }
	}
	tenant := map[string]any{"iss": "https://login.example.com/72f988bf/v2.0", "tid": "72f988bf"}
	for name, c := range map[string]struct {
		change         func(*token.IssuerOptions)
		claims, header map[string]any
		step           string
		words          []string
	}{
		"another audience":            {nothing, map[string]any{"aud": []string{"other", "web"}}, nil, "audience", []string{`aud is ["other","web"]`, "audience lists"}},
		"the audience is elsewhere":   {nothing, map[string]any{"aud": "x", "azp": tokentest.Audience}, nil, "audience", []string{"audience_claim azp accepts that"}},
		"no audience":                 {nothing, map[string]any{"aud": nil}, nil, "audience", []string{"aud is missing", "audience_claim", "any_audience"}},
		"no issuer":                   {nothing, map[string]any{"iss": nil}, nil, "issuer", []string{"accept_missing_iss"}},
		"no time of issue":            {nothing, map[string]any{"iat": nil}, nil, "lifetime", []string{"accept_missing_iat"}},
		"too large":                   {nothing, map[string]any{"groups": strings.Repeat("g", 9000)}, nil, "form", []string{"max_token_size 8192"}},
		"too long a life":             {nothing, map[string]any{"exp": now.Add(48 * time.Hour).Unix()}, nil, "lifetime", []string{"max_token_lifetime raises it"}},
		"a tenant":                    {named("https://login.example.com/common/v2.0"), tenant, nil, "issuer", []string{"write * for common", "wildcard"}},
		"all tenants":                 {named("https://login.example.com/{tenantid}/v2.0"), tenant, nil, "issuer", []string{"write * for {tenantid}", "wildcard"}},
		"another tenant":              {wildcard("9188040d"), tenant, nil, "claims", []string{`"tid" is none of the values that wildcard names`}},
		"an algorithm":                {nothing, nil, map[string]any{"alg": "RS256"}, "algorithm", []string{`alg "RS256"`, "algorithms"}},
		"no session and no login":     {refusing, map[string]any{"sid": nil}, nil, "identity", []string{"session_claim", "without_session"}},
		"no session, login is off":    {withoutLogin, map[string]any{"sid": nil, "auth_time": now.Unix() - 60}, nil, "identity", []string{"session_claim", "login_claim auth_time"}},
		"no session and no subject":   {refusing, map[string]any{"sid": nil, "sub": nil, "auth_time": now.Unix() - 60}, nil, "identity", []string{"subject_claim"}},
		"a requirement":               {requiring("token_use", "access"), map[string]any{"token_use": "id"}, nil, "require", []string{`"token_use" is none of the values that require names`}},
		"no claim for a requirement":  {requiring("token_use", "access"), nil, nil, "require", []string{`"token_use" is missing`, "require"}},
		"a scope under another claim": {requiring("scope", "read"), map[string]any{"scp": "read"}, nil, "require", []string{`"scope" is missing`, "require scp"}},
		"issued in the future":        {nothing, map[string]any{"iat": now.Unix() + 300, "exp": now.Unix() + 600}, nil, "time", []string{"issued in", "leeway 30s", "clock"}},
		"valid in the future":         {nothing, map[string]any{"nbf": now.Unix() + 300, "exp": now.Unix() + 600}, nil, "time", []string{"nbf", "leeway 30s", "clock"}},
	} {
		t.Run(name, func(t *testing.T) {
			app := operatortest.Trusting(t, c.change)
			if name := app.Configured.Issuers[0]; c.claims["iss"] == nil && name != tokentest.Issuer {
				t.Fatalf("the token is of another issuer than %q", name)
			}
			e, last := explain(t, app, app.Mint(t, c.claims, c.header))
			if e.Admitted || last.Step != c.step {
				t.Fatalf("explained as %+v, want the step %s", e, c.step)
			}
			for _, word := range c.words {
				if !strings.Contains(last.Detail, word) {
					t.Errorf("says %q, want %q", last.Detail, word)
				}
			}
		})
	}
}

func refusing(o *token.IssuerOptions) { o.WithoutSession = token.RefuseToken }

func withoutLogin(o *token.IssuerOptions) { o.WithoutSession, o.NoLogin = token.RefuseToken, true }

func requiring(claim string, values ...string) func(*token.IssuerOptions) {
	return func(o *token.IssuerOptions) { o.Require = []token.Requirement{{Claim: claim, Values: values}} }
}

func wildcard(values ...string) func(*token.IssuerOptions) {
	return func(o *token.IssuerOptions) {
		o.Issuer, o.WildcardClaim, o.WildcardValues = "https://login.example.com/*/v2.0", "tid", values
	}
}

// firstLine receives the first line of a log.
type firstLine struct {
	once  sync.Once
	first chan string
}

func (f *firstLine) Write(line []byte) (int, error) {
	f.once.Do(func() { f.first <- string(line) })
	return len(line), nil
}

// fetched returns key sets after their first fetch, which failed.
func fetched(t *testing.T, o keys.RemoteOptions) *keys.Remote {
	t.Helper()
	line := &firstLine{first: make(chan string, 1)}
	o.Logger = slog.New(slog.NewTextHandler(line, nil))
	remote, err := keys.NewRemote(o)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(remote.Close)
	remote.Start()
	<-line.first
	return remote
}

// While the keys cannot be fetched, every token is 503. The person on call learns why, and
// which word helps.
func TestKeysThatCannotBeFetchedAreExplained(t *testing.T) {
	key := tokentest.NewKey(t, "ES256", "a")
	private := httptest.NewTLSServer(tokentest.NewEndpoint(t, key))
	defer private.Close()
	gone := httptest.NewServer(nil)
	gone.Close()
	entra := tokentest.NewEndpoint(t, key)
	tenants := entra.Serve(t)
	entra.SetIssuer("https://login.example.com/{tenantid}/v2.0")
	authority := pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: private.Certificate().Raw})
	for name, c := range map[string]struct {
		options keys.RemoteOptions
		words   []string
	}{
		"an unknown authority":   {keys.RemoteOptions{URL: private.URL + tokentest.KeySetPath}, []string{"unknown authority", "tls_ca"}},
		"a server that is gone":  {keys.RemoteOptions{URL: gone.URL + tokentest.KeySetPath}, []string{"refused", "jwks_file"}},
		"a path that is no set":  {keys.RemoteOptions{URL: private.URL + "/other", CA: authority}, []string{"status 404"}},
		"a document of tenants":  {keys.RemoteOptions{Discover: tenants}, []string{"{tenantid}", "wildcard"}},
		"a document of no known": {keys.RemoteOptions{Discover: tenants + "/realms/x"}, []string{"status 404", "jwks"}},
	} {
		t.Run(name, func(t *testing.T) {
			remote := fetched(t, c.options)
			app := operatortest.Trusting(t, func(o *token.IssuerOptions) { o.Keys = remote })
			e, last := explain(t, app, tokentest.Mint(t, key, tokentest.Claims(time.Now(), nil)))
			if e.Admitted || e.Status != http.StatusServiceUnavailable || last.Step != "signature" {
				t.Fatalf("explained as %+v", e)
			}
			for _, word := range append(c.words, "never loaded") {
				if !strings.Contains(last.Detail, word) {
					t.Errorf("says %q, want %q", last.Detail, word)
				}
			}
		})
	}
}

// A token without a subject is admitted, and a DELETE ends it alone. If another claim names the
// user, that is not what anybody wants.
func TestATokenWithoutASubjectIsToldHowToNameIt(t *testing.T) {
	app := operatortest.New(t)
	e, _ := explain(t, app, app.Mint(t, map[string]any{"sid": nil, "sub": nil}))
	if !e.Admitted || e.Ends != "token" || !strings.Contains(e.EndsDetail, "subject_claim") {
		t.Errorf("explained as %+v", e)
	}
	e, _ = explain(t, app, app.Mint(t, map[string]any{"sid": nil}))
	if !e.Admitted || e.Ends != "subject" || !strings.Contains(e.EndsDetail, "session_claim") || !strings.Contains(e.EndsDetail, "it has no claim sid)") {
		t.Errorf("explained as %+v", e)
	}
}

// A token that names no session ends its subject, also while the store does not say what
// belongs to it, and nothing more once it is revoked by itself.
func TestCheckSaysWhatATokenWithoutASessionEnds(t *testing.T) {
	bare := map[string]any{"sid": nil}
	closed := operatortest.Closed(t, operator.Store{Kind: "memory"})
	if e, _ := explain(t, closed, closed.Mint(t, bare)); e.Ends != "subject" || !strings.Contains(e.EndsDetail, "cannot look up now") {
		t.Errorf("without the store explained as %+v", e)
	}
	app := operatortest.New(t)
	raw := app.Mint(t, bare)
	if status, said := operatortest.Order(t, app, http.MethodPost, operator.PathRevocations, `{"token":"`+raw+`"}`, nil); status != http.StatusOK {
		t.Fatalf("answered %d %s", status, said)
	}
	if e, _ := explain(t, app, raw); e.Admitted || e.Ends != "token" || !strings.Contains(e.EndsDetail, "revoked by itself") {
		t.Errorf("revoked, explained as %+v", e)
	}
}
