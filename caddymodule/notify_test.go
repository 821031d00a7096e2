package caddymodule

import (
	"io"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"

	"github.com/sessiongate/sessiongate/caddymodule/hub"
	"github.com/sessiongate/sessiongate/store"
)

// Attack: a secret that is missing or short lets others sign messages. Plain http lets others
// read them. Errors name neither the secret nor the path of the URL.
func TestNotifyIsCheckedBeforeTheStart(t *testing.T) {
	const long = "canary-secret-of-the-hook-0123456789"
	t.Setenv("SG_HOOK_SECRET", "canary-short")
	t.Setenv("SG_HOOK_URL", "http://siem.example.com/canary")
	for notify, want := range map[string]string{
		`{"url": "https://siem.example.com/canary", "secret": ["{env.SG_HOOK_SECRET}"]}`:                     "notify: a secret of 12 bytes, want 32 or more",
		`{"url": "https://siem.example.com/canary", "secret": ["` + long + `", "{env.SG_HOOK_MISSING}"]}`:    "resolving the secret of notify: {env.SG_HOOK_MISSING} is missing or empty",
		`{"url": "https://siem.example.com/canary"}`:                                                         "notify: no secret to sign with",
		`{"url": "{env.SG_HOOK_URL}", "secret": ["` + long + `"]}`:                                           "notify: the URL of the receiver at siem.example.com is not https",
		`{"secret": ["` + long + `"]}`:                                                                       "notify: the URL of the receiver is not valid",
		`{"url": "https://siem.example.com/canary", "secret": ["` + long + `"]}`:                             "",
		`{"url": "http://127.0.0.1:1/canary", "secret": ["whsec_MDEyMzQ1Njc4OTAxMjM0NTY3ODkwMTIzNDU2Nzg5"]}`: "",
	} {
		err := refusal{app: `"notify": ` + notify}.validate(t)
		switch {
		case want == "" && err != nil:
			t.Errorf("%s: %v", notify, err)
		case want != "" && (err == nil || !strings.Contains(err.Error(), want) || strings.Contains(err.Error(), "canary")):
			t.Errorf("%s: error %v, want %q", notify, err, want)
		}
	}
}

// A user is personal data. Only with log_subject does a message name the user.
func TestMessagesNameTheUserOnlyIfAsked(t *testing.T) {
	for _, named := range []bool{false, true} {
		bodies := make(chan string, 1)
		receiver := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
			body, err := io.ReadAll(r.Body)
			if err != nil {
				t.Error(err)
			}
			w.WriteHeader(http.StatusNoContent)
			bodies <- string(body)
		}))
		notify := &Notify{URL: receiver.URL, Secret: []string{"canary-secret-of-the-hook-0123456789"}}
		if err := notify.check(); err != nil {
			t.Fatal(err)
		}
		n := newNotifier(slog.New(slog.DiscardHandler), func() store.GateID { return 0 })
		e := newEvents(slog.New(slog.DiscardHandler), runningApp)
		e.notify = n
		e.subjects.Store(named)
		n.use(notify)
		e.Revoked(hub.Outcome{Cause: hub.Cause{Subject: "alice"}, Revocations: []store.Revocation{{Kind: store.KindSession, Key: store.Key{1}}}})
		if body := <-bodies; strings.Contains(body, `"subject":"alice"`) != named || strings.Contains(body, "alice") != named {
			t.Errorf("log_subject is %t, and the message is %s", named, body)
		}
		n.Close()
		receiver.Close()
	}
}
