package caller_test

import (
	"io"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"

	"github.com/sessiongate/sessiongate/caddymodule/caller"
	"github.com/sessiongate/sessiongate/caddymodule/caller/callertest"
)

func TestPreflightsAreRecognized(t *testing.T) {
	for _, test := range []struct {
		method, origin, asked string
		want                  bool
	}{
		{"OPTIONS", "https://app.example.com", "DELETE", true},
		{"OPTIONS", "https://app.example.com", "", false},
		{"OPTIONS", "", "DELETE", false},
		// Attack: a request with a body and side effects that passes as a preflight.
		{"POST", "https://app.example.com", "DELETE", false},
		{"GET", "https://app.example.com", "GET", false},
		{"DELETE", "https://app.example.com", "DELETE", false},
	} {
		r := callertest.Fields(httptest.NewRequest(test.method, "/", nil), "Origin", test.origin, "Access-Control-Request-Method", test.asked)
		if got := caller.IsPreflight(r); got != test.want {
			t.Errorf("%+v: %t", test, got)
		}
	}
}

// Attack: a request that no browser sends as a preflight, and that an upstream serves as
// another method, or for its body.
func TestAPreflightHasNoContentAndNoOtherMethod(t *testing.T) {
	question := func(body string, namesAndValues ...string) *http.Request {
		var content io.Reader
		if body != "" {
			content = strings.NewReader(body)
		}
		return callertest.Fields(callertest.Fields(httptest.NewRequest("OPTIONS", "/", content), "Origin", "https://app.example.com",
			"Access-Control-Request-Method", "DELETE"), namesAndValues...)
	}
	if !caller.IsPreflight(question("", "X-Method", "GET", "X-Original-Url", "/x")) {
		t.Error("fields of other names count")
	}
	for _, name := range []string{"X-Http-Method-Override", "X-Http-Method", "X-Method-Override"} {
		if caller.IsPreflight(question("", name, "GET")) {
			t.Errorf("%s: GET counts as a preflight", name)
		}
	}
	folded := question("")
	folded.Header["X_HTTP.Method_override"] = []string{""}
	if caller.IsPreflight(folded) {
		t.Error("a request with an override in another spelling counts as a preflight")
	}
	if caller.IsPreflight(question("a=b")) {
		t.Error("a request with a body of known length counts as a preflight")
	}
	unknown := question("a=b")
	unknown.ContentLength = -1
	if caller.IsPreflight(unknown) {
		t.Error("a request with a body of unknown length counts as a preflight")
	}
	// Over HTTP/3 the gate cannot know whether there is one, and drops it.
	unknown.ProtoMajor = 3
	if !caller.IsPreflight(unknown) {
		t.Error("a preflight over HTTP/3 does not count as one")
	}
}
