package wycheproof

import (
	"context"
	"encoding/base64"
	"encoding/json"
	"errors"
	"fmt"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/sessiongate/sessiongate/caddymodule/keys"
	"github.com/sessiongate/sessiongate/caddymodule/token"
)

// jwk is the description of a group's key.
type jwk struct {
	Type      string `json:"kty"`
	Algorithm string `json:"alg"`
	Secret    string `json:"k"`
	Keys      []jwk  `json:"keys"` // of a set
}

// verify verifies a JWS as the product does with the key of the group.
type verify func(raw string) error

// verifierOf configures the key of a group as users would: a secret in the configuration,
// and everything else in a key set that is fetched over HTTP. A set that holds both is a
// key set.
func verifierOf(t *testing.T, g group) verify {
	t.Helper()
	if len(g.Public) > 0 {
		return fetched(t, g.Public)
	}
	var key jwk
	if err := json.Unmarshal(g.Private, &key); err != nil {
		t.Fatal(err)
	}
	jwks := key.Keys
	if jwks == nil {
		jwks = []jwk{key}
	}
	for _, key := range jwks {
		if key.Type != "oct" {
			return fetched(t, g.Private)
		}
	}
	return configured(t, jwks)
}

// configured is `hmac_secret` with the secrets, and `algorithms` with the algorithms of the
// keys.
func configured(t *testing.T, jwks []jwk) verify {
	t.Helper()
	var secrets [][]byte
	var algorithms []string
	for _, key := range jwks {
		secret, err := base64.RawURLEncoding.DecodeString(key.Secret)
		if err != nil {
			t.Fatal(err)
		}
		secrets, algorithms = append(secrets, secret), append(algorithms, key.Algorithm)
	}
	source, err := keys.NewHMAC(secrets...)
	if err != nil {
		return refuseAll(err)
	}
	return with(source, algorithms...)
}

// fetched is `jwks` with a URL of this machine that serves the key, or the key set,
// unchanged from the file.
func fetched(t *testing.T, document json.RawMessage) verify {
	t.Helper()
	if !strings.Contains(string(document), `"keys"`) {
		document = fmt.Appendf(nil, `{"keys":[%s]}`, document)
	}
	endpoint := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		_, _ = w.Write(document) // the outcome shows whether the client has gone
	}))
	defer endpoint.Close()
	outcome := newOutcome()
	source, err := keys.NewRemote(keys.RemoteOptions{URL: endpoint.URL, Logger: slog.New(outcome)})
	if err != nil {
		t.Fatal(err)
	}
	defer source.Close()
	source.Start()
	if err := outcome.wait(); err != nil {
		return refuseAll(err)
	}
	return with(source)
}

func with(source keys.Source, algorithms ...string) verify {
	signatures, err := token.NewSignatures(source, algorithms...)
	if err != nil {
		return refuseAll(err)
	}
	return func(raw string) error {
		_, err := signatures.Verify(raw, "", "JWT", "at+jwt")
		return err
	}
}

// errKey is wrapped if the key itself was refused, and with it every token.
var errKey = errors.New("key refused")

func refuseAll(err error) verify {
	return func(string) error { return fmt.Errorf("%w: %w", errKey, err) }
}

// outcome is a slog.Handler that learns the result of the first fetch from the log.
type outcome struct {
	mu      sync.Mutex
	ignored string
	ended   chan error
}

func newOutcome() *outcome { return &outcome{ended: make(chan error, 1)} }

func (o *outcome) Enabled(context.Context, slog.Level) bool { return true }

func (o *outcome) Handle(_ context.Context, r slog.Record) error {
	o.mu.Lock()
	defer o.mu.Unlock()
	said := r.Message
	r.Attrs(func(a slog.Attr) bool {
		said += ", " + a.String()
		return true
	})
	var ended error
	switch r.Message {
	case "ignoring keys of the key set":
		o.ignored = said
		return nil
	case "fetching key set failed":
		ended = errors.New(said + "; " + o.ignored)
	}
	select {
	case o.ended <- ended:
	default:
	}
	return nil
}

func (o *outcome) WithAttrs([]slog.Attr) slog.Handler { return o }

func (o *outcome) WithGroup(string) slog.Handler { return o }

func (o *outcome) wait() error {
	select {
	case err := <-o.ended:
		return err
	case <-time.After(30 * time.Second):
		return errors.New("the key set was never fetched")
	}
}
