package faults

import (
	"bytes"
	"compress/gzip"
	"crypto/rand"
	"crypto/rsa"
	"io"
	"maps"
	"net/http"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/sessiongate/sessiongate/caddymodule/token/tokentest"
	"github.com/sessiongate/sessiongate/tests/answers"
	"github.com/sessiongate/sessiongate/tests/harness"
)

// issuers are several issuers of one gate, each with its own endpoint.
type issuers struct {
	gate      *harness.Gate
	endpoints map[string]*tokentest.Endpoint
	urls      map[string]string
}

// startIssuers starts a gate that trusts an issuer of each name. Each issuer publishes the
// keys.
func startIssuers(t *testing.T, names []string, keys ...*tokentest.Key) issuers {
	t.Helper()
	i := issuers{endpoints: make(map[string]*tokentest.Endpoint), urls: make(map[string]string)}
	var blocks strings.Builder
	for _, name := range names {
		i.endpoints[name] = tokentest.NewEndpoint(t, keys...)
		i.urls[name] = i.endpoints[name].Serve(t)
		blocks.WriteString("issuer " + i.urls[name] + " {\njwks " + i.urls[name] + tokentest.KeySetPath + "\naudience legacy-app\n}\n")
	}
	i.gate = harness.Start(t, harness.Config{Key: keys[0], Issuers: blocks.String()})
	return i
}

// token returns a token of that issuer, signed by the key.
func (i issuers) token(t *testing.T, name string, key *tokentest.Key, id string) string {
	t.Helper()
	claims := tokentest.Claims(time.Now(), map[string]any{"iss": i.urls[name], "sid": name, "jti": id})
	return tokentest.Mint(t, key, claims)
}

// Fault: the key set of an issuer was loaded, and later cannot be loaded or trusted.
// Attack: cause that, to lock everybody out, or to make the gate accept the attacker's
// keys. The last good keys stay in force. A key that is not among them may be new, so its
// tokens get 503: the client is not at fault. A key that the issuer removed from a valid
// set is refused, also for tokens that were verified before.
func TestLastGoodKeysStayWhateverTheEndpointAnswers(t *testing.T) {
	t.Parallel()
	first, second := tokentest.NewKey(t, "ES256", "key-1"), tokentest.NewKey(t, "ES256", "key-2")
	faults := hostileAnswers(t, first, second)
	i := startIssuers(t, slices.Collect(maps.Keys(faults)), first)
	old, next := make(map[string]string), make(map[string]string)
	for name := range faults {
		old[name], next[name] = i.token(t, name, first, "old"), i.token(t, name, second, "next")
		harness.Recovers(t, i.gate, old[name])
	}
	// The gate refreshes all issuers in parallel, so the test waits for all together.
	for name, behave := range faults {
		i.endpoints[name].Behave(behave)
		harness.Get(t, i.gate, next[name])
	}
	for name := range faults {
		t.Run(name, func(t *testing.T) {
			harness.Eventually(t, harness.TrafficLimit, "a key that may be new is unavailable", func() bool {
				return harness.StatusOf(t, i.gate, next[name]) == 503
			})
			answers.Unavailable.Check(t, harness.Get(t, i.gate, next[name]))
			harness.CheckAdmitted(t, harness.Get(t, i.gate, old[name]))
			harness.CheckAdmitted(t, harness.Get(t, i.gate, i.token(t, name, first, "verified now")))
		})
	}
	for name := range faults {
		i.endpoints[name].Publish(t, second)
		i.endpoints[name].Behave(nil)
		harness.Get(t, i.gate, next[name])
	}
	for name := range faults {
		t.Run("after "+name, func(t *testing.T) {
			harness.Eventually(t, 2*harness.TrafficLimit, "the next key is in use", func() bool { return harness.StatusOf(t, i.gate, next[name]) == 200 })
			answers.BadToken.Check(t, harness.Get(t, i.gate, old[name]))
		})
	}
}

