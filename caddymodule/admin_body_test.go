package caddymodule

import (
	"encoding/json"
	"errors"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"time"

	"github.com/caddyserver/caddy/v2"
)

// order sends a request with a body to the admin API, and decodes the answer if it
// is 200.
func (g *gateTest) order(tb testing.TB, method, target, body string, answer any) (status int, said string) {
	tb.Helper()
	r := httptest.NewRequest(method, target, strings.NewReader(body))
	if body != "" {
		r.Header.Set("Content-Type", "application/json")
	}
	return g.orderBy(tb, r, answer)
}

func (g *gateTest) orderBy(tb testing.TB, r *http.Request, answer any) (status int, said string) {
	tb.Helper()
	for _, route := range adminOf(g.app).Routes() {
		if route.Pattern != r.URL.Path {
			continue
		}
		w := httptest.NewRecorder()
		err := route.Handler.ServeHTTP(w, r)
		if got := w.Header().Get("Cache-Control"); got != "no-store" && w.Code == http.StatusOK {
			tb.Errorf("%s may be cached: %q", r.URL.Path, got)
		}
		var refused caddy.APIError
		if errors.As(err, &refused) {
			return refused.HTTPStatus, refused.Error()
		}
		if err != nil {
			tb.Fatalf("%s: %v", r.URL.Path, err)
		}
		if answer != nil {
			if err := json.Unmarshal(w.Body.Bytes(), answer); err != nil {
				tb.Fatalf("%s answers %s: %v", r.URL.Path, w.Body, err)
			}
		}
		return w.Code, w.Body.String()
	}
	tb.Fatalf("nothing answers %s", r.URL.Path)
	return 0, ""
}

// Attack: have the operator's browser send a form, or a text, to the admin API: it
// may do so without asking.
func TestTheAdminAPITakesJSONOnly(t *testing.T) {
	g := newGate(t, "HS256", Gate{})
	for _, path := range []string{adminRevocations, adminCheck, adminSessions} {
		for _, contentType := range []string{"", "text/plain", "application/x-www-form-urlencoded", "multipart/form-data", "application/json; charset=latin1"} {
			r := httptest.NewRequest(http.MethodPost, path, strings.NewReader(`{"session":"s"}`))
			if contentType != "" {
				r.Header.Set("Content-Type", contentType)
			}
			if status, said := g.orderBy(t, r, nil); status != http.StatusUnsupportedMediaType {
				t.Errorf("%s with %q is answered %d %s", path, contentType, status, said)
			}
		}
	}
}

