package operator_test

import (
	"net/http"
	"strings"
	"testing"

	"github.com/sessiongate/sessiongate/caddymodule/operator"
	"github.com/sessiongate/sessiongate/caddymodule/operator/operatortest"
	"github.com/sessiongate/sessiongate/caddymodule/token/tokentest"
)

// Mistake: an operator ends a session of an issuer with tenants, by the name in the
// configuration, and is told that it is done. No token has that issuer.
func TestAnOperatorNamesTheTenantOfAnIssuer(t *testing.T) {
	app := operatortest.New(t)
	app.Configured.Issuers = []string{"https://id.*.com"}
	raw := app.Mint(t, map[string]any{"sid": "a"})
	for body, want := range map[string]string{
		`{"session":"a"}`: "with its value for the * in https://id.*.com",
		`{"session":"a","issuer":"https://id.*.com"}`:            "it is not configured; the issuers are https://id.*.com",
		`{"session":"a","issuer":"https://id.example.com/evil"}`: "it is not configured",
	} {
		status, said := operatortest.Order(t, app, http.MethodPost, operator.PathRevocations, body, nil)
		if status != http.StatusBadRequest || !strings.Contains(said, want) {
			t.Errorf("%s is answered %d %s, want 400 with %q", body, status, said, want)
		}
	}
	app.WantAdmitted(t, raw, true)
	revokes(t, app, `{"session":"a","issuer":"`+tokentest.Issuer+`"}`)
	app.WantAdmitted(t, raw, false)
}
