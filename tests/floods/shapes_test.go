package floods

import (
	"encoding/base64"
	"fmt"
	"strings"
	"sync"
	"testing"

	"github.com/sessiongate/sessiongate/tests/harness"
)

// largest is how many decoded bytes one part of a token may hold.
const largest = 5900

// encoded returns one part of a token.
func encoded(text string) string { return base64.RawURLEncoding.EncodeToString([]byte(text)) }

// crowded returns an object with these members and as many others as fit into a token.
func crowded(members string) string {
	var object strings.Builder
	object.WriteString("{" + members)
	for i := 0; object.Len() < largest; i++ {
		fmt.Fprintf(&object, `,"%x":0`, i)
	}
	return object.String() + "}"
}

// shape is a request of the largest size that Caddy accepts, and its answer.
type shape struct {
	request string
	status  int
}

// swollenShapes are requests that expand when they are read.
func swollenShapes(owner string) map[string]shape {
	const header = 15_800 // Caddy's default for max_header_bytes is 16 KiB
	get, del := "GET / HTTP/1.1", "DELETE "+harness.Endpoint+" HTTP/1.1"
	bearer := func(token string) string { return "Authorization: Bearer " + token }
	forged := func(header, payload string) string {
		return bearer(encoded(header) + "." + encoded(payload) + "." + encoded(strings.Repeat("x", 32)))
	}
	var fields []string
	for i := range header / len("X-1000: \r\n") {
		fields = append(fields, fmt.Sprintf("X-%d: ", i))
	}
	brackets := strings.Repeat("[", 4096)
	return map[string]shape{
		"8 KiB of dots":         {harness.Lines(get, bearer(strings.Repeat(".", 8<<10))), 401},
		"a header of brackets":  {harness.Lines(get, forged(strings.Repeat("[", largest), `{}`)), 401},
		"a payload of brackets": {harness.Lines(get, forged(`{"alg":"HS256"}`, `{"iss":`+strings.Repeat("[", largest))), 401},
		"a header of members":   {harness.Lines(get, forged(crowded(`"alg":"HS256"`), `{}`)), 401},
		"a payload of members":  {harness.Lines(get, forged(`{"alg":"HS256"}`, crowded(`"iss":"x"`))), 401},
		"an endless number":     {harness.Lines(get, forged(`{"alg":"HS256"}`, `{"exp":`+strings.Repeat("9", largest)+`}`)), 401},
		"a large field":         {harness.Lines(get, "X-Filler: "+strings.Repeat("x", header)), 401},
		"too large a field":     {harness.Lines(get, "X-Filler: "+strings.Repeat("x", 2*header)), 431},
		"thousands of fields":   {harness.Lines(get, fields...), 401},
		"many credentials":      {harness.Lines(get, strings.Split(strings.Repeat("Authorization: Bearer x\n", 600), "\n")[:600]...), 400},
		"7,000 cookies":         {harness.Lines(get, "Cookie: "+strings.Repeat("a;", 7000)), 401},
		"3,000 cookies of ours": {harness.Lines(get, "Cookie: "+strings.Repeat("at=;", 3000)), 400},
		"7,000 options":         {harness.Lines(get, "Connection: "+strings.Repeat("x,", 7000)), 401},
		"options of ours":       {harness.Lines(get, "Connection: "+strings.Repeat("x_user,", 2000)), 401},
		"a path of escapes":     {harness.Lines("DELETE /%" + strings.Repeat("25", header/2) + "41 HTTP/1.1"), 401},
		"a path of slashes":     {harness.Lines("DELETE " + strings.Repeat("/", header) + "v1/auth/session HTTP/1.1"), 400},
		"a path of dots":        {harness.Lines("DELETE " + strings.Repeat("/..", header/3-6) + harness.Endpoint + " HTTP/1.1"), 400},
		"a body of brackets": {harness.Lines(del, bearer(owner), "Content-Type: application/json",
			fmt.Sprint("Content-Length: ", len(brackets))) + brackets, 400},
	}
}

// Attack: requests that cost much more than they send: brackets for a stack, members for a
// map, nested escapes, thousands of fields and cookies. Each kind is sent a hundred times,
// eight at a time. Each gets the right answer, the memory peaks less than 64 MiB higher,
// and nothing is left (invariant 12).
func TestFloodOfSwollenRequestsIsBounded(t *testing.T) {
	const times, parallel = 100, 8
	g := harness.Start(t, harness.Config{
		Gate: "token header Authorization\ntoken cookie at\npublic /healthz /assets/*\nidentity {\nX-User sub\n}",
	})
	owner := g.Token(harness.Session("of the swollen"))
	harness.See(t, g, owner)
	before, use := g.Peak(t), g.Use(t)
	for name, shape := range swollenShapes(owner) {
		t.Run(name, func(t *testing.T) {
			var wait sync.WaitGroup
			for range parallel {
				wait.Go(func() {
					for range times / parallel {
						got, err := g.TryRaw(shape.request)
						if err != nil || got.Status != shape.status {
							t.Errorf("answered %d %s, want %d, error %v", got.Status, got.Body, shape.status, err)
							return
						}
					}
				})
			}
			wait.Wait()
		})
	}
	harness.CheckUnreached(t, g)
	grown := g.Peak(t) - before
	t.Logf("%d KiB more at the peak", grown>>10)
	if grown > floodMemory {
		t.Errorf("the memory peaked %d bytes higher, want %d at the most", grown, floodMemory)
	}
	harness.CheckAdmitted(t, harness.Get(t, g, owner))
	harness.Settled(t, g, use, 0, func() int { return 0 })
}
