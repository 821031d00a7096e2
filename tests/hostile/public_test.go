package hostile

import (
	"testing"

	"github.com/sessiongate/sessiongate/tests/answers"
	"github.com/sessiongate/sessiongate/tests/harness"
)

const publicGate = "public /healthz /assets/*\nidentity authelia"

func TestPublicPathsNeedNoToken(t *testing.T) {
	t.Parallel()
	harness.EachStore(t, func(t *testing.T, store string) {
		g := harness.Start(t, harness.Config{Store: store, Gate: publicGate})
		revoked := g.Token(harness.Session("revoked"))
		answers.Invalidated.Check(t, harness.End(t, g, revoked))
		for _, path := range []string{"/healthz", "/healthz?x=/../y", "/assets/", "/assets/app.js", "/assets/a/b%20c.css", "/assets/a:b@c"} {
			for name, fields := range map[string][]string{
				"without a token":          nil,
				"with a good token":        {"Authorization: Bearer " + g.Token(harness.Session("laptop"))},
				"with a revoked token":     {"Authorization: Bearer " + revoked},
				"with a broken credential": {"Authorization: Bearer x"},
				"with two credentials":     {"Authorization: Bearer x", "Authorization: Bearer y"},
			} {
				t.Run(path+" "+name, func(t *testing.T) {
					// Attack: a public path carries a spoofed identity to the application.
					fields := append(fields, "Remote-User: root", "remote_groups: admins")
					harness.CheckAdmitted(t, g.Raw(t, harness.Lines("POST "+path+" HTTP/1.1", append(fields, "Content-Length: 0")...)))
					reached := g.Upstream.TakeOne(t)
					if reached.Method != "POST" || reached.URI != path {
						t.Errorf("%s %s reached the upstream", reached.Method, reached.URI)
					}
					checkNoIdentity(t, reached, "remote-user", "remote-groups", "remote-name", "remote-email")
				})
			}
		}
	})
}

// traversals are paths that some reader reads as public, and another does not.
var traversals = []string{
	"/assets/../orders", "/assets/./../orders", "/assets/x/../../orders", "/assets/..", "/assets/../",
	"/assets/..%2forders", "/assets/%2e%2e/orders", "/assets/.%2e/orders", "/assets/%2e%2e%2forders", "/assets%2f..%2forders",
	"/assets/%252e%252e/orders", "/assets/..%252forders", "/assets/..;/orders", "/assets/..;x=y/orders", "/assets/%2e%2e;/orders",
	`/assets/..\orders`, "/assets/..%5corders", `/assets\..\orders`, "/assets/x%00/../../orders", "/assets/%00",
	"/ASSETS/app.js", "/Healthz", "/healthz/", "/healthz/x", "/healthz;x", "/healthz%00", "/healthz%2f", "/healthz%20",
	"/assets", "/assetsx", "/assets.js", "/x/assets/app.js", "/orders/../healthz/../orders", "/",
}

// Attack: a path is public by its prefix, and the application, or a proxy in front of it,
// resolves it to a path that is not.
func TestTraversalOutOfPublicPathsIsGuarded(t *testing.T) {
	t.Parallel()
	harness.EachStore(t, func(t *testing.T, store string) {
		g := harness.Start(t, harness.Config{Store: store, Gate: publicGate})
		for _, path := range traversals {
			t.Run(path, func(t *testing.T) { answers.NoToken.Check(t, g.Raw(t, harness.Lines("GET "+path+" HTTP/1.1"))) })
		}
		harness.CheckUnreached(t, g)
	})
}

// The endpoint is never public, and the rules apply to the path that the upstream sees.
func TestPublicDoesNotOpenWhatIsBehindRewrites(t *testing.T) {
	t.Parallel()
	harness.EachStore(t, func(t *testing.T, store string) {
		g := harness.Start(t, harness.Config{Store: store, Routes: `
			handle_path /assets/* {
				session_gate {
					public /assets/*
				}
				reverse_proxy {$UPSTREAM}
			}
			handle {
				rewrite /old/* /assets{uri}
				session_gate {
					public /assets/* /v1/*
				}
				reverse_proxy {$UPSTREAM}
			}`})
		answers.NoToken.Check(t, g.Send(t, "GET", "/assets/orders"))
		harness.CheckAdmitted(t, g.Send(t, "GET", "/old/app.js"))
		harness.CheckAdmitted(t, g.Send(t, "GET", harness.Endpoint))
		g.Upstream.Take()
		answers.NoToken.Check(t, g.Send(t, "DELETE", harness.Endpoint))
		harness.CheckUnreached(t, g)
	})
}
