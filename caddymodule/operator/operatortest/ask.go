package operatortest

import (
	"encoding/json"
	"errors"
	"net"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"

	"github.com/caddyserver/caddy/v2"

	"github.com/sessiongate/sessiongate/caddymodule/operator"
)

// Routes returns the admin API of a process that runs an app.
func Routes(app operator.App) []caddy.AdminRoute {
	return operator.Routes(func() (operator.App, error) { return app, nil })
}

// Ask sends a request to an admin API. It returns the status, the body or the text of
// the error, and the header, as Caddy would send them.
func Ask(tb testing.TB, routes []caddy.AdminRoute, r *http.Request) (status int, body string, header http.Header) {
	tb.Helper()
	for _, route := range routes {
		if route.Pattern != r.URL.Path {
			continue
		}
		w := httptest.NewRecorder()
		err := route.Handler.ServeHTTP(w, r)
		var refused caddy.APIError
		if errors.As(err, &refused) {
			return refused.HTTPStatus, refused.Error(), w.Header()
		}
		if err != nil {
			tb.Fatalf("%s %s: %v", r.Method, r.URL.Path, err)
		}
		if got := w.Header().Get("Cache-Control"); got != "no-store" {
			tb.Errorf("%s may be cached: %q", r.URL.Path, got)
		}
		return w.Code, w.Body.String(), w.Header()
	}
	tb.Fatalf("nothing answers %s", r.URL.Path)
	return 0, "", nil
}

// Request makes a request for Ask. A body is JSON; "" is none.
func Request(method, target, body string) *http.Request {
	r := httptest.NewRequest(method, target, strings.NewReader(body))
	if body != "" {
		r.Header.Set("Content-Type", "application/json")
	}
	return r
}

// Order sends a request to the admin API of an app, and decodes an answer of 200, unless
// answer is nil.
func Order(tb testing.TB, app operator.App, method, target, body string, answer any) (status int, said string) {
	tb.Helper()
	status, said, _ = Ask(tb, Routes(app), Request(method, target, body))
	if status == http.StatusOK && answer != nil {
		if err := json.Unmarshal([]byte(said), answer); err != nil {
			tb.Fatalf("%s answers %s: %v", target, said, err)
		}
	}
	return status, said
}

// Serve serves the admin API of an app as Caddy does, and stops with the test.
func Serve(tb testing.TB, listener net.Listener, app operator.App) {
	tb.Helper()
	mux := http.NewServeMux()
	for _, route := range Routes(app) {
		mux.HandleFunc(route.Pattern, func(w http.ResponseWriter, r *http.Request) {
			var refused caddy.APIError
			if err := route.Handler.ServeHTTP(w, r); errors.As(err, &refused) {
				w.WriteHeader(refused.HTTPStatus)
				_ = json.NewEncoder(w).Encode(map[string]string{"error": refused.Error()})
			}
		})
	}
	server := &httptest.Server{Listener: listener, Config: &http.Server{Handler: mux}}
	server.Start()
	tb.Cleanup(server.Close)
}