// Fault: an operator mistypes a word at night. What is not understood revokes
// nothing, and the error, which Caddy logs, tells nothing of what was sent.
func TestTheAdminAPITakesNothingThatItDoesNotUnderstand(t *testing.T) {
	g := newGate(t, "HS256", Gate{})
	const canary = "canary-session"
	for name, body := range map[string]string{
		"an unknown member":        `{"session":"canary-session","exept_session":"canary-session"}`,
		"an unknown member's name": `{"canary-session":1}`,
		"another case":             `{"Session":"canary-session"}`,
		"a member twice":           `{"session":"canary-session","session":"canary-session"}`,
		"no object":                `["canary-session"]`,
		"trailing data":            `{"session":"canary-session"} {}`,
		"broken":                   `{"session":"canary-session"`,
		"nothing":                  ``,
		"no string":                `{"session":7}`,
		"an empty session":         `{"session":""}`,
		"a control character":      `{"session":"canary-session\u0000"}`,
		"a long session":           `{"session":"` + strings.Repeat(canary, 20) + `"}`,
		"an empty reason is fine, but nothing is named": `{"reason":""}`,
		"two things":                `{"session":"canary-session","subject":"canary-session"}`,
		"a long reason":             `{"session":"canary-session","reason":"` + strings.Repeat(canary, 20) + `"}`,
		"a reason of two lines":     `{"session":"canary-session","reason":"canary-session\nFATAL"}`,
		"issuer_before false":       `{"issuer_before":false}`,
		"issuer_before a string":    `{"issuer_before":"true"}`,
		"an instant for a session":  `{"session":"canary-session","before":1}`,
		"an exception of a session": `{"session":"canary-session","except_session":"canary-session"}`,
		"before a word":             `{"subject":"canary-session","before":"canary-session"}`,
		"before 1970":               `{"subject":"canary-session","before":-1}`,
		"before in the future":      `{"subject":"canary-session","before":4000000000}`,
		"an unknown issuer":         `{"session":"canary-session","issuer":"https://evil"}`,
		"a forged token":            `{"token":"` + g.mint(t, map[string]any{"sid": canary}) + `x"}`,
		"deep":                      strings.Repeat(`{"session":`, 40) + `"canary-session"` + strings.Repeat("}", 40),
	} {
		r := httptest.NewRequest(http.MethodPost, adminRevocations, strings.NewReader(body))
		r.Header.Set("Content-Type", "application/json")
		status, said := g.orderBy(t, r, nil)
		if status != http.StatusBadRequest || strings.Contains(said, canary) || strings.Contains(said, "FATAL") {
			t.Errorf("%s is answered %d %q", name, status, said)
		}
	}
	huge := `{"session":"` + strings.Repeat("x", maxAdminBody) + `"}`
	if status, said := g.order(t, http.MethodPost, adminRevocations, huge, nil); status != http.StatusRequestEntityTooLarge {
		t.Errorf("a huge body is answered %d %s", status, said)
	}
	if held := setOf(g.app).Status().Revocations; held != 0 {
		t.Errorf("%d revocations are held", held)
	}
}

func TestAnUnknownIssuerIsToldWhichThereAre(t *testing.T) {
	g := newGate(t, "HS256", Gate{})
	_, said := g.order(t, http.MethodPost, adminRevocations, `{"session":"s","issuer":"https://evil"}`, nil)
	if !strings.Contains(said, g.app.Issuer[0].Issuer) || strings.Contains(said, "evil") {
		t.Errorf("it says %q", said)
	}
	g.app.Issuer = append(g.app.Issuer, &Issuer{Issuer: "https://second"})
	status, said := g.order(t, http.MethodPost, adminRevocations, `{"session":"s"}`, nil)
	if status != http.StatusBadRequest || !strings.Contains(said, "there are several") || !strings.Contains(said, "https://second") {
		t.Errorf("without an issuer: %d %q", status, said)
	}
}

func TestListsTakeWhatTheyUnderstand(t *testing.T) {
	g := newGate(t, "HS256", Gate{})
	for target, want := range map[string]int{
		adminRevocations:                                       200,
		adminRevocations + "?limit=1000":                       200,
		adminRevocations + "?limit=0":                          400,
		adminRevocations + "?limit=1001":                       400,
		adminRevocations + "?limit=ten":                        400,
		adminRevocations + "?after=00":                         400,
		adminRevocations + "?subject=alice":                    400,
		adminSessions:                                          400,
		adminSessions + "?subject=alice":                       200,
		adminSessions + "?subject=alice&subject=bob":           400,
		adminSessions + "?subject=alice&issuer=https://evil":   400,
		adminSessions + "?subject=alice&after=" + "0011aabb.1": 409,
	} {
		if status, said := g.order(t, http.MethodGet, target, "", nil); status != want {
			t.Errorf("%s is answered %d %s, want %d", target, status, said, want)
		}
	}
}

// await polls until something is the case.
func await(tb testing.TB, what string, is func() bool) {
	tb.Helper()
	for deadline := time.Now().Add(10 * time.Second); !is(); time.Sleep(time.Millisecond) {
		if time.Now().After(deadline) {
			tb.Fatalf("waiting in vain: %s", what)
		}
	}
}
