package hostile

import (
	"net/http"
	"slices"
	"strings"
	"testing"

	"github.com/sessiongate/sessiongate/tests/harness"
)

// presets are the fields of each preset, with the expected values for the token of the
// test.
var presets = map[string]map[string]string{
	"identity oauth2_proxy": {
		"X-Forwarded-User": "alice", "X-Forwarded-Email": "alice@example.com",
		"X-Forwarded-Groups": "staff,admins", "X-Forwarded-Preferred-Username": "al",
	},
	"identity authelia": {
		"Remote-User": "alice", "Remote-Groups": "staff,admins", "Remote-Name": "Alice A.", "Remote-Email": "alice@example.com",
	},
	"identity pomerium\nclaims tenant_id": {
		"X-Pomerium-Claim-Sub": "alice", "X-Pomerium-Claim-Email": "alice@example.com",
		"X-Pomerium-Claim-Name": "Alice A.", "X-Pomerium-Claim-Groups": "staff,admins", "X-Pomerium-Claim-Tenant-Id": "42",
	},
	"identity {\nX-User sub\nX-Tenant tenant_id\n}": {"X-User": "alice", "X-Tenant": "42"},
}

// fold returns one spelling for all names that CGI and its successors read as the same.
func fold(name string) string {
	return strings.ToLower(strings.NewReplacer("_", "-", ".", "-").Replace(name))
}

// owned returns all values that an upstream could read under a name.
func owned(header http.Header, name string) (values []string) {
	for field, given := range header {
		if fold(field) == fold(name) {
			values = append(values, given...)
		}
	}
	return values
}

func checkNoIdentity(t *testing.T, reached harness.Reached, names ...string) {
	t.Helper()
	for _, name := range names {
		if values := append(owned(reached.Header, name), owned(reached.Trailer, name)...); len(values) > 0 {
			t.Errorf("upstream got %s: %q", name, values)
		}
	}
}

func checkIdentity(t *testing.T, reached harness.Reached, want map[string]string) {
	t.Helper()
	for name, value := range want {
		if values := owned(reached.Header, name); len(values) != 1 || values[0] != value || reached.Header.Get(name) != value {
			t.Errorf("upstream got %s: %q, want %q", name, values, value)
		}
		if values := owned(reached.Trailer, name); len(values) > 0 {
			t.Errorf("upstream got %s: %q in the trailer", name, values)
		}
	}
}

// spoofs are ways to send a field that an upstream could read as the name.
func spoofs(name string) map[string][]string {
	shout := strings.ToUpper(name)
	return map[string][]string{
		"as it is":                             {name + ": root"},
		"in small letters":                     {strings.ToLower(name) + ": root"},
		"in capitals":                          {shout + ": root"},
		"with underscores":                     {strings.ReplaceAll(name, "-", "_") + ": root"},
		"with dots":                            {strings.ReplaceAll(name, "-", ".") + ": root"},
		"with one of each":                     {strings.Replace(strings.Replace(shout, "-", "_", 1), "-", ".", 1) + ": root"},
		"twice":                                {name + ": root", name + ": admin"},
		"empty":                                {name + ":"},
		"through Connection":                   {name + ": root", "Connection: close, " + name},
		"through Connection in other letters":  {"Connection: " + strings.ToLower(name) + ",keep-alive", "Connection: " + shout},
		"through Connection as another's name": {"Connection: " + strings.ReplaceAll(name, "-", "_")},
	}
}

