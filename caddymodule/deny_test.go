package caddymodule

import (
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"

	"github.com/sessiongate/sessiongate/caddymodule/caller"
	"github.com/sessiongate/sessiongate/caddymodule/caller/callertest"
	"github.com/sessiongate/sessiongate/caddymodule/reply"
)

// Clients parse these answers, so each must be exact to the byte.
func TestDenials(t *testing.T) {
	type denial callertest.Denial
	for name, d := range map[string]denial{
		"target": {denyTarget, 400, `{"error":"invalid_request","message":"The request target has no path."}`, "", "", "path"},
		"spelling": {
			denyAmbiguous, 400, `{"error":"invalid_request","message":"The path is another spelling of one that the gate serves."}`, "", "", "path",
		},
		"method case": {
			denyMethodCase, 400, `{"error":"invalid_request","message":"Methods are case-sensitive: write the method in capital letters."}`, "", "", "method",
		},
	} {
		t.Run(name, func(t *testing.T) { callertest.Denial(d).Check(t) })
	}
}

// The placeholder holds the reason. A denial without a reason sets none.
func TestRefuseSetsTheReason(t *testing.T) {
	for reason, deny := range map[string]*reply.Denial{
		"path": denyAmbiguous, "revoked": caller.Revoked, "": reply.New(http.StatusBadRequest, "invalid_request", "No.", ""),
	} {
		w := httptest.NewRecorder()
		r, replacer := prepare(w, httptest.NewRequest(http.MethodGet, "/", nil))
		if err := new(Gate).refuse(w, r, deny); err != nil || w.Code != deny.Status || w.Body.String() != callertest.Written(deny) {
			t.Errorf("answered %d %s, error %v", w.Code, w.Body, err)
		}
		if got, set := replacer.GetString("http.session_gate.reason"); got != reason || set != (reason != "") {
			t.Errorf("the reason is %q, set %t, want %q", got, set, reason)
		}
	}
}

// A denial must also work without a replacer in the request.
func TestADenialNeedsNoReplacer(t *testing.T) {
	w := httptest.NewRecorder()
	if err := new(Gate).refuse(w, httptest.NewRequest(http.MethodGet, "/", nil), caller.Invalid); err != nil || w.Code != http.StatusUnauthorized {
		t.Errorf("answered %d, error %v", w.Code, err)
	}
}

// A page has to read a 401 to know that its user must log in again. Pages of other origins
// learn nothing, not even which origins are allowed.
//
// Attack: a cache keeps the answer for one origin, and gives it to a page of another one.
func TestAllowedPagesReadEveryAnswerOfTheGate(t *testing.T) {
	const app = "https://app.example.com"
	g := newGate(t, "HS256", Gate{CORS: []string{app}, SessionsEndpoint: "/v1/auth/sessions", TokenEndpoint: tokenEndpoints("/oauth/token")})
	send := func(method, target, origin, token string, changes ...func(*http.Request)) answer {
		r := request(method, target, token, "")
		r.Header.Set("Origin", origin)
		for _, change := range changes {
			change(r)
		}
		return g.serve(t, r)
	}
	second := func(r *http.Request) { r.Header.Add("Authorization", "Bearer y") }
	opaque := func(r *http.Request) { r.URL.Opaque = "admin" }
	for name, ask := range map[string]func(origin string) answer{
		"401, no token":         func(origin string) answer { return send(http.MethodGet, "/", origin, "") },
		"401, a broken token":   func(origin string) answer { return send(http.MethodGet, "/", origin, "x") },
		"400, several":          func(origin string) answer { return send(http.MethodGet, "/", origin, "x", second) },
		"400, no path":          func(origin string) answer { return send(http.MethodGet, "/", origin, "", opaque) },
		"400, another spelling": func(origin string) answer { return send(http.MethodDelete, defaultEndpoint+"/", origin, "") },
		"405":                   func(origin string) answer { return send(http.MethodConnect, "/", origin, "") },
		"401 of the endpoint":   func(origin string) answer { return send(http.MethodDelete, defaultEndpoint, origin, "") },
		"401 of the list":       func(origin string) answer { return send(http.MethodGet, "/v1/auth/sessions", origin, "") },
		"400 of a token endpoint": func(origin string) answer {
			return send(http.MethodPost, "/oauth/token?refresh_token=a&refresh_token=b", origin, "")
		},
	} {
		for origin, want := range map[string]string{app: app, "https://evil.example.net": "", "null": "", app + ".evil.example.net": ""} {
			a := ask(origin)
			if a.Code < 400 || a.upstream != nil {
				t.Errorf("%s: answered %d", name, a.Code)
			}
			if got := a.Header().Get("Access-Control-Allow-Origin"); got != want {
				t.Errorf("%s: a page of %s may read it as %q, want %q", name, origin, got, want)
			}
			if got := strings.Join(a.Header()["Vary"], "|"); got != "Origin" {
				t.Errorf("%s: Vary is %q", name, got)
			}
		}
	}
	// The upstream's own answers are its own.
	a := send(http.MethodGet, "/", app, g.mint(t, nil))
	a.want(t, http.StatusOK, "")
	if len(a.Header()) > 0 {
		t.Errorf("an admitted request has the fields %v", a.Header())
	}
	// A fenced gate answers 503.
	setOf(g.app).Close()
	a = send(http.MethodGet, "/", app, g.mint(t, nil))
	a.want(t, http.StatusServiceUnavailable, "temporarily_unavailable")
	if got := a.Header().Get("Access-Control-Allow-Origin"); got != app {
		t.Errorf("503: may be read by %q", got)
	}
}

// Without cors no answer depends on the origin.
func TestWithoutCORSAnswersNameNoOrigin(t *testing.T) {
	r := request(http.MethodGet, "/", "", "")
	r.Header.Set("Origin", "https://app.example.com")
	a := newGate(t, "HS256", Gate{}).serve(t, r)
	a.want(t, http.StatusUnauthorized, "unauthorized")
	if a.Header().Get("Vary") != "" || a.Header().Get("Access-Control-Allow-Origin") != "" {
		t.Errorf("answered with %v", a.Header())
	}
}