// hostileAnswers are answers from which the gate must accept nothing, in particular not the
// second key.
func hostileAnswers(t *testing.T, first, second *tokentest.Key) map[string]http.HandlerFunc {
	t.Helper()
	body := func(text string) http.HandlerFunc {
		return func(w http.ResponseWriter, _ *http.Request) { _, _ = io.WriteString(w, text) }
	}
	redirect := func(to string) http.HandlerFunc {
		return func(w http.ResponseWriter, r *http.Request) { http.Redirect(w, r, to, http.StatusFound) }
	}
	elsewhere := tokentest.NewEndpoint(t, second).Serve(t)
	bomb := gigabyte(t)
	answers := map[string]http.HandlerFunc{
		"an error":                 func(w http.ResponseWriter, _ *http.Request) { http.Error(w, "down", http.StatusInternalServerError) },
		"HTML":                     body("<html>sign in</html>"),
		"no keys":                  body(`{"keys":[]}`),
		"too much":                 body(`{"keys":[` + strings.Repeat(" ", 1<<20) + `]}`),
		"redirect to another host": redirect(strings.Replace(elsewhere, "127.0.0.1", "localhost", 1) + tokentest.KeySetPath),
		"redirect to another port": redirect(elsewhere + tokentest.KeySetPath),
		"redirect to the metadata": redirect("http://169.254.169.254/latest/meta-data/"),
		"a reset":                  func(w http.ResponseWriter, _ *http.Request) { reset(w) },
		"nothing":                  func(_ http.ResponseWriter, r *http.Request) { <-r.Context().Done() },
		"a byte now and then":      dripBlanks,
		"a gigabyte, packed": func(w http.ResponseWriter, _ *http.Request) {
			w.Header().Set("Content-Encoding", "gzip")
			_, _ = w.Write(bomb)
		},
		"a set with something else": body(`{"KEYS":[],"keys":[]}`),
	}
	weak := &tokentest.Key{Algorithm: "RS256", ID: "key-2", Signer: weakRSA(t)}
	for name, jwk := range map[string]map[string]any{
		"a key for encryption": with(second.JWK(t), "use", "enc"),
		"a private key":        with(second.JWK(t), "d", "c2VjcmV0"),
		"a symmetric key":      {"kty": "oct", "kid": "key-2", "alg": "HS256", "k": "c2VjcmV0"},
		"a weak RSA key":       weak.JWK(t),
		"a key off the curve":  with(second.JWK(t), "x", first.JWK(t)["x"]),
	} {
		published := tokentest.NewEndpoint(t)
		published.PublishJWKs(jwk)
		answers[name] = published.ServeHTTP
	}
	return answers
}

// dripBlanks sends endless white space, so slowly that no time limit between two bytes
// applies.
func dripBlanks(w http.ResponseWriter, r *http.Request) {
	every := time.NewTicker(200 * time.Millisecond)
	defer every.Stop()
	for {
		_, _ = io.WriteString(w, " ")
		_ = http.NewResponseController(w).Flush()
		select {
		case <-r.Context().Done():
			return
		case <-every.C:
		}
	}
}

// gigabyte returns a gigabyte of blanks, compressed by gzip to a megabyte.
func gigabyte(t *testing.T) []byte {
	t.Helper()
	var packed bytes.Buffer
	compressor := gzip.NewWriter(&packed)
	if _, err := compressor.Write(bytes.Repeat([]byte(" "), 16<<20)); err != nil {
		t.Fatal(err)
	}
	if err := compressor.Close(); err != nil {
		t.Fatal(err)
	}
	return bytes.Repeat(packed.Bytes(), 64)
}

func weakRSA(t *testing.T) *rsa.PrivateKey {
	t.Helper()
	key, err := rsa.GenerateKey(rand.Reader, 1024)
	if err != nil {
		t.Fatal(err)
	}
	return key
}

func with(jwk map[string]any, name string, value any) map[string]any {
	jwk = maps.Clone(jwk)
	jwk[name] = value
	return jwk
}
