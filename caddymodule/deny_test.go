package caddymodule

import (
	"maps"
	"net/http"
	"net/http/httptest"
	"slices"
	"testing"

	"github.com/sessiongate/sessiongate/caddymodule/caller"
	"github.com/sessiongate/sessiongate/caddymodule/reply"
)

// Each answer of the contract, to the byte: clients parse them, and RFC 6750 §3
// says what a challenge tells.
func TestDenials(t *testing.T) {
	const (
		invalid = `{"error":"unauthorized","message":"Missing or invalid access token."}`
		refused = `Bearer realm="session_gate", error="invalid_token"`
	)
	for name, test := range map[string]struct {
		deny                          *reply.Denial
		status                        int
		body, challenge, retry, cause string
	}{
		"broken": {denyBroken, 401, invalid, refused, "", "malformed"},
		"unconfirmed": {
			denyUnconfirmed, 503,
			`{"error":"temporarily_unavailable","message":"The revocation is not confirmed yet. Retry the same request."}`,
			"", "1", "unavailable",
		},
		"session": {denySession, 404, `{"error":"invalid_session","message":"Session not found or already invalidated."}`, "", "", ""},
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
			if w.Code != test.status || w.Body.String() != test.body || !maps.EqualFunc(w.Header(), want, slices.Equal) {
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
	want, _ := write(t, caller.Invalid)
	for name, deny := range map[string]*reply.Denial{"malformed": denyBroken} {
		got, _ := write(t, deny)
		if got.Code != want.Code || got.Body.String() != want.Body.String() || !maps.EqualFunc(got.Header(), want.Header(), slices.Equal) {
			t.Errorf("%s is answered %d %s with %v, a forged token %d %s with %v", name, got.Code, got.Body, got.Header(), want.Code, want.Body, want.Header())
		}
	}
}

// A denial is written also where nobody keeps placeholders.
func TestADenialNeedsNoReplacer(t *testing.T) {
	w := httptest.NewRecorder()
	if err := refuse(w, httptest.NewRequest(http.MethodGet, "/", nil), caller.Invalid); err != nil || w.Code != http.StatusUnauthorized {
		t.Errorf("answered %d, error %v", w.Code, err)
	}
}
