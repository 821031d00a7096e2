package contract

import (
	"fmt"
	"io"
	"net"
	"net/http"
	"regexp"
	"strings"
	"testing"
	"time"

	"github.com/sessiongate/sessiongate/caddymodule/token/tokentest"
	"github.com/sessiongate/sessiongate/store/redisstore/redistest"
	"github.com/sessiongate/sessiongate/tests/answers"
	"github.com/sessiongate/sessiongate/tests/harness"
)

// date is the one field that differs between answers.
var date = regexp.MustCompile(`(?i)\r\ndate: [^\r]*`)

// probes are requests with a credential instead of %s. After each, wire sends one more
// request over the same connection.
var probes = map[string]string{
	"GET":                     "GET / HTTP/1.1\r\nHost: gate.test\r\nAuthorization: Bearer %s\r\n\r\n",
	"GET, compressed":         "GET / HTTP/1.1\r\nHost: gate.test\r\nAccept-Encoding: gzip, zstd\r\nAuthorization: Bearer %s\r\n\r\n",
	"GET, conditional":        "GET / HTTP/1.1\r\nHost: gate.test\r\nIf-None-Match: *\r\nRange: bytes=0-0\r\nAuthorization: Bearer %s\r\n\r\n",
	"GET by cookie":           "GET / HTTP/1.1\r\nHost: gate.test\r\nCookie: session=%s\r\n\r\n",
	"GET from another origin": "GET / HTTP/1.1\r\nHost: gate.test\r\nOrigin: https://app.example.com\r\nAuthorization: Bearer %s\r\n\r\n",
	"GET of HTTP/1.0":         "GET / HTTP/1.0\r\nHost: gate.test\r\nAuthorization: Bearer %s\r\n\r\n",
	"GET of the endpoint":     "GET " + harness.Endpoint + " HTTP/1.1\r\nHost: gate.test\r\nAuthorization: Bearer %s\r\n\r\n",
	"HEAD":                    "HEAD / HTTP/1.1\r\nHost: gate.test\r\nAuthorization: Bearer %s\r\n\r\n",
	"OPTIONS":                 "OPTIONS / HTTP/1.1\r\nHost: gate.test\r\nAuthorization: Bearer %s\r\n\r\n",
	"POST":                    "POST / HTTP/1.1\r\nHost: gate.test\r\nContent-Length: 2\r\nAuthorization: Bearer %s\r\n\r\nhi",
	"POST that waits":         "POST / HTTP/1.1\r\nHost: gate.test\r\nExpect: 100-continue\r\nContent-Length: 2\r\nAuthorization: Bearer %s\r\n\r\n",
	"an upgrade":              "GET / HTTP/1.1\r\nHost: gate.test\r\nConnection: Upgrade\r\nUpgrade: websocket\r\nAuthorization: Bearer %s\r\n\r\n",
	"DELETE elsewhere":        "DELETE /x HTTP/1.1\r\nHost: gate.test\r\nAuthorization: Bearer %s\r\n\r\n",
	"DELETE":                  deletion("application/json", `{"session_id":"another"}`),
	"DELETE by cookie":        strings.Replace(deletion("application/json", `{"session_id":"another"}`), "Authorization: Bearer ", "Cookie: session=", 1),
	"DELETE from an origin":   strings.Replace(deletion("application/json", `{"session_id":"another"}`), "\r\n", "\r\nOrigin: https://app.example.com\r\n", 1),
	"DELETE of no JSON":       deletion("application/json", `session_id=another`),
	"DELETE of a case-twin":   deletion("application/json", `{"SESSION_ID":"another"}`),
	"DELETE of another type":  deletion("text/plain", `{"session_id":"another"}`),
	"DELETE with too much":    deletion("application/json", padded(5000)),
}

// waiting is a DELETE whose body is sent only if the gate asks for it. Tokens of an ended
// session are omitted: for them the gate must know whether the body names their own
// session.
var waiting = strings.Replace(deletion("application/json", `{"session_id":"another"}`), "\r\n", "\r\nExpect: 100-continue\r\n", 1)

