package keys_test

import (
	"context"
	"errors"
	"net/http"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/sessiongate/sessiongate/caddymodule/keys"
	"github.com/sessiongate/sessiongate/caddymodule/token/tokentest"
)

// While a key set cannot be fetched, the error says why. Afterwards it no longer does. The text
// never grows with what the endpoint sends.
//
// Attack: a hostile endpoint writes lines into the answer of `check`, or moves the cursor of the
// terminal that shows it.
func TestAnErrorOfAnOutageSaysWhy(t *testing.T) {
	key, stranger := tokentest.NewKey(t, "ES256", "a"), tokentest.NewKey(t, "ES256", "b")
	synctest.Test(t, func(t *testing.T) {
		endpoint := tokentest.NewEndpoint(t, key)
		endpoint.Behave(func(w http.ResponseWriter, _ *http.Request) { w.WriteHeader(http.StatusBadGateway) })
		remote := remoteKeys(t, endpoint, keys.RemoteOptions{URL: keySetURL})
		synctest.Wait()
		wantError(t, remote.Verify(signed(t, key)), "never loaded, because fetching")
		wantError(t, remote.Verify(signed(t, key)), "status 502; compare the URL")
		mustRefuse(t, remote, signed(t, key), keys.ErrUnavailable)

		endpoint.Behave(func(w http.ResponseWriter, _ *http.Request) {
			w.Header().Set("Location", "https://id.example.com/\x1b[2J"+strings.Repeat("x", 4000))
			w.WriteHeader(http.StatusFound)
		})
		time.Sleep(time.Minute)
		synctest.Wait()
		if text := remote.Verify(signed(t, key)).Error(); strings.Contains(text, "502") || strings.ContainsAny(text, "\x1b\n") || len(text) > 800 {
			t.Errorf("the error is %d bytes: %q", len(text), text)
		}

		endpoint.Behave(nil)
		time.Sleep(time.Minute)
		synctest.Wait()
		mustVerify(t, remote, signed(t, key))
		// The set is there, and was asked for another key a moment ago.
		_ = keys.Await(context.Background(), remote.Verify(signed(t, stranger)))
		err := keys.Await(context.Background(), remote.Verify(signed(t, stranger)))
		if !errors.Is(err, keys.ErrUnavailable) || strings.Contains(err.Error(), "because") {
			t.Errorf("error %v, want no reason of the past", err)
		}
	})
}
