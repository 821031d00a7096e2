package caddymodule

import (
	"net/http"
	"net/http/httptest"
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
		if err := refuse(w, r, deny); err != nil || w.Code != deny.Status || w.Body.String() != callertest.Written(deny) {
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
	if err := refuse(w, httptest.NewRequest(http.MethodGet, "/", nil), caller.Invalid); err != nil || w.Code != http.StatusUnauthorized {
		t.Errorf("answered %d, error %v", w.Code, err)
	}
}
