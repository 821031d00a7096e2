package upstreams

import (
	"cmp"
	"strings"
	"testing"
	"time"

	"github.com/sessiongate/sessiongate/tests/harness"
)

// isAdmin reports whether the application has run a request for the page that is
// not public.
func isAdmin(one seen) bool { return strings.HasPrefix(one.Path, "/admin") }

// Attack: a public path, and a field that names the prefix where the application is
// mounted. The gate sees a public path and needs no token. The application removes the
// prefix and serves a page that is not public. gunicorn does that for SCRIPT_NAME, and
// middlewares for the other fields.
func TestFieldThatNamesAPrefixDoesNotOpenAnotherPath(t *testing.T) {
	for options, names := range map[string][]string{
		"": {
			"Script-Name", "X-Script-Name", "X-Forwarded-Prefix", "X-Forwarded-Script-Name", "X-Traversal-Path",
			"SCRIPT_NAME", "X_SCRIPT_NAME", "Script.Name",
		},
		// Caddy drops fields with an underscore, unless the operator expects them.
		"expected_underscore_headers SCRIPT_NAME X_SCRIPT_NAME X_FORWARDED_PREFIX": {
			"SCRIPT_NAME", "script_name", "X_SCRIPT_NAME", "X_Forwarded_Prefix",
		},
	} {
		t.Run(cmp.Or(options, "default options"), func(t *testing.T) { namePrefix(t, startGate(t, options), names) })
	}
	for name, working := range map[string][]string{
		"SCRIPT_NAME":        {"gunicorn", "uwsgi"},
		"Script-Name":        {"gunicorn", "uwsgi", "waitress"},
		"X-Script-Name":      {"gunicorn", "uwsgi", "waitress"},
		"X-Forwarded-Prefix": {"gunicorn", "uwsgi", "waitress"},
	} {
		checkWorks(t, name, func(s *server) error {
			_, err := s.ask("GET", "/assets/admin", name+": /assets")
			return err
		}, isAdmin, working...)
	}
}

func namePrefix(t *testing.T, g *harness.Gate, names []string) {
	forEach(t, func(t *testing.T, s *server, protocol harness.Protocol) {
		for _, name := range names {
			request := harness.Request{Method: "GET", Target: "/assets/admin", Fields: fieldsFor(s, name+": /assets")}
			// The gate may refuse the request, or pass it without the field.
			_, _ = g.TryOver(t, protocol, request)
			checkNothing(t, s, name, isAdmin)
		}
		// The path itself stays public. A server may close a connection after the requests
		// above at the moment when it is used again, which is 502.
		harness.Eventually(t, 5*time.Second, "a public path is answered 200", func() bool {
			answer := g.Over(t, protocol, harness.Request{Method: "GET", Target: "/assets/admin", Fields: fieldsFor(s)})
			return answer.Status == 200
		})
	})
}
