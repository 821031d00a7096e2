package floods

import (
	"bytes"
	"crypto/rand"
	"encoding/base64"
	"fmt"
	"io"
	"net/http"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/sessiongate/sessiongate/caddymodule/token/tokentest"
	"github.com/sessiongate/sessiongate/tests/answers"
	"github.com/sessiongate/sessiongate/tests/harness"
)

const (
	// flooding is how many forged tokens are sent, over this many connections, and filler
	// the size of their padding: 120 MB in all.
	flooding, connections, filler = 20_000, 32, 6 << 10
	// floodMemory is how much the resident memory of a gate may peak above its earlier
	// value, in bytes.
	floodMemory = 64 << 20
)

// forgery returns a large token without a valid signature, with the issuer's key id or an
// unknown one.
func forgery(issuer, kid string) string {
	part := func(text string) string { return base64.RawURLEncoding.EncodeToString([]byte(text)) }
	signature := make([]byte, 64)
	_, _ = rand.Read(signature) // it never fails
	now := time.Now().Unix()
	return part(`{"alg":"ES256","typ":"JWT","kid":"`+kid+`"}`) + "." +
		part(fmt.Sprintf(`{"iss":%q,"aud":"legacy-app","sub":"mallory","sid":%q,"iat":%d,"exp":%d,"filler":%q}`,
			issuer, rand.Text(), now, now+300, bytes.Repeat([]byte("x"), filler*3/4))) + "." +
		base64.RawURLEncoding.EncodeToString(signature)
}

// flood sends forged tokens. Every second one has a new key id. It returns how many answers
// were not 401. For a new key id 503 is right, too: the issuer was not asked yet.
func flood(t *testing.T, g *harness.Gate, issuer string) (wrong int64) {
	t.Helper()
	client := &http.Client{Transport: &http.Transport{MaxConnsPerHost: connections, MaxIdleConnsPerHost: connections}}
	t.Cleanup(client.CloseIdleConnections)
	var sent, other atomic.Int64
	var wait sync.WaitGroup
	for range connections {
		wait.Go(func() {
			for n := sent.Add(1); n <= flooding; n = sent.Add(1) {
				kid := "key-1"
				if n%2 == 0 {
					kid = rand.Text()
				}
				request, err := http.NewRequest("GET", g.URL("/"), nil)
				if err != nil {
					t.Error(err)
					return
				}
				request.Header.Set("Authorization", "Bearer "+forgery(issuer, kid))
				response, err := client.Do(request)
				if err != nil {
					t.Errorf("sending a forged token: %v", err)
					return
				}
				_, _ = io.Copy(io.Discard, response.Body) // so that the connection is reused
				_ = response.Body.Close()
				if response.StatusCode != http.StatusUnauthorized && (kid == "key-1" || response.StatusCode != http.StatusServiceUnavailable) {
					other.Add(1)
				}
			}
		})
	}
	wait.Wait()
	return other.Load()
}

// Attack: 20,000 large forged tokens over 32 connections, half of them with a new key id.
// The gate must not run out of memory, forget its users, or flood the issuer with requests
// for keys. Its memory peaks less than 64 MiB above its earlier value, although the tokens
// together are twice as large. A user is admitted all the time. The keys are fetched at once
// and then once in 5 s (invariant 12).
func TestFloodOfForgedTokensIsBounded(t *testing.T) {
	key := tokentest.NewKey(t, "ES256", "key-1")
	keys := tokentest.NewEndpoint(t, key)
	issuer := keys.Serve(t)
	g := harness.Start(t, harness.Config{
		Key: key, Issuers: "issuer " + issuer + " {\njwks " + issuer + tokentest.KeySetPath + "\naudience legacy-app\n}",
	})
	user := g.Token(map[string]any{"iss": issuer})
	harness.Recovers(t, g, user)
	before, fetched, began := g.Peak(t), keys.Fetches(tokentest.KeySetPath), time.Now()

	var over atomic.Bool
	var admitted int
	var wait sync.WaitGroup
	wait.Go(func() {
		for ; !over.Load(); admitted++ {
			if got, err := g.Try("GET", "/", harness.Bearer(user)); err != nil || got.Status != 200 {
				t.Errorf("the user is answered %d %s, error %v", got.Status, got.Body, err)
				return
			}
		}
	})
	wrong := flood(t, g, issuer)
	over.Store(true)
	wait.Wait()
	// A short flood may end before the gate fetches again.
	harness.Eventually(t, 10*time.Second, "the gate has asked for keys that it does not know", func() bool {
		return keys.Fetches(tokentest.KeySetPath) > fetched
	})
	took, grown, fetches := time.Since(began), g.Peak(t)-before, keys.Fetches(tokentest.KeySetPath)-fetched
	t.Logf("%d forged tokens in %v, %d requests of a user; %d MiB more at the peak; %d fetches",
		flooding, took.Round(time.Millisecond), admitted, grown>>20, fetches)

	if wrong > 0 {
		t.Errorf("%d forged tokens were not answered 401", wrong)
	}
	if admitted < 100 {
		t.Errorf("the user was admitted %d times, want 100 at least", admitted)
	}
	if grown > floodMemory {
		t.Errorf("the memory peaked %d bytes higher, want %d at the most", grown, floodMemory)
	}
	if most := int(took/(5*time.Second)) + 2; fetches > most {
		t.Errorf("the keys were fetched %d times in %v, want %d at the most", fetches, took, most)
	}
	for _, reached := range g.Upstream.Take() {
		if reached.Header.Get("Authorization") != "Bearer "+user {
			t.Error("a forged token reached the upstream")
		}
	}
	answers.Invalidated.Check(t, harness.End(t, g, user))
	answers.BadToken.Check(t, harness.Get(t, g, user))
}
