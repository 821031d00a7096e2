package hostile

import (
	"bufio"
	"bytes"
	"errors"
	"io"
	"net"
	"net/http"
	"strings"
	"sync"
	"testing"

	"github.com/sessiongate/sessiongate/tests/harness"
)

// tape is an upstream that records its input byte for byte, and reads it as strictly as RFC
// 9112 demands.
type tape struct {
	listener net.Listener

	mu    sync.Mutex
	heads []string // of each request, up to the empty line
	odd   []string // data that is no request
}

func newTape(t *testing.T) *tape {
	t.Helper()
	u := new(tape)
	u.listener = harness.ServeAll(t, u.serve)
	return u
}

// serve reads one request, answers, and records the data after it.
func (u *tape) serve(connection net.Conn) {
	var sent bytes.Buffer
	reader := bufio.NewReader(io.TeeReader(connection, &sent))
	request, err := http.ReadRequest(reader)
	if err != nil {
		if !errors.Is(err, io.EOF) {
			u.note(&u.odd, sent.String())
		}
		return
	}
	head, _, _ := strings.Cut(sent.String(), "\r\n\r\n")
	u.note(&u.heads, head)
	if _, err := io.Copy(io.Discard, request.Body); err != nil {
		return // the client, or the gate, has broken off
	}
	if reader.Buffered() > 0 {
		u.note(&u.odd, sent.String())
	}
	_, _ = io.WriteString(connection, "HTTP/1.1 200 OK\r\nContent-Length: 0\r\nConnection: close\r\n\r\n")
}

func (u *tape) note(list *[]string, text string) {
	u.mu.Lock()
	defer u.mu.Unlock()
	*list = append(*list, text)
}

// check fails the test if anything arrived that the gate has not checked: a request to
// another place, a request with another credential, or a request whose end two readers
// would find in different places. It returns how many requests arrived.
func (u *tape) check(t *testing.T, credential string) int {
	t.Helper()
	u.mu.Lock()
	defer u.mu.Unlock()
	for _, odd := range u.odd {
		t.Errorf("the upstream was sent %q", odd)
	}
	for _, head := range u.heads {
		lower := strings.ToLower(head)
		framed := strings.Count(lower, "\r\ncontent-length:") + strings.Count(lower, "\r\ntransfer-encoding:")
		if framed > 1 || strings.Contains(head, "hidden") || strings.Contains(lower, "http2-settings") ||
			strings.Count(lower, "\r\nauthorization:") > 1 || strings.ContainsAny(head, "\x00\x01\x0b\x7f") {
			t.Errorf("the upstream was sent the head %q", head)
		}
		if !strings.Contains(head, " /public") && !strings.Contains(head, "Bearer "+credential) {
			t.Errorf("the upstream was sent the unjudged head %q", head)
		}
	}
	return len(u.heads)
}

// hidden is a request without a token that is hidden in another one.
const hidden = "GET /hidden HTTP/1.1\r\nHost: gate.test\r\n\r\n"

