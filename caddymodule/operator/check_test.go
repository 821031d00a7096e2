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
