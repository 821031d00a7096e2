package operator_test

import (
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"

	"github.com/sessiongate/sessiongate/caddymodule/operator"
	"github.com/sessiongate/sessiongate/caddymodule/operator/operatortest"
	"github.com/sessiongate/sessiongate/caddymodule/token/tokentest"
)

// Attack: a page makes the operator's browser send a form, or a text, to the admin API. The
// browser does that without a preflight.
func TestTheAdminAPITakesJSONOnly(t *testing.T) {
	app := operatortest.New(t)
	for _, path := range []string{operator.PathRevocations, operator.PathCheck, operator.PathSessions} {
		for _, contentType := range []string{"", "text/plain", "application/x-www-form-urlencoded", "multipart/form-data", "application/json; charset=latin1"} {
			r := httptest.NewRequest(http.MethodPost, path, strings.NewReader(`{"session":"s"}`))
			if contentType != "" {
				r.Header.Set("Content-Type", contentType)
			}
			if status, said, _ := operatortest.Ask(t, operatortest.Routes(app), r); status != http.StatusUnsupportedMediaType {
				t.Errorf("%s with %q is answered %d %s", path, contentType, status, said)
			}
		}
	}
}

// Fault: an operator mistypes a word at night. A request that the gate does not understand
// revokes nothing, and the error, which Caddy logs, holds nothing of the request.
func TestTheAdminAPITakesNothingThatItDoesNotUnderstand(t *testing.T) {
	app := operatortest.New(t)
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
		"a long session":           `{"session":"` + strings.Repeat(canary, 80) + `"}`,
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
		"a forged token":            `{"token":"` + app.Mint(t, map[string]any{"sid": canary}) + `x"}`,
		"deep":                      strings.Repeat(`{"session":`, 40) + `"canary-session"` + strings.Repeat("}", 40),
	} {
		r := httptest.NewRequest(http.MethodPost, operator.PathRevocations, strings.NewReader(body))
		r.Header.Set("Content-Type", "application/json")
		status, said, _ := operatortest.Ask(t, operatortest.Routes(app), r)
		if status != http.StatusBadRequest || strings.Contains(said, canary) || strings.Contains(said, "FATAL") {
			t.Errorf("%s is answered %d %q", name, status, said)
		}
	}
	huge := `{"session":"` + strings.Repeat("x", operator.MaxBody) + `"}`
	if status, said := operatortest.Order(t, app, http.MethodPost, operator.PathRevocations, huge, nil); status != http.StatusRequestEntityTooLarge {
		t.Errorf("a huge body is answered %d %s", status, said)
	}
	if held := app.Hub().Status().Revocations; held != 0 {
		t.Errorf("%d revocations are held", held)
	}
}

func TestTheErrorOfAnUnknownIssuerNamesTheIssuers(t *testing.T) {
	app := operatortest.New(t)
	_, said := operatortest.Order(t, app, http.MethodPost, operator.PathRevocations, `{"session":"s","issuer":"https://evil"}`, nil)
	if !strings.Contains(said, tokentest.Issuer) || strings.Contains(said, "evil") {
		t.Errorf("it says %q", said)
	}
	app.Configured.Issuers = append(app.Configured.Issuers, "https://second")
	status, said := operatortest.Order(t, app, http.MethodPost, operator.PathRevocations, `{"session":"s"}`, nil)
	if status != http.StatusBadRequest || !strings.Contains(said, "there are several; name one with --issuer (in a call, ") || !strings.Contains(said, "https://second") {
		t.Errorf("without an issuer: %d %q", status, said)
	}
}

func TestListsTakeWhatTheyUnderstand(t *testing.T) {
	app := operatortest.New(t)
	for target, want := range map[string]int{
		operator.PathRevocations:                                       200,
		operator.PathRevocations + "?limit=10":                         400,
		operator.PathRevocations + "?subject=alice":                    400,
		operator.PathSessions + "?subject=alice&limit=1000":            200,
		operator.PathSessions + "?subject=alice&limit=0":               400,
		operator.PathSessions + "?subject=alice&limit=1001":            400,
		operator.PathSessions + "?subject=alice&limit=ten":             400,
		operator.PathSessions + "?subject=alice&after=00":              400,
		operator.PathSessions + "?subject=alice&after=0011aabb.0":      400,
		operator.PathSessions:                                          400,
		operator.PathSessions + "?subject=alice":                       200,
		operator.PathSessions + "?subject=alice&subject=bob":           400,
		operator.PathSessions + "?subject=alice&issuer=https://evil":   400,
		operator.PathSessions + "?subject=alice&after=" + "0011aabb.1": 409,
	} {
		if status, said := operatortest.Order(t, app, http.MethodGet, target, "", nil); status != want {
			t.Errorf("%s is answered %d %s, want %d", target, status, said, want)
		}
	}
}
