package logs

import (
	"maps"
	"net/http/httptest"
	"slices"
	"strings"
	"testing"
	"time"

	collectortrace "go.opentelemetry.io/proto/otlp/collector/trace/v1"
	tracev1 "go.opentelemetry.io/proto/otlp/trace/v1"
	"google.golang.org/protobuf/proto"

	"github.com/sessiongate/sessiongate/caddymodule/token/tokentest"
	"github.com/sessiongate/sessiongate/store/redisstore/redistest"
	"github.com/sessiongate/sessiongate/tests/answers"
	"github.com/sessiongate/sessiongate/tests/harness"
)

// spans returns the spans that the collector has, by name. Messages one after the other are
// one message with all their spans.
func (c *collector) spans(t *testing.T) map[string]*tracev1.Span {
	t.Helper()
	var sent collectortrace.ExportTraceServiceRequest
	if err := proto.Unmarshal([]byte(c.String()), &sent); err != nil {
		t.Fatalf("reading the traces: %v", err)
	}
	found := make(map[string]*tracev1.Span)
	for _, resource := range sent.ResourceSpans {
		for _, scope := range resource.ScopeSpans {
			for _, span := range scope.Spans {
				found[span.Name] = span
			}
		}
	}
	return found
}

// gateAttributes returns the attributes of the gate in a span.
func gateAttributes(span *tracev1.Span) map[string]string {
	found := make(map[string]string)
	for _, a := range span.GetAttributes() {
		if name, ok := strings.CutPrefix(a.Key, "session_gate."); ok {
			found[name] = a.Value.GetStringValue()
		}
	}
	return found
}

// The span of a request says what the gate decided. That of a logout has two children that
// lie in it: one until the store had the revocation, one until every other gate had it.
func TestSpansSayWhatTheGateDecided(t *testing.T) {
	t.Parallel()
	traces := new(collector)
	server := httptest.NewServer(traces)
	defer server.Close()
	address, namespace := redistest.Address(t)
	config := harness.Config{
		Store: harness.Redis(address, namespace),
		Env: []string{
			"OTEL_EXPORTER_OTLP_ENDPOINT=" + server.URL, "OTEL_EXPORTER_OTLP_PROTOCOL=http/protobuf", "OTEL_BSP_SCHEDULE_DELAY=50",
		},
		Site: "tracing {\nspan \"{http.request.method} {http.request.uri.path}\"\n}",
	}
	g := harness.Start(t, config)
	harness.Start(t, harness.Config{Store: config.Store, Key: g.Key})
	token := g.Token(harness.Session("canary-session", "sub", "canary-subject"))
	g.Send(t, "GET", "/admitted", harness.Bearer(token))
	g.Send(t, "GET", "/without")
	harness.Eventually(t, 10*time.Second, "the token is in the cache", func() bool {
		g.Send(t, "GET", "/again", harness.Bearer(token))
		return gateAttributes(traces.spans(t)["GET /again"])["cache"] == "hit"
	})
	answers.Invalidated.Check(t, harness.End(t, g, token))
	g.Send(t, "GET", "/revoked", harness.Bearer(token))
	const logout = "DELETE /v1/auth/session"
	names := []string{"GET /admitted", "GET /without", "GET /revoked", logout, "session_gate append", "session_gate acknowledge"}
	harness.Eventually(t, 10*time.Second, "the collector has all spans", func() bool {
		got := traces.spans(t)
		return !slices.ContainsFunc(names, func(name string) bool { return got[name] == nil })
	})
	got := traces.spans(t)
	for name, want := range map[string]map[string]string{
		"GET /admitted": {"outcome": "admitted", "cache": "miss", "issuer": tokentest.Issuer},
		"GET /without":  {"outcome": "missing", "reason": "missing"},
		"GET /revoked":  {"outcome": "revoked", "reason": "revoked", "cache": "hit", "issuer": tokentest.Issuer},
		logout:          {"outcome": "own", "cache": "hit", "issuer": tokentest.Issuer},
	} {
		if attributes := gateAttributes(got[name]); !maps.Equal(attributes, want) {
			t.Errorf("%s has %v, want %v", name, attributes, want)
		}
	}
	parent, put, acknowledge := got[logout], got["session_gate append"], got["session_gate acknowledge"]
	for _, child := range []*tracev1.Span{put, acknowledge} {
		if string(child.ParentSpanId) != string(parent.SpanId) || string(child.TraceId) != string(parent.TraceId) {
			t.Errorf("%s is no child of the logout", child.Name)
		}
		if child.StartTimeUnixNano < parent.StartTimeUnixNano || child.EndTimeUnixNano > parent.EndTimeUnixNano || child.EndTimeUnixNano < child.StartTimeUnixNano {
			t.Errorf("%s is from %d to %d, the logout from %d to %d", child.Name, child.StartTimeUnixNano, child.EndTimeUnixNano, parent.StartTimeUnixNano, parent.EndTimeUnixNano)
		}
	}
	if put.EndTimeUnixNano != acknowledge.StartTimeUnixNano || put.EndTimeUnixNano == put.StartTimeUnixNano {
		t.Errorf("the append ends at %d, and the acknowledgement begins at %d", put.EndTimeUnixNano, acknowledge.StartTimeUnixNano)
	}
	if n := len(acknowledge.Attributes); n != 1 || acknowledge.Attributes[0].Value.GetIntValue() != 1 {
		t.Errorf("the acknowledgement has %v, want one other gate", acknowledge.Attributes)
	}
	if strings.Contains(traces.String(), "canary") {
		t.Error("a span names the session or the subject")
	}
}
