package upstreams

import (
	"encoding/json"
	"fmt"
	"testing"

	"github.com/sessiongate/sessiongate/tests/harness"
)

// aliases are names that some library reads as the cookie session: it strips Unicode blanks
// from their ends, or reads [] at the end as a list.
var aliases = []string{
	"session\u00a0", "\u00a0session", "session\xa0", "\xa0session", "session\x85", "\x85session", "session\u0085", "session\u2003",
	"\u3000session", "\ufeffsession", "session\u2028", "session[]", "session[0]", "session\u00a0[]", "session\t", "session\x1f", "session\x0b",
	"session\x0c", "session\x1c", "\x1dsession",
}

// Attack: a request has two cookies. The gate checks one and the application uses the
// other. The first holds a valid token, the second a revoked one under a name that only the
// application's library reads as the same.
func TestApplicationUsesTheCookieThatTheGateChecked(t *testing.T) {
	g := startGate(t)
	revoked := g.Token(map[string]any{"sid": "stolen"})
	if answer := g.Send(t, "DELETE", endpoint, harness.Bearer(revoked)); answer.Status != 200 {
		t.Fatalf("revoking: answer is %d", answer.Status)
	}
	usesRevoked := func(one seen) bool {
		for _, value := range one.Sessions {
			if value == revoked {
				return true
			}
		}
		return false
	}
	good := g.Token(map[string]any{"sid": "laptop"})
	cookies := func() (values []string) {
		for _, alias := range aliases {
			values = append(values, "session="+good+"; "+alias+"="+revoked, alias+"="+revoked+"; session="+good)
		}
		return values
	}()
	forEach(t, func(t *testing.T, s *server, protocol harness.Protocol) {
		for i, cookie := range cookies {
			request := harness.Request{Method: "GET", Target: "/orders/1", Fields: fieldsFor(s, "Cookie: "+cookie)}
			// The gate may refuse the request, or reset the stream.
			_, _ = g.TryOver(t, protocol, request)
			checkNothing(t, s, fmt.Sprintf("the name %q", aliases[i/2]), usesRevoked)
		}
		// The cookie alone is admitted, and all libraries read it as the gate does.
		fields := fieldsFor(s, "Cookie: a=b; session="+good+"; session-id=x")
		answer := g.Over(t, protocol, harness.Request{Method: "GET", Target: "/orders/2", Fields: fields})
		var one seen
		if err := json.Unmarshal([]byte(answer.Body), &one); err != nil || len(one.Sessions) == 0 {
			t.Fatalf("answer to an ordinary cookie is %d %q", answer.Status, answer.Body)
		}
		for library, value := range one.Sessions {
			if value != good {
				t.Errorf("%s reads the cookie %q", library, value)
			}
		}
	})
	// Over HTTP/2 and HTTP/3, a client may also send each cookie in a field of its own.
	for _, s := range servers {
		for _, alias := range aliases {
			fields := fieldsFor(s, "Cookie: session="+good, "Cookie: "+alias+"="+revoked)
			for _, protocol := range []harness.Protocol{harness.HTTP2, harness.HTTP3} {
				_, _ = g.TryOver(t, protocol, harness.Request{Method: "GET", Target: "/orders/1", Fields: fields})
				checkNothing(t, s, fmt.Sprintf("the name %q in a field of its own", alias), usesRevoked)
			}
		}
	}
	for alias, working := range map[string][]string{
		"session\u00a0": {"gunicorn", "waitress", "uwsgi"}, // Django
		"session\xa0":   {"hypercorn", "uvicorn"},          // Starlette
		"session\x85":   {"hypercorn", "uvicorn"},
		"session[]":     {"php"},
	} {
		checkWorks(t, fmt.Sprintf("%q", alias), func(s *server) error {
			_, err := s.ask("GET", "/orders/1", "Cookie: session="+good+"; "+alias+"="+revoked)
			return err
		}, usesRevoked, working...)
	}
}
