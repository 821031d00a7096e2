package operator_test

import (
	"net/http"
	"strings"
	"testing"

	"github.com/sessiongate/sessiongate/caddymodule/operator"
	"github.com/sessiongate/sessiongate/caddymodule/operator/operatortest"
)

// A gate that cannot prove that its set is fresh admits nothing, and says so.
func TestAFencedGateExplainsThatItIs(t *testing.T) {
	app := operatortest.Closed(t, operator.Store{Kind: "memory"})
	var e operator.Explanation
	if status, said := operatortest.Order(t, app, http.MethodPost, operator.PathCheck, `{"token":"`+app.Mint(t, nil)+`"}`, &e); status != http.StatusOK {
		t.Fatalf("answered %d %s", status, said)
	}
	last := e.Steps[len(e.Steps)-1]
	if e.Admitted || e.Status != http.StatusServiceUnavailable || e.Reason != "unavailable" || last.Step != "freshness" || last.Passed ||
		!strings.Contains(last.Detail, "refuses every guarded request") {
		t.Errorf("explained as %+v", e)
	}
}

func TestCheckNeedsAToken(t *testing.T) {
	app := operatortest.New(t)
	for _, body := range []string{`{}`, `{"token":""}`, `{"token":7}`, `{"tokens":"x"}`} {
		if status, said := operatortest.Order(t, app, http.MethodPost, operator.PathCheck, body, nil); status != http.StatusBadRequest {
			t.Errorf("%s is answered %d %s", body, status, said)
		}
	}
}

// An operator who writes the issuer in another spelling sees what to write.
func TestAnIssuerInAnotherSpellingIsHinted(t *testing.T) {
	app := operatortest.New(t)
	for iss, want := range map[string]string{
		"https://id.example.com/": `iss "https://id.example.com/", and the configured issuer is "https://id.example.com"; write it exactly as in iss`,
		"https://ID.example.com":  `and the configured issuer is "https://id.example.com"; write it exactly as in iss`,
		"https://id.example.org":  `iss "https://id.example.org", and the configured issuers are ["https://id.example.com"]`,
		"":                        "iss is missing; accept_missing_iss takes such tokens for those of one issuer",
	} {
		var e operator.Explanation
		body := `{"token":"` + app.Mint(t, map[string]any{"iss": iss}) + `"}`
		operatortest.Order(t, app, http.MethodPost, operator.PathCheck, body, &e)
		last := e.Steps[len(e.Steps)-1]
		if e.Admitted || last.Step != "issuer" || last.Passed || !strings.Contains(last.Detail, want) {
			t.Errorf("%q is explained as %+v, want %q", iss, last, want)
		}
	}
}
