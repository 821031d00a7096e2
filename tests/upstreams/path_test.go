package upstreams

import (
	"cmp"
	"fmt"
	"strings"
	"testing"

	"github.com/sessiongate/sessiongate/tests/harness"
)

// climbs are paths that enter n directories, leave them and end at the endpoint.
func climbs() (paths []string) {
	for _, n := range []int{1, 63, 64, 65, 300} {
		paths = append(paths, strings.Repeat("/a", n)+strings.Repeat("/..", n)+endpoint)
	}
	return paths
}

// Attack: a deep path, `/a` and `/..` 64 times each, and then the endpoint. A gate that
// follows a path only up to some depth would read another path. The server resolves it,
// ends its own session, and every token stays valid.
func TestDeepPathDoesNotReachTheEndpoint(t *testing.T) {
	g := startGate(t)
	forEach(t, func(t *testing.T, s *server, protocol harness.Protocol) {
		for _, path := range climbs() {
			request := harness.Request{Method: "DELETE", Target: path, Fields: fieldsFor(s, bearer(t, g))}
			answer, err := g.TryOver(t, protocol, request)
			if err != nil {
				t.Fatal(err)
			}
			checkAmbiguous(t, fmt.Sprintf("a path of %d bytes", len(path)), answer)
			checkNothing(t, s, fmt.Sprintf("a path of %d bytes", len(path)), isEndpoint)
		}
	})
	checkWorks(t, "a deep path", func(s *server) error {
		_, err := s.ask("DELETE", climbs()[2])
		return err
	}, isEndpoint, "nginx", "apache", "jetty", "uwsgi", "php")
}

// Attack: the endpoint, deep or not, in a field with which some applications replace the
// path of the request line. The application of testdata/app.php does.
func TestFieldThatNamesAnotherPathDoesNotReachTheEndpoint(t *testing.T) {
	for options, names := range map[string][]string{
		"": {"X-Original-URL", "X-Rewrite-URL", "X-Forwarded-Uri", "X-Original-URI"},
		"expected_underscore_headers X_Original_Url X_REWRITE_URL": {"X_Original_URL", "X_Rewrite_URL"},
	} {
		t.Run(cmp.Or(options, "default options"), func(t *testing.T) { nameAnotherPath(t, startGate(t, options), names) })
	}
	for _, name := range []string{"X-Original-URL", "X-Rewrite-URL"} {
		checkWorks(t, name, func(s *server) error {
			_, err := s.ask("DELETE", "/orders/1", name+": "+climbs()[2])
			return err
		}, isEndpoint, "php")
	}
}

func nameAnotherPath(t *testing.T, g *harness.Gate, names []string) {
	forEach(t, func(t *testing.T, s *server, protocol harness.Protocol) {
		for _, name := range names {
			for _, path := range []string{endpoint, climbs()[0], climbs()[2]} {
				request := harness.Request{Method: "DELETE", Target: "/orders/1", Fields: fieldsFor(s, bearer(t, g), name+": "+path)}
				// The gate may refuse the request, or pass it without the field.
				_, _ = g.TryOver(t, protocol, request)
				checkNothing(t, s, fmt.Sprintf("%s of %d bytes", name, len(path)), isEndpoint)
			}
		}
	})
}

// Attack: the method in lower case. The gate compares methods exactly, and some servers
// convert them to upper case: they end their own session, and the token stays valid.
func TestMethodInSmallLettersDoesNotReachTheEndpoint(t *testing.T) {
	g := startGate(t)
	forEach(t, func(t *testing.T, s *server, protocol harness.Protocol) {
		for _, method := range []string{"delete", "Delete", "DELete", "deletE"} {
			request := harness.Request{Method: method, Target: endpoint, Fields: fieldsFor(s, bearer(t, g))}
			answer, err := g.TryOver(t, protocol, request)
			if err != nil {
				t.Fatal(err)
			}
			checkAmbiguous(t, method, answer)
			checkNothing(t, s, method, isEndpoint)
		}
	})
	checkWorks(t, "delete", func(s *server) error {
		_, err := s.ask("delete", endpoint)
		return err
	}, func(one seen) bool { return one.Method == "DELETE" && one.Path == endpoint }, "gunicorn", "hypercorn")
}

// Attack: characters that some reader behind the gate drops, inside the path or at its end.
// URL parsers drop TAB, LF and CR (WHATWG URL §4.4, Python's urlsplit). Regular expressions
// that end in $ ignore a line feed there. Routers of several frameworks remove a format.
func TestCharactersThatReadersDropDoNotReachTheEndpoint(t *testing.T) {
	g := startGate(t)
	drop := strings.NewReplacer("\t", "", "\n", "", "\r", "")
	dropped := func(one seen) bool {
		path := strings.ToLower(drop.Replace(one.Path))
		return one.Method == "DELETE" && strings.TrimSuffix(strings.TrimSuffix(path, "json"), ".") == endpoint
	}
	paths := []string{endpoint + ".json", endpoint + ".", endpoint + ".JSON", "/v1/auth/session%2ejson"}
	for _, c := range []string{"%09", "%0a", "%0A", "%0d"} {
		paths = append(paths, endpoint+c, "/v1/auth/sess"+c+"ion", "/v1/"+c+"auth/session", "/v1/au"+c+c+"th/ses%0asion", "/"+c+"v1/auth/session")
	}
	forEach(t, func(t *testing.T, s *server, protocol harness.Protocol) {
		for _, path := range paths {
			request := harness.Request{Method: "DELETE", Target: path, Fields: fieldsFor(s, bearer(t, g))}
			answer, err := g.TryOver(t, protocol, request)
			if err != nil {
				t.Fatal(err)
			}
			checkAmbiguous(t, path, answer)
			checkNothing(t, s, path, dropped)
		}
	})
	for _, path := range paths {
		checkWorks(t, path, func(s *server) error {
			_, err := s.ask("DELETE", path)
			return err
		}, dropped, "gunicorn", "uvicorn")
	}
}
