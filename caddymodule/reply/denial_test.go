package reply

import (
	"errors"
	"net/http"
	"net/http/httptest"
	"reflect"
	"strings"
	"testing"
	"testing/iotest"
	"time"
)

// own returns the fields of every answer of the gate.
func own(namesAndValues ...string) http.Header {
	header := http.Header{"Content-Type": {"application/json"}, "Cache-Control": {"no-store"}, "X-Content-Type-Options": {"nosniff"}}
	for i := 0; i < len(namesAndValues); i += 2 {
		header.Set(namesAndValues[i], namesAndValues[i+1])
	}
	return header
}

func checkAnswer(t *testing.T, w *httptest.ResponseRecorder, status int, body string, header http.Header) {
	t.Helper()
	if w.Code != status || w.Body.String() != body || !reflect.DeepEqual(w.Header(), header) {
		t.Errorf("answered %d %s with %v, want %d %s with %v", w.Code, w.Body, w.Header(), status, body, header)
	}
}

func TestDenials(t *testing.T) {
	plain := New(http.StatusBadRequest, "invalid_request", `Say "a" <b>.`, "")
	for name, c := range map[string]struct {
		deny   *Denial
		status int
		body   string
		header http.Header
	}{
		"plain":     {plain, 400, `{"error":"invalid_request","message":"Say \"a\" \u003cb\u003e."}`, own()},
		"challenge": {New(401, "unauthorized", "No.", `Bearer realm="r"`), 401, `{"error":"unauthorized","message":"No."}`, own("WWW-Authenticate", `Bearer realm="r"`)},
		"allowing":  {New(405, "m", "No.", "").Allowing("GET, PUT"), 405, `{"error":"m","message":"No."}`, own("Allow", "GET, PUT")},
		"503":       {New(503, "u", "Later.", ""), 503, `{"error":"u","message":"Later."}`, own("Retry-After", "1")},
		"OAuth":     {OAuth(400, "invalid_grant", "No."), 400, `{"error":"invalid_grant","error_description":"No."}`, own()},
		"OAuth 503": {OAuth(503, "u", "Later."), 503, `{"error":"u","error_description":"Later."}`, own("Retry-After", "1")},
		// The answer contains neither the reason nor the class.
		"with a reason": {OAuth(400, "g", "No.").Because("revoked").As(Revoked), 400, `{"error":"g","error_description":"No."}`, own()},
	} {
		t.Run(name, func(t *testing.T) {
			w := httptest.NewRecorder()
			if err := c.deny.Write(w, httptest.NewRequest(http.MethodGet, "/", nil)); err != nil || c.deny.Status != c.status {
				t.Errorf("error %v, status %d", err, c.deny.Status)
			}
			checkAnswer(t, w, c.status, c.body, c.header)
		})
	}
}

// A denial that is derived from another leaves it unchanged.
func TestDenialsAreNotChanged(t *testing.T) {
	first := New(401, "unauthorized", "No.", "Bearer")
	before := *first
	last := first.Because("revoked").As(Revoked).Allowing("GET").Because("expired")
	if last.Reason != "expired" || last.Class != Revoked || last.allow != "GET" || last.challenge != "Bearer" || string(last.body) != string(first.body) {
		t.Errorf("the last is %+v", last)
	}
	if !reflect.DeepEqual(*first, before) {
		t.Errorf("the first became %+v", first)
	}
}

// A nil denial has no class. A denial without a class has none of the others.
func TestClasses(t *testing.T) {
	plain := New(400, "e", "m", "")
	if !plain.Is(Unclassified) || plain.Is(Revoked) || !plain.As(Revoked).Is(Revoked) || plain.As(Revoked).Is(Unconfirmed) {
		t.Error("Is does not distinguish classes")
	}
	for _, class := range []Class{Unclassified, Missing, Revoked, Unconfirmed} {
		if (*Denial)(nil).Is(class) {
			t.Errorf("no denial is of class %d", class)
		}
	}
}

func TestJSON(t *testing.T) {
	w := httptest.NewRecorder()
	if err := JSON(w, http.StatusOK, struct {
		Message string `json:"message"`
	}{"a/b"}); err != nil {
		t.Error(err)
	}
	checkAnswer(t, w, http.StatusOK, `{"message":"a/b"}`, own())

	// The status must not be sent without its body.
	w = httptest.NewRecorder()
	if err := JSON(w, http.StatusOK, func() {}); err == nil || len(w.Header()) > 0 || w.Body.Len() > 0 {
		t.Errorf("error %v, answered %v %s", err, w.Header(), w.Body)
	}
}

