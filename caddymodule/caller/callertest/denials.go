package callertest

import (
	"maps"
	"net/http"
	"net/http/httptest"
	"slices"
	"testing"

	"github.com/sessiongate/sessiongate/caddymodule/reply"
)

// Written returns what a denial answers, as text.
func Written(deny *reply.Denial) string {
	if deny == nil {
		return "no denial"
	}
	w := httptest.NewRecorder()
	_ = deny.Write(w, httptest.NewRequest(http.MethodGet, "/", nil))
	return w.Body.String()
}

// Denial is the expected answer of a reply.Denial, byte for byte.
type Denial struct {
	Deny   *reply.Denial
	Status int
	Body   string
	// Challenge is WWW-Authenticate, RetryAfter is Retry-After. An empty one must be
	// absent.
	Challenge, RetryAfter string
	// Reason is the reason for logs.
	Reason string
}

// Check fails the test unless the denial gives the expected answer.
func (d Denial) Check(tb testing.TB) {
	tb.Helper()
	w := httptest.NewRecorder()
	if err := d.Deny.Write(w, httptest.NewRequest(http.MethodGet, "/", nil)); err != nil {
		tb.Errorf("writing: %v", err)
	}
	want := http.Header{"Content-Type": {"application/json"}, "Cache-Control": {"no-store"}, "X-Content-Type-Options": {"nosniff"}}
	for field, value := range map[string]string{"WWW-Authenticate": d.Challenge, "Retry-After": d.RetryAfter} {
		if value != "" {
			want.Set(field, value)
		}
	}
	if w.Code != d.Status || w.Body.String() != d.Body || !maps.EqualFunc(w.Header(), want, slices.Equal) {
		tb.Errorf("answered %d %s with %v, want %d %s with %v", w.Code, w.Body, w.Header(), d.Status, d.Body, want)
	}
	if d.Deny.Reason != d.Reason {
		tb.Errorf("the reason is %q, want %q", d.Deny.Reason, d.Reason)
	}
}
