package caller_test

import (
	"errors"
	"maps"
	"net/http"
	"net/http/httptest"
	"slices"
	"testing"

	"github.com/sessiongate/sessiongate/caddymodule/caller"
	"github.com/sessiongate/sessiongate/caddymodule/caller/callertest"
	"github.com/sessiongate/sessiongate/caddymodule/credential"
	"github.com/sessiongate/sessiongate/caddymodule/reply"
	"github.com/sessiongate/sessiongate/caddymodule/token"
	"github.com/sessiongate/sessiongate/store/replica"
)

// Clients parse these answers, so each must be exact to the byte. RFC 6750 §3 defines the
// contents of a challenge.
func TestDenials(t *testing.T) {
	const (
		invalid = `{"error":"unauthorized","message":"Missing or invalid access token."}`
		broken  = `Bearer realm="session_gate", error="invalid_request"`
		refused = `Bearer realm="session_gate", error="invalid_token"`
	)
	type denial callertest.Denial
	for name, d := range map[string]denial{
		"missing":   {caller.DenyCredential(credential.ErrMissing), 401, invalid, `Bearer realm="session_gate"`, "", "missing"},
		"invalid":   {caller.DenyCredential(token.ErrInvalid), 401, invalid, refused, "", "invalid"},
		"expired":   {caller.DenyCredential(token.ErrExpired), 401, invalid, refused, "", "expired"},
		"revoked":   {caller.DenyVerdict(replica.BySession), 401, invalid, refused, "", "revoked"},
		"malformed": {caller.DenyCredential(token.ErrMalformed), 401, invalid, refused, "", "malformed"},
		"several": {
			caller.DenyCredential(credential.ErrSeveral), 400, `{"error":"invalid_request","message":"More than one credential in the request."}`, broken, "", "several",
		},
		"unavailable": {
			caller.DenyVerdict(replica.Unavailable), 503,
			`{"error":"temporarily_unavailable","message":"The session cannot be checked at the moment. Try again."}`, "", "1", "unavailable",
		},
		"foreign site": {crossSite(t), 403, `{"error":"forbidden","message":"The browser does not say that the request comes from this site. If a proxy changes Host, keep it, or name the page's origin in cors."}`, "", "", "cross_site"},
		"no keys": {
			caller.DenyCredential(token.ErrUnavailable), 503,
			`{"error":"temporarily_unavailable","message":"The session cannot be checked at the moment. Try again."}`, "", "1", "unavailable",
		},
		"an unknown error": {caller.DenyCredential(errors.New("x")), 401, invalid, refused, "", "invalid"},
	} {
		t.Run(name, func(t *testing.T) { callertest.Denial(d).Check(t) })
	}
}

// crossSite is the denial of a request that a page of another site sent.
func crossSite(t *testing.T) *reply.Denial {
	t.Helper()
	r := callertest.Fields(httptest.NewRequest(http.MethodDelete, "/", nil), "Sec-Fetch-Site", "cross-site")
	return mustOrigins(t, true).CheckSite(r, credential.SourceCookie)
}

func write(t *testing.T, deny *reply.Denial) *httptest.ResponseRecorder {
	t.Helper()
	w := httptest.NewRecorder()
	if err := deny.Write(w, httptest.NewRequest(http.MethodGet, "/", nil)); err != nil {
		t.Errorf("writing: %v", err)
	}
	return w
}

// Attack: learn from the answer whether a stolen token was revoked, has only expired, was
// never valid, or was cut off.
func TestExpiredRevokedAndForgedAreOneAnswer(t *testing.T) {
	want := write(t, caller.DenyCredential(token.ErrInvalid))
	for name, deny := range map[string]*reply.Denial{
		"expired": caller.DenyCredential(token.ErrExpired), "malformed": caller.DenyCredential(token.ErrMalformed),
		"revoked": caller.DenyVerdict(replica.ByToken), "of a lost log": caller.DenyVerdict(replica.ByFloor),
	} {
		got := write(t, deny)
		if got.Code != want.Code || got.Body.String() != want.Body.String() || !maps.EqualFunc(got.Header(), want.Header(), slices.Equal) {
			t.Errorf("%s is answered %d %s with %v, a forged token %d %s with %v", name, got.Code, got.Body, got.Header(), want.Code, want.Body, want.Header())
		}
	}
}

// A clear verdict is no denial.
func TestAClearTokenIsNotDenied(t *testing.T) {
	if deny := caller.DenyVerdict(replica.Clear); deny != nil {
		t.Errorf("denied by %s", callertest.Written(deny))
	}
}