// shapes are the fields of a request, and the data after its head. One reader finds a body
// in them, and another the hidden request.
var shapes = map[string]struct{ fields, rest string }{
	"Content-Length and Transfer-Encoding":    {"Content-Length: 6\r\nTransfer-Encoding: chunked", "0\r\n\r\n" + hidden},
	"Transfer-Encoding and Content-Length":    {"Transfer-Encoding: chunked\r\nContent-Length: 4", "2e\r\n" + hidden + "\r\n0\r\n\r\n"},
	"two Content-Lengths":                     {"Content-Length: 0\r\nContent-Length: 46", hidden},
	"two Content-Lengths in one":              {"Content-Length: 0, 46", hidden},
	"one Content-Length twice":                {"Content-Length: 5\r\nContent-Length: 5", "hello" + hidden},
	"a Content-Length below zero":             {"Content-Length: -1", hidden},
	"a Content-Length with a plus":            {"Content-Length: +0", hidden},
	"a Content-Length in hex":                 {"Content-Length: 0x2e", hidden},
	"a Content-Length of parts":               {"Content-Length: 4 6", hidden},
	"a Content-Length beyond 64 bit":          {"Content-Length: 18446744073709551616", hidden},
	"an empty Content-Length":                 {"Content-Length:", hidden},
	"xchunked":                                {"Content-Length: 46\r\nTransfer-Encoding: xchunked", hidden},
	"a tab before chunked":                    {"Content-Length: 5\r\nTransfer-Encoding:\tchunked", "0\r\n\r\n" + hidden},
	"a vertical tab before chunked":           {"Transfer-Encoding: \x0bchunked", "0\r\n\r\n" + hidden},
	"chunked, identity":                       {"Transfer-Encoding: chunked, identity", "0\r\n\r\n" + hidden},
	"identity, chunked":                       {"Transfer-Encoding: identity, chunked", "0\r\n\r\n" + hidden},
	"chunked twice":                           {"Transfer-Encoding: chunked\r\nTransfer-Encoding: chunked", "0\r\n\r\n" + hidden},
	"chunked and identity in two":             {"Transfer-Encoding: chunked\r\nTransfer-Encoding: identity", "0\r\n\r\n" + hidden},
	"chunked with a NUL":                      {"Transfer-Encoding: chunked\x00", "0\r\n\r\n" + hidden},
	"quoted chunked":                          {"Transfer-Encoding: \"chunked\"", "0\r\n\r\n" + hidden},
	"chunked in capitals":                     {"Transfer-Encoding: CHUNKED", "0\r\n\r\n" + hidden},
	"a space before the colon":                {"Content-Length : 46", hidden},
	"a space before the other colon":          {"Content-Length: 5\r\nTransfer-Encoding : chunked", "0\r\n\r\n" + hidden},
	"a folded field":                          {"X-Other: 1\r\n Transfer-Encoding: chunked", hidden},
	"a folded Transfer-Encoding":              {"Transfer-Encoding:\r\n chunked", "0\r\n\r\n" + hidden},
	"a field before the first":                {" Transfer-Encoding: chunked", "0\r\n\r\n" + hidden},
	"a bare line feed":                        {"X-Other: 1\nContent-Length: 46", hidden},
	"a bare carriage return":                  {"X-Other: 1\rContent-Length: 46", hidden},
	"a NUL in a field":                        {"X-Other: a\x00b", hidden},
	"a control character in a field":          {"X-Other: a\x01b", hidden},
	"a DEL in a name":                         {"X-Oth\x7fer: a", hidden},
	"an underscore for the hyphen":            {"Content_Length: 46", hidden},
	"a chunk extension":                       {"Transfer-Encoding: chunked", "0;x=\"\r\n\r\n" + hidden},
	"a chunk extension with a line feed":      {"Transfer-Encoding: chunked", "2;\nxx\r\n0\r\n\r\n" + hidden},
	"a chunk size beyond 64 bit":              {"Transfer-Encoding: chunked", "10000000000000000\r\n" + hidden},
	"a chunk size below zero":                 {"Transfer-Encoding: chunked", "-1\r\n" + hidden},
	"a chunk size with 0x":                    {"Transfer-Encoding: chunked", "0x0\r\n\r\n" + hidden},
	"a chunk size with a plus":                {"Transfer-Encoding: chunked", "+0\r\n\r\n" + hidden},
	"a chunk that ends in a bare line feed":   {"Transfer-Encoding: chunked", "0\n\n" + hidden},
	"a chunk that is longer than it says":     {"Transfer-Encoding: chunked", "1\r\nxx0\r\n\r\n" + hidden},
	"a Transfer-Encoding in the trailer":      {"Transfer-Encoding: chunked\r\nTrailer: Content-Length", "0\r\nContent-Length: 46\r\n\r\n" + hidden},
	"a trailer that is no field":              {"Transfer-Encoding: chunked", "0\r\n" + hidden},
	"an Authorization in the trailer":         {"Transfer-Encoding: chunked", "0\r\nAuthorization: Bearer hidden\r\n\r\n"},
	"a second request behind the first":       {"X-Other: 1", hidden},
	"a body that nobody reads":                {"Content-Length: 46", hidden},
	"a body behind Expect":                    {"Content-Length: 46\r\nExpect: 100-continue", hidden},
	"a body behind another Expect":            {"Content-Length: 46\r\nExpect: 100-Continue, x", hidden},
	"more than is drained of a body":          {"Content-Length: 300000", strings.Repeat(hidden, 6600)},
	"a body that is drained in part":          {"Transfer-Encoding: chunked", "2e\r\n" + hidden + "\r\nzz\r\n" + hidden},
	"an Authorization in the list of options": {"Connection: Authorization, Content-Length\r\nContent-Length: 46", hidden},
}

// Attack: request smuggling. One reader reads a body where another reads a request. Nobody
// has checked that request, and its answer goes to another client.
func TestNoRequestIsHiddenInAnother(t *testing.T) {
	t.Parallel()
	upstream := newTape(t)
	g := harness.Start(t, harness.Config{
		// The gate closes a connection on which nothing arrives any more.
		Global: harness.ClientTimeouts,
		Routes: "session_gate {\npublic /public /public/*\n}\nreverse_proxy " + upstream.listener.Addr().String(),
	})
	token := g.Token(harness.Session("laptop"))
	bearer := "\r\nAuthorization: Bearer " + token
	outers := map[string]string{
		"admitted":        "POST /orders HTTP/1.1" + bearer,
		"public":          "POST /public HTTP/1.1",
		"without a token": "POST /orders HTTP/1.1",
		"refused DELETE":  "DELETE " + harness.Endpoint + " HTTP/1.1\r\nAuthorization: Bearer x",
		"other spelling":  "DELETE " + harness.Endpoint + "/ HTTP/1.1" + bearer,
		"several DELETE":  "DELETE " + harness.Endpoint + " HTTP/1.1" + bearer + bearer,
		"preflight":       "OPTIONS /public/preflight HTTP/1.1\r\nOrigin: https://x.test\r\nAccess-Control-Request-Method: PUT",
	}
	var wait sync.WaitGroup
	for name, shape := range shapes {
		for where, outer := range outers {
			connection := harness.Dial(t, g)
			wait.Go(func() {
				_, err := io.WriteString(connection, outer+"\r\nHost: gate.test\r\nX-Case: "+name+", "+where+"\r\n"+shape.fields+"\r\n\r\n"+shape.rest)
				var said []byte
				if err == nil { // the gate may have closed it before the end
					said, err = io.ReadAll(connection)
				}
				var timeout net.Error
				if errors.As(err, &timeout) && timeout.Timeout() {
					t.Errorf("%s, %s: the gate has said %q and holds the connection", name, where, said)
				}
			})
		}
	}
	wait.Wait()
	served := upstream.check(t, token)
	t.Logf("of %d requests, %d were served", len(shapes)*len(outers), served)
	if served < 40 {
		t.Errorf("only %d requests were served, so that little was tried", served)
	}
}
