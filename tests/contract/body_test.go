package contract

import (
	"fmt"
	"strings"
	"testing"

	"github.com/sessiongate/sessiongate/tests/answers"
	"github.com/sessiongate/sessiongate/tests/harness"
)

// nested returns an object that holds arrays, with this many levels in all.
func nested(levels int) string {
	return `{"x":` + strings.Repeat("[", levels-1) + strings.Repeat("]", levels-1) + `}`
}

// padded returns an object of exactly this size.
func padded(size int) string {
	const frame = `{"x":""}`
	return `{"x":"` + strings.Repeat("a", size-len(frame)) + `"}`
}

// refusedBodies are ambiguous: it is not certain which session they name.
//
// Attack: two readers read one body differently, so that the gate ends another session than
// the logs or the application show.
var refusedBodies = map[string]string{
	"no JSON":                   `session_id=phone`,
	"nothing but a blank":       ` `,
	"an array":                  `["phone"]`,
	"a string":                  `"phone"`,
	"null in an array":          `[null]`,
	"cut off":                   `{"session_id":"phone"`,
	"trailing data":             `{"session_id":"phone"} x`,
	"two objects":               `{"session_id":"phone"}{}`,
	"a byte order mark":         "\ufeff{}",
	"nested deeper than 32":     nested(33),
	"session_id twice":          `{"session_id":"phone","session_id":"phone"}`,
	"a case-twin":               `{"session_id":"phone","SESSION_ID":"laptop"}`,
	"a case-twin first":         `{"Session_Id":"laptop","session_id":"phone"}`,
	"a case-twin alone":         `{"SESSION_ID":"phone"}`,
	"an escaped case-twin":      `{"\u0053ession_id":"phone"}`,
	"a twin by U+017F":          `{"\u017fession_id":"phone"}`,
	"a number":                  `{"session_id":1234567890}`,
	"null beside it":            `{"session_id":null,"session_id":"phone"}`,
	"true":                      `{"session_id":true}`,
	"a list of sessions":        `{"session_id":["phone"]}`,
	"an object for it":          `{"session_id":{"id":"phone"}}`,
	"an empty one":              `{"session_id":""}`,
	"over 1 KiB":                `{"session_id":"` + strings.Repeat("s", 1025) + `"}`,
	"invalid UTF-8":             "{\"session_id\":\"phone\xff\"}",
	"invalid UTF-8 elsewhere":   "{\"x\":\"\xc3\x28\"}",
	"a lone surrogate":          `{"session_id":"phone\ud800"}`,
	"an escaped NUL":            `{"session_id":"phone\u0000"}`,
	"an escaped line feed":      `{"session_id":"phone\n"}`,
	"DEL":                       `{"session_id":"phone\u007f"}`,
	"a control character as is": "{\"session_id\":\"phone\x01\"}",
}

func TestBodyThatIsAmbiguousIsRefused(t *testing.T) {
	t.Parallel()
	harness.EachStore(t, func(t *testing.T, store string) {
		g := harness.Start(t, harness.Config{Store: store})
		laptop, phone := g.Token(harness.Session("laptop")), g.Token(harness.Session("phone"))
		harness.See(t, g, laptop, phone)
		for name, body := range refusedBodies {
			t.Run(name, func(t *testing.T) { answers.BadBody.Check(t, harness.End(t, g, laptop, body)) })
		}
		harness.CheckUnreached(t, g)
		harness.CheckAdmitted(t, harness.Get(t, g, phone))
		harness.CheckAdmitted(t, harness.Get(t, g, laptop))
	})
}

// Clients that always send a body write null if they have none.
func TestNullIsNoBody(t *testing.T) {
	t.Parallel()
	harness.EachStore(t, func(t *testing.T, store string) {
		g := harness.Start(t, harness.Config{Store: store})
		for name, body := range map[string]string{"plain": `null`, "with blanks": " null\n", "in an object": `{"session_id":null}`} {
			token := g.Token(harness.Session(name))
			answers.Invalidated.Check(t, harness.End(t, g, token, body))
			answers.BadToken.Check(t, harness.Get(t, g, token))
		}
	})
}

// Attack: make the gate store an endless body.
func TestBodyIsBounded(t *testing.T) {
	t.Parallel()
	harness.EachStore(t, func(t *testing.T, store string) {
		g := harness.Start(t, harness.Config{Store: store})
		laptop := g.Token(harness.Session("laptop"))
		harness.See(t, g, laptop)
		answers.TooLarge.Check(t, harness.End(t, g, laptop, padded(4097)))
		chunk := fmt.Sprintf("%x\r\n%s\r\n", 2048, strings.Repeat(" ", 2048))
		answers.TooLarge.Check(t, g.Raw(t, harness.Lines("DELETE "+harness.Endpoint+" HTTP/1.1", "Authorization: Bearer "+laptop,
			"Content-Type: application/json", "Transfer-Encoding: chunked")+chunk+chunk+"1\r\n \r\n0\r\n\r\n"))
		harness.CheckAdmitted(t, harness.Get(t, g, laptop))

		answers.Invalidated.Check(t, harness.End(t, g, laptop, padded(4096)))
		longest := strings.Repeat("s", 256)
		harness.See(t, g, g.Token(harness.Session(longest, "jti", nil)))
		answers.InvalidatedID(longest).Check(t, harness.End(t, g, g.Token(harness.Session("deep")), `{"session_id":"`+longest+`"}`))
		answers.Invalidated.Check(t, harness.End(t, g, g.Token(harness.Session("deep")), nested(32)))
	})
}

// Attack: a page of another site sends a form, whose Content-Types need no preflight. Or a
// proxy in between decodes a body to another one.
func TestBodyMustBeJSON(t *testing.T) {
	t.Parallel()
	harness.EachStore(t, func(t *testing.T, store string) {
		g := harness.Start(t, harness.Config{Store: store})
		laptop := g.Token(harness.Session("laptop"))
		harness.See(t, g, laptop)
		for _, contentType := range []string{
			"", "text/plain", "application/x-www-form-urlencoded", "multipart/form-data; boundary=x", "text/json",
			"application/jsonp", "application/problem+json", "application/json; charset=utf-16",
			"application/json; charset=utf-8; version=1", "application/json,text/plain", "application/json; x",
		} {
			t.Run("not "+contentType, func(t *testing.T) {
				answers.MediaType.Check(t, g.Send(t, "DELETE", harness.Endpoint, harness.Bearer(laptop), harness.Body(contentType, `{}`)))
			})
		}
		t.Run("with a Content-Encoding", func(t *testing.T) {
			answers.MediaType.Check(t, g.Send(t, "DELETE", harness.Endpoint, harness.Bearer(laptop), harness.JSON(`{}`),
				harness.Header("Content-Encoding", "gzip")))
		})
		t.Run("with two Content-Types", func(t *testing.T) {
			answers.MediaType.Check(t, g.Send(t, "DELETE", harness.Endpoint, harness.Bearer(laptop), harness.JSON(`{}`),
				harness.Header("Content-Type", "text/plain")))
		})
		harness.CheckUnreached(t, g)
		harness.CheckAdmitted(t, harness.Get(t, g, laptop))
	})
}
