package caddymodule

import (
	"net/http"
	"net/http/httptest"
	"testing"

	"github.com/sessiongate/sessiongate/caddymodule/reply"
)

// Each answer of the contract, to the byte: clients parse them, and RFC 6750 §3
// says what a challenge tells.
func TestDenials(t *testing.T) {
	const (
		invalid = `{"error":"unauthorized","message":"Missing or invalid access token."}`
		broken  = `Bearer realm="session_gate", error="invalid_request"`
		refused = `Bearer realm="session_gate", error="invalid_token"`
	)
	for name, test := range map[string]struct {
		deny                          *reply.Denial
		status                        int
		body, challenge, retry, cause string
	}{
		"missing":   {denyMissing, 401, invalid, `Bearer realm="session_gate"`, "", "missing"},
		"invalid":   {denyInvalid, 401, invalid, refused, "", "invalid"},
		"expired":   {denyExpired, 401, invalid, refused, "", "expired"},
		"revoked":   {denyRevoked, 401, invalid, refused, "", "revoked"},
		"broken":    {denyBroken, 401, invalid, refused, "", "malformed"},
		"malformed": {denyMalformed, 400, `{"error":"invalid_request","message":"The credential is malformed."}`, broken, "", "malformed"},
		"several": {
			denySeveral, 400, `{"error":"invalid_request","message":"More than one credential in the request."}`, broken, "", "several",
		},
		"unavailable": {
			denyUnavailable, 503,
			`{"error":"temporarily_unavailable","message":"The session cannot be checked at the moment. Try again."}`, "", "1", "unavailable",
		},
		"unconfirmed": {
			denyUnconfirmed, 503,
			`{"error":"temporarily_unavailable","message":"The revocation is not confirmed yet. Retry the same request."}`,
			"", "1", "unavailable",
		},
		"foreign site": {denyForeignSite, 403, `{"error":"forbidden","message":"The browser does not say that the request comes from this site. If a proxy changes Host, keep it, or name the page's origin in cors."}`, "", "", "cross_site"},
		"session":      {denySession, 404, `{"error":"invalid_session","message":"Session not found or already invalidated."}`, "", "", ""},
		"spelling": {
			denyAmbiguous, 400, `{"error":"invalid_request","message":"The path is another spelling of one that the gate serves."}`, "", "", "path",
		},
		"method case": {
			denyMethodCase, 400, `{"error":"invalid_request","message":"Methods are case-sensitive: write the method in capital letters."}`, "", "", "method",
		},
		"body": {
			denyBody, 400, `{"error":"invalid_request","message":"The body must be one JSON object, in which session_id, if it is there, ` +
				`is a string of 1 to 256 bytes."}`, "", "", "",
		},
		"subject":    {denySubject, 400, `{"error":"invalid_request","message":"The access token names no subject."}`, "", "", ""},
		"no session": {denyNoSession, 400, `{"error":"invalid_request","message":"The access token names no session that could be excepted."}`, "", "", ""},
		"except":     {denyExcept, 400, `{"error":"invalid_request","message":"The query must be empty, or except=current."}`, "", "", ""},
		"content":    {denyContent, 400, `{"error":"invalid_request","message":"The request must have no body."}`, "", "", ""},
		"page": {
			denyPage, 400, `{"error":"invalid_request","message":"The query is no page of the list: limit is 1 to 100, and after is the value of next in the previous page."}`,
			"", "", "",
		},
		"segment": {
			denySegment, 400, `{"error":"invalid_request","message":"The path must end in the id of one session, of 1 to 256 bytes."}`, "", "", "",
		},
		"too large": {denyTooLarge, 413, `{"error":"payload_too_large","message":"The body is larger than 4 KiB."}`, "", "", ""},
		"media type": {
			denyMediaType, 415,
			`{"error":"unsupported_media_type","message":"A body must be application/json in UTF-8, without a Content-Encoding."}`, "", "", "",
		},
	} {
		t.Run(name, func(t *testing.T) {
			w, replacer := write(t, test.deny)
			want := http.Header{"Content-Type": {"application/json"}, "Cache-Control": {"no-store"}, "X-Content-Type-Options": {"nosniff"}}
			for field, value := range map[string]string{"WWW-Authenticate": test.challenge, "Retry-After": test.retry} {
				if value != "" {
					want.Set(field, value)
				}
			}
			if w.Code != test.status || w.Body.String() != test.body || !sameHeader(w.Header(), want) {
				t.Errorf("answered %d %s with %v, want %d %s with %v", w.Code, w.Body, w.Header(), test.status, test.body, want)
			}
			if cause, set := replacer("http.session_gate.reason"); cause != test.cause || set != (test.cause != "") {
				t.Errorf("the reason is %q, set %t, want %q", cause, set, test.cause)
			}
		})
	}
}

// write answers a request by a denial.
func write(tb testing.TB, deny *reply.Denial) (*httptest.ResponseRecorder, func(string) (string, bool)) {
	tb.Helper()
	w := httptest.NewRecorder()
	r, replacer := prepare(w, httptest.NewRequest(http.MethodGet, "/", nil))
	if err := refuse(w, r, deny); err != nil {
		tb.Errorf("writing: %v", err)
	}
	return w, replacer.GetString
}

// answered tells what a denial answers.
func answered(deny *reply.Denial) string {
	if deny == nil {
		return "no denial"
	}
	w := httptest.NewRecorder()
	_ = deny.Write(w, httptest.NewRequest(http.MethodGet, "/", nil))
	return w.Body.String()
}

// The attack: to learn from the answer whether a stolen token was noticed, is
// only too old, or was never any good.
func TestExpiredRevokedAndForgedAreOneAnswer(t *testing.T) {
	want, _ := write(t, denyInvalid)
	for name, deny := range map[string]*reply.Denial{"expired": denyExpired, "revoked": denyRevoked, "malformed": denyBroken} {
		got, _ := write(t, deny)
		if got.Code != want.Code || got.Body.String() != want.Body.String() || !sameHeader(got.Header(), want.Header()) {
			t.Errorf("%s is answered %d %s with %v, a forged token %d %s with %v", name, got.Code, got.Body, got.Header(), want.Code, want.Body, want.Header())
		}
	}
}

// A denial is written also where nobody keeps placeholders.
func TestADenialNeedsNoReplacer(t *testing.T) {
	w := httptest.NewRecorder()
	if err := refuse(w, httptest.NewRequest(http.MethodGet, "/", nil), denyMissing); err != nil || w.Code != http.StatusUnauthorized {
		t.Errorf("answered %d, error %v", w.Code, err)
	}
}
