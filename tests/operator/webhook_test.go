package operator

import (
	"crypto/hmac"
	"crypto/sha256"
	"encoding/base64"
	"encoding/json"
	"net/http"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/sessiongate/sessiongate/caddymodule/token/tokentest"
	"github.com/sessiongate/sessiongate/store"
	"github.com/sessiongate/sessiongate/tests/answers"
	"github.com/sessiongate/sessiongate/tests/harness"
)

const hookSecret = "canary-secret-of-the-hook-0123456789"

func notifying(hook *harness.Hook) harness.Config {
	return harness.Config{App: "notify " + hook.URL + " {env.HOOK_SECRET}", Env: []string{"HOOK_SECRET=" + hookSecret}}
}

// keyOf returns the key of a session as messages name it.
func keyOf(session string) string {
	return store.NewKey("default", store.KindSession, tokentest.Issuer, session).String()
}

// delivered waits until the receiver has taken n messages. It checks their signatures, and
// returns the keys in them.
func delivered(t *testing.T, hook *harness.Hook, n int) (keys []string) {
	t.Helper()
	var taken []harness.Delivery
	harness.Eventually(t, 30*time.Second, "the receiver has all messages", func() bool {
		taken = slices.DeleteFunc(hook.Got(), func(d harness.Delivery) bool { return d.Status != http.StatusNoContent })
		return len(taken) >= n
	})
	for _, d := range taken {
		mac := hmac.New(sha256.New, []byte(hookSecret))
		_, _ = mac.Write([]byte(d.Header.Get("webhook-id") + "." + d.Header.Get("webhook-timestamp") + "." + d.Body))
		if got, want := d.Header.Get("webhook-signature"), "v1,"+base64.StdEncoding.EncodeToString(mac.Sum(nil)); got != want {
			t.Errorf("signature %q, want %q", got, want)
		}
		var body struct{ Data struct{ Key string } }
		if err := json.Unmarshal([]byte(d.Body), &body); err != nil {
			t.Fatal(err)
		}
		keys = append(keys, body.Data.Key)
		if strings.Contains(d.Body, "canary") {
			t.Errorf("a message holds a session id: %s", d.Body)
		}
	}
	return keys
}

// Fault: the receiver hangs, then fails, then answers, and the configuration is loaded again
// in between. Each DELETE is answered while the receiver holds a request, and the receiver
// gets every message once with the same id.
func TestAWebhookIsToldOfEveryRevocation(t *testing.T) {
	t.Parallel()
	hook := harness.NewHook(t)
	config := notifying(hook)
	g := harness.Start(t, config)
	first, second := g.Token(harness.Session("canary-first")), g.Token(harness.Session("canary-second"))
	harness.See(t, g, first, second)

	hook.Hold()
	answers.Invalidated.Check(t, harness.End(t, g, first))
	harness.Eventually(t, 10*time.Second, "the receiver holds a request", func() bool { return hook.Holding() == 1 })
	answers.Invalidated.Check(t, harness.End(t, g, second))
	answers.BadToken.Check(t, harness.Get(t, g, second))
	if n := hook.Holding(); n != 1 || len(hook.Got()) != 0 {
		t.Fatalf("the receiver holds %d requests and has answered %d, want the first", n, len(hook.Got()))
	}
	config.App += "\nreadiness strict"
	harness.Load(t, g, config)
	hook.Answer(http.StatusInternalServerError)
	harness.Eventually(t, 10*time.Second, "the log says that the receiver fails", func() bool {
		return strings.Contains(g.Logs(), "telling the receiver of the webhook of a revocation failed; the gate retries")
	})
	hook.Answer(http.StatusNoContent)
	if keys, want := delivered(t, hook, 2), []string{keyOf("canary-first"), keyOf("canary-second")}; !slices.Equal(keys, want) {
		t.Errorf("the receiver has %v, want %v", keys, want)
	}
	got := hook.Got()
	if tried, taken := got[0].Header.Get("webhook-id"), got[len(got)-2].Header.Get("webhook-id"); tried != taken || got[0].Status != http.StatusInternalServerError {
		t.Errorf("ids %q and %q of one message", tried, taken)
	}
	if strings.Contains(g.Logs(), "canary") {
		t.Error("the log holds a part of the secret, the URL or a session id")
	}
}

// A receiver that moves is configured anew, while the old one still holds a request. At the
// end of the process the gate sends what waits.
func TestAWebhookThatMovesGetsWhatWaits(t *testing.T) {
	t.Parallel()
	before, after := harness.NewHook(t), harness.NewHook(t)
	g := harness.Start(t, notifying(before))
	first, second := g.Token(harness.Session("canary-first")), g.Token(harness.Session("canary-second"))
	harness.See(t, g, first, second)
	before.Hold()
	answers.Invalidated.Check(t, harness.End(t, g, first))
	harness.Eventually(t, 10*time.Second, "the receiver holds a request", func() bool { return before.Holding() == 1 })
	harness.Load(t, g, notifying(after))
	delivered(t, after, 1)
	if n := len(before.Got()); n != 0 {
		t.Errorf("the old receiver has %d messages", n)
	}
	answers.Invalidated.Check(t, harness.End(t, g, second))
	g.Stop()
	if keys, want := delivered(t, after, 2), []string{keyOf("canary-first"), keyOf("canary-second")}; !slices.Equal(keys, want) {
		t.Errorf("the receiver has %v, want %v", keys, want)
	}
}
