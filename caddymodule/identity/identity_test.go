package identity

import (
	"fmt"
	"maps"
	"net/http"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/sessiongate/sessiongate/caddymodule/keys"
	"github.com/sessiongate/sessiongate/caddymodule/token"
	"github.com/sessiongate/sessiongate/caddymodule/token/tokentest"
)

func mustHeaders(tb testing.TB, config *Config, claims ...string) *Headers {
	tb.Helper()
	h, err := New(config, claims)
	if err != nil {
		tb.Fatal(err)
	}
	return h
}

// verified returns a token with changed claims, from a verifier to which these Headers are
// bound.
func verified(tb testing.TB, changes map[string]any, identities ...*Headers) *token.Verified {
	tb.Helper()
	key := tokentest.NewKey(tb, "HS256", "")
	source, err := keys.NewHMAC(key.Secret)
	if err != nil {
		tb.Fatal(err)
	}
	verifier, err := token.NewVerifier(token.Options{Namespace: "test", Issuers: []token.IssuerOptions{{
		Issuer: tokentest.Issuer, Audiences: []string{tokentest.Audience}, Keys: source,
	}}})
	if err != nil {
		tb.Fatal(err)
	}
	tb.Cleanup(verifier.Close)
	for _, h := range identities {
		h.Bind(verifier)
	}
	now := time.Now()
	t, err := verifier.Verify(tokentest.Mint(tb, key, tokentest.Claims(now, changes)), now)
	if err != nil {
		tb.Fatal(err)
	}
	return t
}

// Attack: a client sends the header that tells the upstream who it is. It uses a spelling
// that the gate does not know, and that the upstream reads as the same name (GHSA-f59h by
// underscore, GHSA-49wc by dot, CVE-2026-30851 by a missing claim).
func TestIdentityIsStrippedInEverySpelling(t *testing.T) {
	owned := []string{
		"Remote-User", "remote-user", "REMOTE-USER", "Remote_User", "REMOTE_USER", "remote.user", "Remote.User", "rEmOtE_uSeR",
		"Remote~User", "remote!user", "Remote|User", "Remote'User", "REMOTE+USER", "Remote`User",
		"Remote-Groups", "Remote_Groups", "remote.groups", "Remote-Name", "Remote-Email", "remote_email",
	}
	foreign := []string{
		"Remote", "Remote-Users", "Remote-Use", "X-Remote-User", "RemoteUser", "Remote--User", "Remote-Addr", "Remote-Us\u0435r",
		"X-Forwarded-User", "Authorization",
	}
	h := mustHeaders(t, &Config{Preset: "authelia"})
	header := http.Header{}
	for _, name := range slices.Concat(owned, foreign) {
		header[name] = []string{"root", "wheel"}
	}
	h.Strip(&http.Request{Header: header}, nil)
	for _, name := range owned {
		if _, there := header[name]; there {
			t.Errorf("%s reaches the upstream", name)
		}
	}
	for _, name := range foreign {
		if !slices.Equal(header[name], []string{"root", "wheel"}) {
			t.Errorf("%s, which is not owned, became %q", name, header[name])
		}
	}
}

// Attack: the claim of a preset's header is changed, and the preset itself with it, for the
// next gate that uses it.
func TestAChangeOfAPresetIsOneGatesAlone(t *testing.T) {
	mustHeaders(t, &Config{Preset: "authelia", Headers: map[string]string{"Remote-User": "email"}})
	for name, claim := range mustHeaders(t, &Config{Preset: "authelia"}).All() {
		if name == "Remote-User" && claim != "sub" {
			t.Errorf("the preset sets %s from %s", name, claim)
		}
	}
}

// Pomerium's headers are owned by their prefix: an upstream may read any claim.
func TestIdentityOwnsThePrefixOfPomerium(t *testing.T) {
	h := mustHeaders(t, &Config{Preset: "pomerium"})
	for name, owned := range map[string]bool{
		"X-Pomerium-Claim-Email": true, "X-Pomerium-Claim-Anything": true, "x_pomerium.claim_role": true, "X-Pomerium-Claim-": true,
		"X-Pomerium-Claim": false, "X-Pomerium-Jwt-Assertion": false, "X-Pomerium-Claims-Email": false, "Pomerium-Claim-Email": false,
	} {
		if h.Owns(name) != owned {
			t.Errorf("owns %s: %t", name, !owned)
		}
	}
}

// Attack: an owned name that is too long for the table of lengths.
func TestIdentityOwnsLongNames(t *testing.T) {
	long := "X-" + string(slices.Repeat([]byte("a"), 80))
	h := mustHeaders(t, &Config{Headers: map[string]string{long: "sub"}})
	if !h.Owns(long) || h.Owns(long+"a") || h.Owns(long[:70]) {
		t.Error("another name of 82 letters is owned, or the owned one is not")
	}
}

