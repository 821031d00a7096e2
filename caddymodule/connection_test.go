package caddymodule

import (
	"net/http"
	"slices"
	"testing"
)

// The attack: Connection: Remote-User makes reverse_proxy drop the header that
// the gate sets, and an upstream without it may believe the request is its own
// (CVE-2025-48865).
func TestConnectionDoesNotName(t *testing.T) {
	id := mustIdentity(t, &Identity{Preset: "authelia"})
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
		// Nothing of ours: left exactly as it was.
		{[]string{"keep-alive"}, []string{"keep-alive"}},
		{[]string{" upgrade ,,close", ""}, []string{" upgrade ,,close", ""}},
		{[]string{"Remote-Users"}, []string{"Remote-Users"}},
		{[]string{"Remote-User;q=1"}, []string{"Remote-User;q=1"}},
	} {
		r := &http.Request{Header: http.Header{"Connection": slices.Clone(test.sent)}}
		stripBy(id, r)
		if got := r.Header["Connection"]; !slices.Equal(got, test.want) {
			t.Errorf("Connection: %q became %q, want %q", test.sent, got, test.want)
		}
	}
}

// The attack: Connection: Authorization, so that the upstream gets another request
// than the one that was judged.
func TestConnectionDoesNotNameTheCredential(t *testing.T) {
	for _, config := range []*Identity{nil, {Preset: "authelia"}} {
		for _, test := range []struct {
			source     TokenSource
			sent, want string
		}{
			{TokenSource{Header: "Authorization"}, "close, authorization", "close"},
			{TokenSource{Header: "Authorization"}, "Authorization", ""},
			{TokenSource{Header: "Authorization"}, "Cookie", "Cookie"},
			{TokenSource{Header: "X-Token"}, "x-token, Authorization", "Authorization"},
			{TokenSource{Cookie: "session"}, "COOKIE, te", "te"},
			{TokenSource{Header: "Authorization", Cookie: "session"}, "Cookie,Authorization,keep-alive", "keep-alive"},
			{TokenSource{Header: "Authorization"}, " keep-alive ,", " keep-alive ,"},
		} {
			gate := newGate(t, "HS256", Gate{Token: &test.source, Identity: config}).gate
			r := &http.Request{Header: http.Header{"Connection": {test.sent}}}
			gate.strip(r)
			if got := r.Header.Get("Connection"); got != test.want {
				t.Errorf("Connection: %q became %q, want %q", test.sent, got, test.want)
			}
		}
	}
}
