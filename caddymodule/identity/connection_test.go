package identity

import (
	"net/http"
	"slices"
	"testing"
)

// Attack: Connection: Remote-User makes reverse_proxy drop the header that the gate sets.
// An upstream that misses the header may treat the request as its own (CVE-2025-48865).
func TestConnectionDoesNotName(t *testing.T) {
	h := mustHeaders(t, &Config{Preset: "authelia"})
	for _, test := range []struct{ sent, want []string }{
		{[]string{"Remote-User"}, nil},
		{[]string{"close, Remote-User"}, []string{"close"}},
		{[]string{"Remote-User,close"}, []string{"close"}},
		{[]string{"keep-alive, remote_user, Upgrade, REMOTE.EMAIL"}, []string{"keep-alive, Upgrade"}},
		{[]string{" ,, \tRemote-User\t ,, "}, nil},
		{[]string{"close", "Remote-User"}, []string{"close"}},
		{[]string{"Remote-User", "Remote-Name", "Remote-Groups"}, nil},
		{[]string{"Remote-User, Remote-User"}, nil},
		{[]string{"", "Remote-User", "te"}, []string{"te"}},
		// None of the gate's fields: unchanged.
		{[]string{"keep-alive"}, []string{"keep-alive"}},
		{[]string{" upgrade ,,close", ""}, []string{" upgrade ,,close", ""}},
		{[]string{"Remote-Users"}, []string{"Remote-Users"}},
		{[]string{"Remote-User;q=1"}, []string{"Remote-User;q=1"}},
	} {
		r := &http.Request{Header: http.Header{"Connection": slices.Clone(test.sent)}}
		h.Strip(r, nil)
		if got := r.Header["Connection"]; !slices.Equal(got, test.want) {
			t.Errorf("Connection: %q became %q, want %q", test.sent, got, test.want)
		}
	}
}

// Attack: Connection: Authorization, so that the upstream gets another request than the
// gate has checked.
func TestConnectionDoesNotNameAKeptField(t *testing.T) {
	h := mustHeaders(t, &Config{Preset: "authelia"})
	h.Keep("", "X-Token", "Cookie")
	for sent, want := range map[string]string{
		"x_token, close": "close", "X-Token": "", "COOKIE, Remote-User, te": "te", "Authorization": "Authorization", " keep-alive ,": " keep-alive ,",
	} {
		r := &http.Request{Header: http.Header{"Connection": {sent}, "X-Token": {"t"}}}
		h.Strip(r, nil)
		if got := r.Header.Get("Connection"); got != want {
			t.Errorf("Connection: %q became %q, want %q", sent, got, want)
		}
		if r.Header.Get("X-Token") == "" {
			t.Errorf("Connection: %q removed a kept field itself", sent)
		}
	}
}
