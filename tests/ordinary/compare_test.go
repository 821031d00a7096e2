package ordinary

import (
	"fmt"
	"maps"
	"net/http"
	"slices"
	"strings"
	"testing"

	"github.com/sessiongate/sessiongate/tests/harness"
	"github.com/sessiongate/sessiongate/tests/issuing"
)

// ownedFields are fields that the gate may delete or set: the configured identity, fields
// that name another path or prefix than the request line, and fields that announce a
// trailer.
var ownedFields = []string{
	"Remote-User", "Remote-Groups", "Remote-Name", "Remote-Email", "Trailer",
	"X-Original-URL", "X-Original-URI", "X-Rewrite-URL", "X-Forwarded-Uri",
	"X-Script-Name", "X-Forwarded-Script-Name", "X-Forwarded-Prefix", "X-Traversal-Path", "Script-Name",
}

// answersDiffer lists the differences that a client would notice.
func answersDiffer(with, without harness.Answer) (differences []string) {
	for _, answer := range []*harness.Answer{&with, &without} {
		// The upstream and the server may both send a 100 Continue.
		answer.Interim = slices.Compact(answer.Interim)
		answer.Header = maps.Clone(answer.Header)
		answer.Header.Del("Date")
		answer.Header.Del("Alt-Svc") // it names the port
	}
	if with.Status != without.Status || with.Body != without.Body || with.Close != without.Close || !slices.Equal(with.Interim, without.Interim) {
		differences = append(differences, fmt.Sprintf("answer is %d %q after %v, without the gate %d %q after %v",
			with.Status, with.Body, with.Interim, without.Status, without.Body, without.Interim))
	}
	if !maps.EqualFunc(with.Header, without.Header, slices.Equal) {
		differences = append(differences, fmt.Sprintf("answer has the fields %v, without the gate %v", with.Header, without.Header))
	}
	return differences
}

// differs lists the differences that the upstream would notice, and signs that the gate was
// bypassed.
func (o *ordinary) differs(with, without []arrival) (differences []string) {
	differ := func(format string, arguments ...any) {
		differences = append(differences, fmt.Sprintf(format, arguments...))
	}
	want := 1
	if o.direct {
		want = 0
	}
	if len(with) != want || len(without) != want {
		differ("%d requests arrived, without the gate %d, want %d", len(with), len(without), want)
		return differences
	}
	if o.direct {
		return nil
	}
	got, plain := with[0], without[0]
	if got.line != plain.line {
		differ("the request line %q arrived, without the gate %q", got.line, plain.line)
	}
	if got.body != plain.body || got.rest != plain.rest {
		differ("the body %q arrived, and then %q; without the gate %q, and then %q", got.body, got.rest, plain.body, plain.rest)
	}
	if len(got.trailer) > 0 {
		differ("the trailer %v arrived", got.trailer)
	}
	left := slices.Concat(ownedFields, o.except)
	if got, plain := got.without(left), plain.without(left); !slices.Equal(got, plain) {
		differ("the fields arrived\n%q, without the gate\n%q", got, plain)
	}
	if user := got.value("Remote-User"); user != o.user() {
		differ("the user is %q, want %q, which only the gate tells", user, o.user())
	}
	return differences
}

// user returns the user that the gate sends to the upstream.
func (o *ordinary) user() string {
	open := o.target == issuing.Path || strings.HasPrefix(o.target, "/assets/") || strings.HasPrefix(o.target, "/.well-known/")
	if open || !strings.Contains(strings.Join(o.fields, "\n"), "{token}") {
		return ""
	}
	return "alice"
}