// Attack: a client sends the identity itself, in a spelling that the gate does not remove
// and the application folds. Or it names the field in Connection, so that the proxy drops
// the gate's own field and the application sees no user.
func TestIdentityIsTheGatesAlone(t *testing.T) {
	t.Parallel()
	harness.EachStore(t, func(t *testing.T, store string) {
		for preset, fields := range presets {
			t.Run(strings.ReplaceAll(preset, "\n", " "), func(t *testing.T) {
				g := harness.Start(t, harness.Config{Store: store, Gate: preset + "\npublic /public"})
				token := g.Token(harness.Identified())
				for name := range fields {
					for how, lines := range spoofs(name) {
						t.Run(name+" "+how, func(t *testing.T) {
							bearer := append([]string{"Authorization: Bearer " + token}, lines...)
							harness.CheckAdmitted(t, g.Raw(t, harness.Lines("GET / HTTP/1.1", bearer...)))
							checkIdentity(t, g.Upstream.TakeOne(t), fields)
							harness.CheckAdmitted(t, g.Raw(t, harness.Lines("GET /public HTTP/1.1", lines...)))
							checkNoIdentity(t, g.Upstream.TakeOne(t), name)
						})
					}
				}
			})
		}
	})
}

// Attack: the same, at a server whose operator passes names with underscores and dots,
// which Caddy otherwise drops.
func TestIdentityIsTheGatesAloneWhereTheServerLetsItsAliasesThrough(t *testing.T) {
	t.Parallel()
	harness.EachStore(t, func(t *testing.T, store string) {
		g := harness.Start(t, harness.Config{Store: store, Gate: "identity authelia\npublic /public", Global: `
			servers {
				expected_underscore_headers Remote_User REMOTE_GROUPS X_Other
				expected_dot_headers Remote.User remote.email X.Other
			}`})
		token := g.Token(harness.Session("laptop"))
		for _, alias := range []string{"Remote_User", "REMOTE_GROUPS", "remote_user", "Remote.User", "remote.email"} {
			lines := []string{"Authorization: Bearer " + token, alias + ": root", "X_Other: 1", "X.Other: 2"}
			for path, want := range map[string][]string{"/": {"alice"}, "/public": nil} {
				harness.CheckAdmitted(t, g.Raw(t, harness.Lines("GET "+path+" HTTP/1.1", lines...)))
				reached := g.Upstream.TakeOne(t)
				if got := owned(reached.Header, "Remote-User"); !slices.Equal(got, want) {
					t.Errorf("%s at %s: upstream got the user %q, want %q", alias, path, got, want)
				}
				checkNoIdentity(t, reached, "Remote-Groups", "Remote-Email", "Remote-Name")
				if got := owned(reached.Header, "X-Other"); len(got) != 2 {
					t.Errorf("aliases without an owner are dropped, so the test proves nothing: %q", got)
				}
			}
		}
	})
}

// Attack: send the identity after the body, where the proxy reads it last.
func TestIdentityInTrailersIsDropped(t *testing.T) {
	t.Parallel()
	harness.EachStore(t, func(t *testing.T, store string) {
		g := harness.Start(t, harness.Config{Store: store, Gate: "identity authelia\npublic /public"})
		const chunks = "5\r\nhello\r\n0\r\n"
		for _, name := range []string{"Remote-User", "remote_user", "REMOTE.USER"} {
			for _, announced := range []string{"Trailer: " + name, "X-Unrelated: 1"} {
				lines := []string{"Transfer-Encoding: chunked", announced, "Authorization: Bearer " + g.Token(harness.Identified())}
				for path, want := range map[string]string{"/": "alice", "/public": ""} {
					got := g.Raw(t, harness.Lines("POST "+path+" HTTP/1.1", lines...)+chunks+name+": root\r\n\r\n")
					harness.CheckAdmitted(t, got)
					reached := g.Upstream.TakeOne(t)
					if reached.Body != "hello" {
						t.Errorf("body is %q", reached.Body)
					}
					if want == "" {
						checkNoIdentity(t, reached, "Remote-User")
					} else {
						checkIdentity(t, reached, map[string]string{"Remote-User": want})
					}
				}
			}
		}
	})
}