// deletion is a DELETE with a body.
func deletion(contentType, body string) string {
	return fmt.Sprintf("DELETE %s HTTP/1.1\r\nHost: gate.test\r\nContent-Type: %s\r\nContent-Length: %d\r\nAuthorization: Bearer %%s\r\n\r\n%s",
		harness.Endpoint, contentType, len(body), body)
}

// wire returns the bytes that the gate sends, without the date, until it closes the
// connection. These are the answer to a request and, if the connection stays open, to one
// more.
func wire(t *testing.T, g *harness.Gate, request string) string {
	t.Helper()
	connection, err := net.DialTimeout("tcp", g.Addr(), 10*time.Second)
	if err != nil {
		t.Fatal(err)
	}
	defer connection.Close()
	_ = connection.SetDeadline(time.Now().Add(10 * time.Second))
	last := "GET /public HTTP/1.1\r\nHost: gate.test\r\nConnection: close\r\n\r\n"
	if strings.Contains(request, "Expect:") {
		last = "" // it would be read as the body
	}
	if _, err := io.WriteString(connection, request+last); err != nil {
		t.Fatal(err)
	}
	if last == "" {
		_ = connection.(*net.TCPConn).CloseWrite()
	}
	answer, err := io.ReadAll(connection)
	if err != nil && !harness.Unanswered(err) {
		t.Fatalf("reading the answer to %q: %v", request, err)
	}
	return date.ReplaceAllString(string(answer), "")
}

// Attack: present found tokens in every possible way, to learn which of them were valid
// once, whose sessions exist, and which were ended. A refused token gets the same answer
// whatever is wrong with it, byte by byte. That includes the order of the fields and the
// end of the connection.
func TestRefusedTokensAreAnsweredAlikeByteByByte(t *testing.T) {
	t.Parallel()
	harness.EachStore(t, func(t *testing.T, store string) {
		g, refused, overByID := refusedTokens(t, store)
		reference := refused["signed by a stranger"]
		for name, probe := range probes {
			want := wire(t, g, fmt.Sprintf(probe, reference))
			if !strings.Contains(want, " 401 Unauthorized\r\n") || strings.Contains(want, harness.UpstreamBody) != strings.Contains(want, " 200 OK") {
				t.Errorf("%s: the answer is %q", name, want)
			}
			for kind, token := range refused {
				if got := wire(t, g, fmt.Sprintf(probe, token)); got != want {
					t.Errorf("%s with a token %s is answered\n%q, a forged one\n%q", name, kind, got, want)
				}
			}
		}
		if got, want := wire(t, g, fmt.Sprintf(waiting, overByID)), wire(t, g, fmt.Sprintf(waiting, reference)); got != want {
			t.Errorf("a DELETE that waits is answered\n%q with a token that was revoked, and\n%q with a forged one", got, want)
		}
		compareOverHTTP2(t, g, refused, reference)
		for _, reached := range g.Upstream.Take() {
			if reached.URI != "/public" {
				t.Errorf("%s %s reached the upstream", reached.Method, reached.URI)
			}
		}
		harness.CheckAdmitted(t, harness.Get(t, g, g.Token(harness.Session("another"))))
	})
}

// refusedTokens starts a gate with all options that could make answers differ. It returns
// tokens that it refuses, one of them also revoked by its own id.
func refusedTokens(t *testing.T, store string) (g *harness.Gate, refused map[string]string, overByID string) {
	t.Helper()
	key := tokentest.NewKey(t, "ES256", "key-1")
	url := tokentest.NewEndpoint(t, key).Serve(t)
	g = harness.Start(t, harness.Config{
		Store: store, Key: key,
		Issuers: "issuer " + tokentest.Issuer + " {\njwks " + url + tokentest.KeySetPath + "\naudience legacy-app\n}",
		Global:  "servers {\nprotocols h1 h2c\n}",
		Site:    "encode {\nminimum_length 1\n}\nhandle_errors {\nrespond \"{err.status_code} {err.message} {http.session_gate.reason}\" 200\n}",
		Gate:    "token header Authorization\ntoken cookie session\npublic /public\ncors https://app.example.com\nadmin_scope all",
	})
	refused = harness.Untrusted(t, g)
	refused["whose session is over"] = g.Token(harness.Session("over", "scope", "all"))
	refused["issued since, for the session that is over"] = g.Token(harness.Session("over", "jti", "later"))
	overByID = g.Token(harness.Session("goes on", "jti", "over"))
	refused["that was revoked by its id"] = overByID
	lone := g.Token(map[string]any{"sid": nil, "jti": "over"})
	harness.See(t, g, refused["whose session is over"], overByID, lone, g.Token(harness.Session("another")))
	answers.Invalidated.Check(t, harness.End(t, g, refused["whose session is over"]))
	answers.Invalidated.Check(t, harness.End(t, g, lone))
	return g, refused, overByID
}