// The comparison must find each kind of difference, or the table proves nothing.
func TestEachDifferenceOfAnOrdinaryRequestIsSeen(t *testing.T) {
	t.Parallel()
	row := ordinary{target: "/x", fields: []string{"Authorization: Bearer {token}"}, except: []string{"Connection"}}
	sound := func() (arrival, arrival) {
		plain := arrival{line: "PUT /x HTTP/1.1", fields: []string{"Host: a", "Accept: b", "Accept: c", "Connection: e"}, body: "hello"}
		with := plain
		with.fields = []string{"Accept: c", "Host: a", "Remote-User: alice", "Accept: b", "Connection: d"}
		return with, plain
	}
	if with, plain := sound(); len(row.differs([]arrival{with}, []arrival{plain})) > 0 {
		t.Errorf("differences are seen where there are none: %q", row.differs([]arrival{with}, []arrival{plain}))
	}
	for name, change := range map[string]func(with *arrival){
		"a method":            func(with *arrival) { with.line = "Put /x HTTP/1.1" },
		"an escape":           func(with *arrival) { with.line = "PUT /%78 HTTP/1.1" },
		"a byte of the body":  func(with *arrival) { with.body = "hallo" },
		"a further request":   func(with *arrival) { with.rest = "GET / HTTP/1.1" },
		"a trailer":           func(with *arrival) { with.trailer = http.Header{"A": {"b"}} },
		"a field more":        func(with *arrival) { with.fields = append(with.fields, "Accept: b") },
		"a field less":        func(with *arrival) { with.fields = with.fields[1:] },
		"the case of a field": func(with *arrival) { with.fields[0] = "accept: c" },
		"no identity":         func(with *arrival) { with.fields[2] = "Remote-Groups: a" },
	} {
		with, plain := sound()
		if change(&with); len(row.differs([]arrival{with}, []arrival{plain})) != 1 {
			t.Errorf("%s: the difference is not seen", name)
		}
	}
	if len(row.differs(nil, make([]arrival, 1))) == 0 || len(row.differs(nil, nil)) == 0 {
		t.Error("a request that has not arrived is not missed")
	}
	refused := harness.Answer{Status: 400, Header: http.Header{"A": {"b"}}}
	if len(answersDiffer(refused, harness.Answer{Status: 200})) != 2 || len(answersDiffer(refused, refused)) > 0 {
		t.Error("an answer's difference is not seen")
	}
}

// The test must send what the table says.
func TestTheTableOfOrdinaryRequestsIsReadAsItStands(t *testing.T) {
	t.Parallel()
	rows, err := parseOrdinaries("x.txt", `A client
sends it.
    PUT /a\xff HTTP/1.1
    Host: a
    | a\r\n\\
    | \*3(bc)

Another sends it.
    POST /b
    Transfer-Encoding: chunked
    | a
    | bc
    ~ D: e
    - Connection
`)
	if err != nil || len(rows) != 2 {
		t.Fatalf("%d rows, error %v", len(rows), err)
	}
	if got, want := rows[0].text(""), "PUT /a\xff HTTP/1.1\r\nHost: a\r\nContent-Length: 10\r\n\r\na\r\n\\bcbcbc"; got != want {
		t.Errorf("the text is %q, want %q", got, want)
	}
	if got, want := rows[1].text(""), "POST /b HTTP/1.1\r\nTransfer-Encoding: chunked\r\n\r\n1\r\na\r\n2\r\nbc\r\n0\r\nD: e\r\n\r\n"; got != want {
		t.Errorf("the text is %q, want %q", got, want)
	}
	if rows[0].about != "A client sends it." || rows[0].place != "x.txt:1" || rows[1].place != "x.txt:8" {
		t.Errorf("the rows are %+v", rows)
	}
	for name, text := range map[string]string{
		"no sentence":               "    GET / HTTP/1.1\n",
		"no request":                "A client\n",
		"an escape that is none":    "A client\n    GET /\\q HTTP/1.1\n",
		"a line that is no field":   "A client\n    GET /\n    Host\n",
		"a target of two words":     "A client\n    GET /a b HTTP/1.1\n",
		"a field not to be missed":  "A client\n    GET /\n    - Accept\n",
		"a length not to be missed": "A client\n    GET /\n    - Content-Length\n",
	} {
		if _, err := parseOrdinaries("x.txt", text); err == nil {
			t.Errorf("%s: it is read", name)
		}
	}
}
