package sessionapi

import (
	"errors"
	"io"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"testing/iotest"

	"github.com/sessiongate/sessiongate/caddymodule/caller/callertest"
	"github.com/sessiongate/sessiongate/caddymodule/reply"
)

// bodyRequest is a DELETE with a body, and fields by name and value.
func bodyRequest(body string, namesAndValues ...string) *http.Request {
	r := httptest.NewRequest(http.MethodDelete, sessionPath, strings.NewReader(body))
	return callertest.Fields(r, namesAndValues...)
}

func jsonBody(body string) *http.Request {
	return bodyRequest(body, "Content-Type", "application/json")
}

func wantTarget(t *testing.T, name string, r *http.Request, want string) {
	t.Helper()
	got, deny := readTarget(httptest.NewRecorder(), r)
	if deny != nil || got != want {
		t.Errorf("%s: %q, %s, want %q", name, got, callertest.Written(deny), want)
	}
}

func wantDenied(t *testing.T, name string, r *http.Request, want *reply.Denial) {
	t.Helper()
	if got, deny := readTarget(httptest.NewRecorder(), r); deny != want || got != "" {
		t.Errorf("%s: %q, %s, want %s", name, got, callertest.Written(deny), callertest.Written(want))
	}
}

func TestBodiesThatNameASession(t *testing.T) {
	long := strings.Repeat("s", 1024)
	for body, want := range map[string]string{
		``:                               "",
		`{}`:                             "",
		" \r\n\t{ }\n":                   "",
		`null`:                           "",
		" null\r\n":                      "",
		`{"session_id":null}`:            "",
		`{"session_id" : null , "x":1}`:  "",
		`{"session_id":"a"}`:             "a",
		`{"session_id" : "a" , "x":[]}`:  "a",
		`{"reason":"lost","other":null}`: "",
		`{"session_id":"a/b c é ✓"}`:     "a/b c é ✓",
		`{"session_id":"\u0061\/\"\\"}`:  `a/"\`,
		`{"\u0073ession_id":"a"}`:        "a",
		`{"session_id":"` + long + `"}`:  long,
		`{"session":"b","session_id":"a","session_id_":"c"}`: "a",
		`{"x":1,"x":2,"session_id":"a"}`:                     "a",
		nested(32):                                           "",
	} {
		wantTarget(t, body, jsonBody(body), want)
	}
}

// nested returns an object of a depth, where the object itself counts as one.
func nested(depth int) string {
	return `{"x":` + strings.Repeat("[", depth-1) + strings.Repeat("]", depth-1) + `}`
}

// Attack: the gate reads one session in a body, and a server behind it, or a log, another.
// The session that ends here would continue there.
func TestBodiesWithTwoReadings(t *testing.T) {
	for _, body := range []string{
		// Twice, and in another letter case, also alone.
		`{"session_id":"a","session_id":"b"}`, `{"session_id":"a","session_id":"a"}`, `{"session_id":null,"session_id":"a"}`,
		`{"session_id":"a","session_id":null}`, `{"SESSION_ID":null}`, `{"session_id":"a","\u0073ession_id":"b"}`,
		`{"session_id":"a","SESSION_ID":"b"}`, `{"SESSION_ID":"b","session_id":"a"}`, `{"SESSION_ID":"b"}`, `{"Session_Id":"b"}`,
		"{\"\u017fession_id\":\"b\"}", "{\"session_id\":\"a\",\"\u017fe\u017fsion_id\":\"b\"}", `{"\u017fession_id":"b"}`,
		// Not exactly one valid string.
		`{"session_id":1}`, `{"session_id":true}`, `{"session_id":["a"]}`, `{"session_id":{"a":"b"}}`, `{"session_id":""}`,
		`{"session_id":"` + strings.Repeat("s", 1025) + `"}`, "{\"session_id\":\"a\xff\"}", `{"session_id":"a\u0000"}`, `{"session_id":"a\nb"}`,
		"{\"session_id\":\"a\tb\"}", `{"session_id":"a\u007f"}`, `{"session_id":"\ud800"}`, `{"session_id":"a\ufffd"}`,
		// Not one object.
		`nul`, `null null`, `NULL`, "null\x00", "\ufeffnull", `[null]`, `[]`, `"a"`, `1`, `true`, `[{"session_id":"a"}]`, ` `, "\n",
		`{`, `}`, `{"session_id":"a"`, `{"session_id":a}`, `{'session_id':'a'}`, `{session_id:"a"}`, `{"session_id":"a",}`, `{"a":01}`, `{"a":NaN}`,
		`{"session_id":"a"}{"session_id":"b"}`, `{"session_id":"a"} x`, `{"session_id":"a"}` + "\x00", `{"session_id":"a"/*b*/}`, `session_id=a`,
		"\xef\xbb\xbf" + `{"session_id":"a"}`, "\xff\xfe{\x00}\x00", "{\"x\":\"\xc0\xae\"}",
		nested(33), nested(2000),
	} {
		wantDenied(t, body, jsonBody(body), denyBody)
	}
}

func TestMediaTypesOfABody(t *testing.T) {
	const body = `{"session_id":"a"}`
	for _, mediaType := range []string{
		"application/json", "application/json; charset=utf-8", "application/json;charset=UTF-8", `application/json; charset="utf-8"`,
		"Application/JSON", " application/json ", "application/json;", "application/json; Charset=Utf-8",
	} {
		wantTarget(t, mediaType, bodyRequest(body, "Content-Type", mediaType), "a")
	}
	for _, mediaType := range []string{
		"", "text/plain", "text/json", "application/x-www-form-urlencoded", "multipart/form-data; boundary=a", "application/json-patch+json",
		"application/problem+json", "application/jsonx", "application/json; charset=utf-16", "application/json; charset=utf8",
		"application/json; charset=", "application/json; boundary=a", "application/json; charset=utf-8; charset=utf-16", "application/json, text/plain",
		"application/", "*/*", "json", "application/json; charset*0=utf; charset*1=-8", "application/json; charset*=us-ascii'en'utf-8",
		`application/json; charset="u\tf-8"`, "\u00a0application/json", "application/json\f",
	} {
		wantDenied(t, mediaType, bodyRequest(body, "Content-Type", mediaType), denyMediaType)
	}
	twice := jsonBody(body)
	twice.Header.Add("Content-Type", "text/plain")
	wantDenied(t, "two types", twice, denyMediaType)
	for _, encoding := range []string{"gzip", "identity", "br, gzip"} {
		wantDenied(t, encoding, bodyRequest(body, "Content-Type", "application/json", "Content-Encoding", encoding), denyMediaType)
	}
	wantTarget(t, "no body, no type", bodyRequest(""), "")
	wantTarget(t, "no body, another type", bodyRequest("", "Content-Type", "text/plain", "Content-Encoding", "gzip"), "")
}

// unsized hides the length of a body, as chunks do.
func unsized(r *http.Request, body io.Reader) *http.Request {
	r.ContentLength, r.Body = -1, io.NopCloser(body)
	return r
}

func TestBodiesAreBounded(t *testing.T) {
	sized := func(size int) string {
		const frame = `{"session_id":"a","x":""}`
		return frame[:len(frame)-2] + strings.Repeat("x", size-len(frame)) + frame[len(frame)-2:]
	}
	wantTarget(t, "4096 bytes", jsonBody(sized(4096)), "a")
	wantDenied(t, "4097 bytes", jsonBody(sized(4097)), denyTooLarge)
	wantTarget(t, "4096 bytes in chunks", unsized(jsonBody(""), iotest.OneByteReader(strings.NewReader(sized(4096)))), "a")
	wantDenied(t, "4097 bytes in chunks", unsized(jsonBody(""), iotest.HalfReader(strings.NewReader(sized(4097)))), denyTooLarge)
	wantDenied(t, "no JSON, too large", bodyRequest(strings.Repeat(" ", 4097), "Content-Type", "text/plain"), denyTooLarge)

	// Attack: a length, or an endless body, that makes the gate read and keep a body that
	// it will refuse.
	unread := &countingReader{}
	r := unsized(jsonBody(""), unread)
	r.ContentLength = 4097
	wantDenied(t, "a length that is too large", r, denyTooLarge)
	if unread.read != 0 {
		t.Errorf("%d bytes were read of a body that says it is too large", unread.read)
	}
	endless := &countingReader{}
	wantDenied(t, "an endless body", unsized(jsonBody(""), endless), denyTooLarge)
	if endless.read > 3*maxBody {
		t.Errorf("%d bytes were read of an endless body", endless.read)
	}
}

type countingReader struct{ read int }

func (c *countingReader) Read(p []byte) (int, error) {
	c.read += len(p)
	return len(p), nil
}

// Attack: a connection ends in the middle of a body whose beginning is a complete document.
func TestABodyThatBreaksOffNamesNothing(t *testing.T) {
	broken := io.MultiReader(strings.NewReader(`{"session_id":"a"}`), iotest.ErrReader(errors.New("connection reset")))
	wantDenied(t, "an error after the body", unsized(jsonBody(""), broken), denyBody)
	wantDenied(t, "an error at once", unsized(jsonBody(""), iotest.ErrReader(io.ErrUnexpectedEOF)), denyBody)
}