// Attack: a trailer has the name of an identity header. reverse_proxy copies it after the
// body, when everything was checked.
func TestIdentityLetsNoTrailerThrough(t *testing.T) {
	r := &http.Request{Header: http.Header{}, Trailer: http.Header{"Remote-User": nil, "Grpc-Status": nil}}
	mustHeaders(t, &Config{Preset: "authelia"}).Strip(r, nil)
	if r.Trailer != nil {
		t.Errorf("trailers are left: %v", r.Trailer)
	}
	r.Trailer = http.Header{"Grpc-Status": nil}
	mustHeaders(t, nil).Strip(r, nil)
	if r.Trailer != nil {
		t.Errorf("trailers are left without an identity: %v", r.Trailer)
	}
}

func TestStrippingAnOrdinaryRequestAllocatesNothing(t *testing.T) {
	h := mustHeaders(t, &Config{Preset: "pomerium"})
	r := &http.Request{Header: http.Header{"Connection": {"keep-alive, Upgrade"}, "Accept": {"*/*"}, "X-Request-Id": {"1"}}}
	if n := testing.AllocsPerRun(100, func() { h.Strip(r, nil) }); n != 0 {
		t.Errorf("%v allocations", n)
	}
}

func TestIdentityIsSetFromTheToken(t *testing.T) {
	claims := map[string]any{
		"sub": "alice", "email": "alice@example.com", "groups": []string{"dev", "ops"}, "name": "Alice Ä.", "preferred_username": "al", "tenant_id": 7,
		"realm_access": map[string]any{"roles": []string{"admin", "user"}},
	}
	for name, test := range map[string]struct {
		config *Config
		want   map[string]string
	}{
		"none": {nil, nil},
		"oauth2_proxy": {&Config{Preset: "oauth2_proxy"}, map[string]string{
			"X-Forwarded-User": "alice", "X-Forwarded-Email": "alice@example.com", "X-Forwarded-Groups": "dev,ops",
			"X-Forwarded-Preferred-Username": "al",
		}},
		"authelia": {&Config{Preset: "authelia"}, map[string]string{
			"Remote-User": "alice", "Remote-Groups": "dev,ops", "Remote-Name": "Alice Ä.", "Remote-Email": "alice@example.com",
		}},
		"pomerium": {&Config{Preset: "pomerium"}, map[string]string{
			"X-Pomerium-Claim-Sub": "alice", "X-Pomerium-Claim-Email": "alice@example.com", "X-Pomerium-Claim-Name": "Alice Ä.",
			"X-Pomerium-Claim-Groups": "dev,ops", "X-Pomerium-Claim-Tenant-Id": "7", "X-Pomerium-Claim-Realm-Access-Roles": "admin,user",
		}},
		"authelia with other claims": {
			&Config{Preset: "authelia", Headers: map[string]string{"Remote-User": "preferred_username", "remote_groups": "realm_access.roles"}},
			map[string]string{"Remote-User": "al", "Remote-Groups": "admin,user", "Remote-Name": "Alice Ä.", "Remote-Email": "alice@example.com"},
		},
		"pomerium with other claims": {
			&Config{Preset: "pomerium", Headers: map[string]string{"X-Pomerium-Claim-Sub": "email", "X-Pomerium-Claim-Tenant-Id": "sub"}},
			map[string]string{
				"X-Pomerium-Claim-Sub": "alice@example.com", "X-Pomerium-Claim-Email": "alice@example.com", "X-Pomerium-Claim-Name": "Alice Ä.",
				"X-Pomerium-Claim-Groups": "dev,ops", "X-Pomerium-Claim-Tenant-Id": "alice", "X-Pomerium-Claim-Realm-Access-Roles": "admin,user",
			},
		},
		"headers with paths": {&Config{Headers: map[string]string{"X-Roles": "realm_access.roles", "X-None": "realm_access.groups"}}, map[string]string{
			"X-Roles": "admin,user",
		}},
		"headers": {&Config{Headers: map[string]string{"x-user": "sub", "X_Tenant": "tenant_id", "X-None": "nowhere"}}, map[string]string{
			"X-User": "alice", "X_tenant": "7",
		}},
	} {
		t.Run(name, func(t *testing.T) {
			header := http.Header{"Accept": {"*/*"}}
			h := mustHeaders(t, test.config, "tenant_id", "email", "https://example.com/roles", "realm_access.roles")
			h.Set(header, verified(t, claims, h))
			header.Del("Accept")
			got := make(map[string]string, len(header))
			for name, values := range header {
				got[name] = fmt.Sprint(values)
			}
			want := make(map[string]string, len(test.want))
			for name, value := range test.want {
				want[name] = fmt.Sprint([]string{value})
			}
			if !maps.Equal(got, want) {
				t.Errorf("set %v, want %v", got, want)
			}
		})
	}
}

