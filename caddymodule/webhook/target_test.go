package webhook_test

import (
	"encoding/base64"
	"net/http"
	"strings"
	"testing"
	"testing/synctest"

	"github.com/sessiongate/sessiongate/caddymodule/webhook"
)

func TestTargets(t *testing.T) {
	const short = "canary-short-secret"
	encoded := func(n int) string { return "whsec_" + base64.StdEncoding.EncodeToString(make([]byte, n)) }
	for _, c := range []struct{ url, secret, err string }{
		{"https://siem.example.com/hook", secret, ""},
		{"https://siem.example.com:8443/hook?key=a#b", encoded(24), ""},
		{"http://127.0.0.1:9000/hook", secret, ""},
		{"http://[::1]/hook", secret, ""},
		{"http://localhost/hook", secret, ""},
		// Attack: read on the network who logs out, and when.
		{"http://siem.example.com/canary", secret, "the URL of the receiver at siem.example.com is not https"},
		{"http://127.0.0.1.example.com/", secret, "is not https"},
		{"http://localhost.example.com/", secret, "is not https"},
		{"ftp://127.0.0.1/", secret, "is not https"},
		{"https://alice:canary@siem.example.com/", secret, "the URL of the receiver holds a user"},
		{"https:siem.example.com/canary", secret, "not valid"},
		{"/canary", secret, "not valid"},
		{"https:///canary", secret, "not valid"},
		{"https://siem.example.com/%zz", secret, "not valid"},
		{"", secret, "not valid"},
		// Attack: guess the secret, and sign messages that hide an intrusion.
		{"https://siem.example.com/", short, "a secret of 19 bytes, want 32 or more"},
		{"https://siem.example.com/", encoded(23), "a secret of 23 random bytes, want 24 or more"},
		{"https://siem.example.com/", "whsec_canary-*-canary-canary-canary", "is not base64"},
		{"https://siem.example.com/", "", "a secret of 0 bytes"},
	} {
		_, err := webhook.NewTarget(c.url, c.secret)
		switch {
		case c.err == "" && err != nil:
			t.Errorf("%s: %v", c.url, err)
		case c.err != "" && (err == nil || !strings.Contains(err.Error(), c.err)):
			t.Errorf("%s with %q: error %v, want %q", c.url, c.secret, err, c.err)
		case err != nil && strings.Contains(err.Error(), "canary"):
			t.Errorf("%s: the error reveals a secret: %v", c.url, err)
		}
	}
	if _, err := webhook.NewTarget("https://siem.example.com/"); err == nil {
		t.Error("a receiver without a secret was accepted")
	}
}

// While a secret is replaced, the receiver knows one of the two.
func TestEverySecretSigns(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := send(t)
		both, err := webhook.NewTarget("https://siem.example.com/", secret, "another-"+secret)
		if err != nil {
			t.Fatal(err)
		}
		var fields []string
		s.answers(func(r *http.Request) (int, http.Header, error) {
			fields = strings.Fields(r.Header.Get("webhook-signature"))
			return http.StatusOK, nil, nil
		})
		s.Use(both)
		s.Send(revocation("a"))
		synctest.Wait()
		if len(fields) != 2 || fields[0] == fields[1] || !strings.HasPrefix(fields[1], "v1,") {
			t.Errorf("signatures %q, want two", fields)
		}
	})
}