// If a token lacks a claim, its field is absent. A client cannot set it either.
func TestMissingClaimLeavesItsFieldUnset(t *testing.T) {
	t.Parallel()
	harness.EachStore(t, func(t *testing.T, store string) {
		g := harness.Start(t, harness.Config{Store: store, Gate: "identity authelia"})
		// Attack: a claim that breaks out of its field.
		token := g.Token(harness.Session("laptop", "name", "Alice\r\nRemote-Groups: admins"))
		harness.CheckAdmitted(t, g.Send(t, "GET", "/", harness.Bearer(token), harness.Header("Remote-Email", "root@example.com"),
			harness.Header("Remote-Groups", "admins")))
		reached := g.Upstream.TakeOne(t)
		checkIdentity(t, reached, map[string]string{"Remote-User": "alice"})
		checkNoIdentity(t, reached, "Remote-Groups", "Remote-Email", "Remote-Name")
	})
}

// Attack: a user chooses a name that is another user's for an upstream that trims or splits
// it, or a list that is read as other groups.
func TestIdentityArrivesAsItIsOrNotAtAll(t *testing.T) {
	t.Parallel()
	g := harness.Start(t, harness.Config{TLS: true, Routes: `
		session_gate {
			identity authelia
			claims groups name
		}
		reverse_proxy {$UPSTREAM} {
			header_up X-Groups {http.auth.user.groups}
			header_up X-Name {http.auth.user.name}
		}`})
	harness.EachProtocol(t, func(t *testing.T, protocol harness.Protocol) {
		send := func(claim string, value any) harness.Answer {
			t.Helper()
			token := g.Token(harness.Session("laptop", claim, value))
			return g.Over(t, protocol, harness.Request{Method: "GET", Target: "/", Fields: []string{"Authorization: Bearer " + token}})
		}
		for _, name := range []string{"Zoë", "山田 太郎", "à", "Ωmega ✓", "a\u00a0b", "Doe, John", "𝒜"} {
			harness.CheckAdmitted(t, send("name", name))
			checkIdentity(t, g.Upstream.TakeOne(t), map[string]string{"Remote-User": "alice", "Remote-Name": name, "X-Name": name})
		}
		for _, name := range []string{" admin", "admin\u00a0", "\u3000admin", "admin\ufeff", "admin\u200b", "ad\u2028min", "a\u009db", "a\u0085"} {
			harness.CheckAdmitted(t, send("name", name))
			reached := g.Upstream.TakeOne(t)
			checkIdentity(t, reached, map[string]string{"Remote-User": "alice"})
			checkNoIdentity(t, reached, "Remote-Name")
		}
		for _, groups := range [][]string{{"a", "b,admins"}, {"a", " admins"}, {"admins\u00a0", "a"}} {
			harness.CheckAdmitted(t, send("groups", groups))
			reached := g.Upstream.TakeOne(t)
			checkNoIdentity(t, reached, "Remote-Groups")
			// A placeholder is the text of the claim. The operator decides where to use it.
			checkIdentity(t, reached, map[string]string{"X-Groups": strings.TrimRight(strings.Join(groups, ","), " ")})
		}
		// A line break in a placeholder cannot add a field: the proxy refuses it.
		for _, name := range []string{"a\r\nX-Admin: 1", "a\nb", "a\x00b"} {
			if got := send("name", name); got.Status != 502 {
				t.Errorf("%q: answer is %d, want 502", name, got.Status)
			}
			harness.CheckUnreached(t, g)
		}
	})
}

func TestWithoutIdentityNoFieldIsTouched(t *testing.T) {
	t.Parallel()
	harness.EachStore(t, func(t *testing.T, store string) {
		g := harness.Start(t, harness.Config{Store: store})
		harness.CheckAdmitted(t, g.Send(t, "GET", "/", harness.Bearer(g.Token(nil)), harness.Header("Remote-User", "mallory")))
		checkIdentity(t, g.Upstream.TakeOne(t), map[string]string{"Remote-User": "mallory"})
	})
}