// Attack: a user writes a line break into a claim to smuggle a second header, or blanks
// around it to get another user's name upstream.
func TestClaimsThatCannotBeAFieldAreNotSet(t *testing.T) {
	h := mustHeaders(t, &Config{Headers: map[string]string{"X-Name": "name"}})
	for claim, set := range map[string]bool{
		"Alice": true, "": true, "Alice B": true, "Älice ✓": true, "a\tb": true,
		"a\r\nX-Admin: 1": false, "a\nb": false, "a\rb": false, "a\x00b": false, "a\x7fb": false, "a\x1bb": false,
		" admin": false, "admin ": false, "\tadmin": false, "admin\t": false,
		// C1 control characters, and other characters that end a line in Unicode.
		"a\u0085b": false, "a\u009bb": false, "a\u0080": false, "a\u2028b": false, "a\u2029b": false,
		// Unicode blanks, current and former ones, which trim functions remove.
		"\u00a0admin": false, "admin\u00a0": false, "admin\u3000": false, "\u2003admin": false, "admin\u1680": false, "admin\u202f": false,
		"admin\ufeff": false, "\ufeffadmin": false, "admin\u200b": false, "admin\u180e": false,
		"a\u00a0b": true, "山田\u3000太郎": true, "Zoë": true, "à": true, "Ωmega": true, "𝒜": true, "Doe, John": true,
	} {
		header := http.Header{}
		h.Set(header, verified(t, map[string]any{"name": claim}, h))
		if values, there := header["X-Name"]; there != set || set && values[0] != claim {
			t.Errorf("the claim %q was set as %q", claim, values)
		}
	}
	for _, claim := range []any{nil, map[string]any{"a": "b"}, []any{"a", nil}, []any{[]string{"a"}}} {
		header := http.Header{}
		h.Set(header, verified(t, map[string]any{"name": claim}, h))
		if len(header) != 0 {
			t.Errorf("the claim %v was set as %v", claim, header)
		}
	}
}

// Attack: a group's name holds a comma, or a blank at its end. The upstream reads it as
// other groups, to which the user does not belong.
func TestListsAreSetWhereTheyAreReadAsTheyAre(t *testing.T) {
	h := mustHeaders(t, &Config{Headers: map[string]string{"X-Groups": "groups"}})
	for want, groups := range map[string]any{
		"staff,admins": []string{"staff", "admins"}, "a b,c": []any{"a b", "c"}, "7,true,x": []any{7, true, "x"}, "é,ü": []any{"é", "ü"},
		"one": []string{"one"}, "as,it,is": "as,it,is",
	} {
		header := http.Header{}
		h.Set(header, verified(t, map[string]any{"groups": groups}, h))
		if values := header["X-Groups"]; len(values) != 1 || values[0] != want {
			t.Errorf("the groups %q were set as %q, want %q", groups, values, want)
		}
	}
	for _, groups := range [][]string{
		{"a", "b,admins"}, {"b,admins"}, {","}, {"a", " admins"}, {"admins ", "a"}, {"a\u00a0", "b"}, {"a", "\u3000b", "c"}, {"a", "b\nc"},
	} {
		header := http.Header{}
		token := verified(t, map[string]any{"groups": groups}, h)
		if h.Set(header, token); len(header) != 0 {
			t.Errorf("the groups %q were set as %q", groups, header["X-Groups"])
		}
		// Placeholders show exactly the claims of the issuer.
		if text, ok := token.Claim("groups"); !ok || text != strings.Join(groups, ",") {
			t.Errorf("the groups %q are %q as a text", groups, text)
		}
	}
}

// Attack: the identity of one request appears in another request through shared memory.
// Handlers after the gate write to the slices of header fields.
func TestValuesAreNeverShared(t *testing.T) {
	h := mustHeaders(t, &Config{Preset: "authelia"})
	users := make([]*token.Verified, 4)
	for i := range users {
		users[i] = verified(t, map[string]any{"sub": fmt.Sprint("user-", i), "email": fmt.Sprint("mail-", i), "name": fmt.Sprint("name-", i)}, h)
	}
	var wait sync.WaitGroup
	for i, user := range users {
		wait.Go(func() {
			for range 500 {
				header := http.Header{}
				h.Set(header, user)
				for name := range header {
					// This does what request_header does, and more.
					header[name] = append(header[name], "appended")
				}
				want := fmt.Sprint("[user-", i, " appended] [mail-", i, " appended] [name-", i, " appended]")
				if got := fmt.Sprint(header["Remote-User"], header["Remote-Email"], header["Remote-Name"]); got != want {
					t.Errorf("%s, want %s", got, want)
					return
				}
				for _, values := range header {
					values[0] = "overwritten"
				}
			}
		})
	}
	wait.Wait()
}

func TestValuesOfManyFields(t *testing.T) {
	for _, n := range []int{1, 255, 256, 257, 1000} {
		values := takeValues(n)
		if len(values) != n || cap(values) != n || slices.ContainsFunc(values, func(v string) bool { return v != "" }) {
			t.Errorf("%d values of %d, with room for %d", len(values), n, cap(values))
		}
	}
}
