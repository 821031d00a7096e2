package logs

import (
	"encoding/json"
	"maps"
	"strings"
	"testing"
	"time"

	"github.com/sessiongate/sessiongate/caddymodule/token/tokentest"
	"github.com/sessiongate/sessiongate/tests/harness"
)

// linesOf returns the lines of a gate's log with this message, as they are now.
func linesOf(tb testing.TB, g *harness.Gate, message string) (lines []map[string]any) {
	tb.Helper()
	for text := range strings.Lines(g.Logs()) {
		var line map[string]any
		if json.Unmarshal([]byte(text), &line) == nil && line["msg"] == message {
			lines = append(lines, line)
		}
	}
	return lines
}

// theLine waits for the line with these fields, and fails the test unless there is one alone. A
// nil value stands for a field that must be absent.
func theLine(tb testing.TB, g *harness.Gate, message string, fields map[string]any) (found map[string]any) {
	tb.Helper()
	n := 0
	harness.Eventually(tb, 10*time.Second, message, func() bool {
		n = 0
		for _, line := range linesOf(tb, g, message) {
			if matches(line, fields) {
				found = line
				n++
			}
		}
		return n > 0
	})
	if n != 1 {
		tb.Errorf("%d lines %q have %v, want one", n, message, fields)
	}
	return found
}

func matches(line, fields map[string]any) bool {
	for name, want := range fields {
		if line[name] != want {
			return false
		}
	}
	return true
}

// accessTo waits for the line of the access log of a request with this URI.
func accessTo(tb testing.TB, g *harness.Gate, uri string) (line map[string]any, text string) {
	tb.Helper()
	harness.Eventually(tb, 10*time.Second, "access log of "+uri, func() bool {
		for text = range strings.Lines(g.Logs()) {
			line = nil
			if !strings.Contains(text, "http.log.access") || json.Unmarshal([]byte(text), &line) != nil {
				continue
			}
			if request, ok := line["request"].(map[string]any); ok && request["uri"] == uri {
				return true
			}
		}
		return false
	})
	return line, text
}

// checkAccess fails the test unless the access log has one user and one reason for a request.
func checkAccess(tb testing.TB, g *harness.Gate, uri, user string, reason any) (line map[string]any) {
	tb.Helper()
	line, text := accessTo(tb, g, uri)
	if line["user_id"] != user || line["gate_reason"] != reason || strings.Count(text, `"user_id"`) != 1 {
		tb.Errorf("the access log says %s, want user_id %q once, and gate_reason %v", text, user, reason)
	}
	return line
}

// logoutToken returns a valid logout token with changed claims.
func logoutToken(tb testing.TB, g *harness.Gate, changes map[string]any) string {
	tb.Helper()
	now := time.Now()
	claims := map[string]any{
		"iss": tokentest.Issuer, "aud": tokentest.Audience, "jti": "logout", "iat": now.Unix(), "exp": now.Add(2 * time.Minute).Unix(),
		"events": map[string]any{"http://schemas.openid.net/event/backchannel-logout": map[string]any{}},
	}
	maps.Copy(claims, changes)
	return tokentest.Mint(tb, g.Key, claims)
}