// deadlines records the deadlines of a connection.
type deadlines struct {
	*httptest.ResponseRecorder
	set []time.Time
}

func (d *deadlines) SetReadDeadline(at time.Time) error {
	d.set = append(d.set, at)
	return nil
}

func newDeadlines() *deadlines { return &deadlines{ResponseRecorder: httptest.NewRecorder()} }

// isIn10s reports whether a deadline is about the timeout of a body.
func isIn10s(at time.Time) bool {
	left := time.Until(at)
	return left > 0 && left <= 10*time.Second
}

func TestReadBody(t *testing.T) {
	broken := errors.New("connection reset")
	for name, c := range map[string]struct {
		request *http.Request
		want    string
		err     error
		closes  bool
	}{
		"a body":          {httptest.NewRequest(http.MethodPost, "/", strings.NewReader("abc")), "abc", nil, false},
		"up to the limit": {httptest.NewRequest(http.MethodPost, "/", strings.NewReader("abcdefgh")), "abcde", nil, false},
		"broken off": {
			httptest.NewRequest(http.MethodPost, "/", iotest.TimeoutReader(iotest.OneByteReader(strings.NewReader("abc")))), "a", iotest.ErrTimeout, true,
		},
		"no beginning": {httptest.NewRequest(http.MethodPost, "/", iotest.ErrReader(broken)), "", broken, true},
	} {
		t.Run(name, func(t *testing.T) {
			w := newDeadlines()
			body, err := ReadBody(w, c.request, 5)
			if string(body) != c.want || !errors.Is(err, c.err) {
				t.Errorf("read %q, %v, want %q, %v", body, err, c.want, c.err)
			}
			if closes := w.Header().Get("Connection") == "close"; closes != c.closes {
				t.Errorf("closes the connection: %t", closes)
			}
			// The deadline ends with the body, and must not apply to the answer.
			if len(w.set) == 0 || !isIn10s(w.set[0]) || err == nil && (len(w.set) != 2 || !w.set[1].IsZero()) {
				t.Errorf("the deadlines are %v", w.set)
			}
		})
	}
	w := newDeadlines()
	if body, err := ReadBody(w, httptest.NewRequest(http.MethodPost, "/", nil), 5); body != nil || err != nil || len(w.set) > 0 {
		t.Errorf("without a body: %q, %v, deadlines %v", body, err, w.set)
	}
	// A writer without deadlines is not a connection.
	if body, err := ReadBody(httptest.NewRecorder(), httptest.NewRequest(http.MethodPost, "/", strings.NewReader("a")), 5); string(body) != "a" || err != nil {
		t.Errorf("without deadlines: %q, %v", body, err)
	}
}

// Attack: a refused head with a body that never ends, or that the client holds back until
// it gets 100 Continue.
func TestADenialDoesNotWaitForABody(t *testing.T) {
	for name, c := range map[string]struct {
		major           int
		length          int64
		expect          bool
		closes, bounded bool
	}{
		"no body":                   {1, 0, false, false, false},
		"a small body":              {1, 4096, false, false, true},
		"a large body":              {1, 4097, false, true, true},
		"a body of unknown length":  {1, -1, false, true, true},
		"a small one, not yet sent": {1, 1, true, true, true},
		"HTTP/2":                    {2, -1, true, false, false},
		"HTTP/3":                    {3, 4097, true, false, false},
	} {
		t.Run(name, func(t *testing.T) {
			r := httptest.NewRequest(http.MethodPost, "/", nil)
			r.ProtoMajor, r.ContentLength, r.Body = c.major, c.length, http.NoBody
			if c.expect {
				r.Header.Set("Expect", "100-continue")
			}
			w := newDeadlines()
			_ = New(400, "e", "m", "").Write(w, r)
			if closes := w.Header().Get("Connection") == "close"; closes != c.closes {
				t.Errorf("closes the connection: %t", closes)
			}
			if bounded := len(w.set) == 1 && isIn10s(w.set[0]); bounded != c.bounded || !c.bounded && len(w.set) > 0 {
				t.Errorf("the deadlines are %v", w.set)
			}
		})
	}
}