// compareOverHTTP2 compares the answers to a GET and a DELETE over HTTP/2.
func compareOverHTTP2(t *testing.T, g *harness.Gate, refused map[string]string, reference string) {
	t.Helper()
	transport := &http.Transport{Protocols: new(http.Protocols)}
	transport.Protocols.SetUnencryptedHTTP2(true)
	defer transport.CloseIdleConnections()
	answer := func(method, path, token, body string) string {
		request, err := http.NewRequest(method, g.URL(path), strings.NewReader(body))
		if err != nil {
			t.Fatal(err)
		}
		harness.Bearer(token)(request)
		harness.Header("Content-Type", "application/json")(request)
		response, err := transport.RoundTrip(request)
		if err != nil {
			t.Fatal(err)
		}
		defer response.Body.Close()
		text, err := io.ReadAll(response.Body)
		if err != nil || response.ProtoMajor != 2 {
			t.Fatalf("%s over %s: %v", method, response.Proto, err)
		}
		response.Header.Del("Date")
		return fmt.Sprint(response.Status, response.Header, response.ContentLength, response.Trailer, string(text))
	}
	for _, c := range [][3]string{{"GET", "/"}, {"HEAD", "/"}, {"DELETE", harness.Endpoint, `{"session_id":"another"}`}, {"DELETE", harness.Endpoint, "{"}} {
		want := answer(c[0], c[1], reference, c[2])
		for kind, token := range refused {
			if got := answer(c[0], c[1], token, c[2]); got != want || !strings.HasPrefix(got, "401") {
				t.Errorf("HTTP/2 %s with a token %s is answered %s, a forged one %s", c[0], kind, got, want)
			}
		}
	}
}

// Attack: with a valid token, try ids to learn which sessions exist, and which were ended,
// also while the store is unreachable. The gate must not reveal what it knows then either.
func TestForeignSessionsAreAnsweredAlikeByteByByte(t *testing.T) {
	t.Parallel()
	redis := redistest.Start(t)
	g := harness.Start(t, harness.Config{Store: harness.RedisWith(redis, "")})
	caller, bobs, ended := g.Token(harness.Session("caller")), g.Token(harness.Session("bobs", "sub", "bob")), g.Token(harness.Session("ended", "sub", "bob"))
	harness.See(t, g, caller, bobs, ended)
	answers.Invalidated.Check(t, harness.End(t, g, ended))
	try := func(id string) string {
		return wire(t, g, fmt.Sprintf(deletion("application/json", `{"session_id":"`+id+`"}`), caller))
	}
	want := try("nobodys")
	for _, id := range []string{"bobs", "ended"} {
		if got := try(id); got != want || !strings.HasPrefix(got, "HTTP/1.1 404 ") {
			t.Errorf("%s is answered\n%q, an unknown one\n%q", id, got, want)
		}
	}
	// The gate has seen this session, and Redis does not know it yet.
	harness.CheckAdmitted(t, harness.Get(t, g, g.Token(harness.Session("waits", "sub", "bob"))))
	redis.Freeze()
	for _, id := range []string{"ended", "waits", "bobs", "nobodys"} {
		if got := try(id); !strings.HasPrefix(got, "HTTP/1.1 503 ") {
			t.Errorf("while Redis is frozen, %s is answered %q", id, got)
		}
	}
	redis.Thaw()
	harness.Recovers(t, g, bobs)
	harness.CheckAdmitted(t, harness.Get(t, g, caller))
}
