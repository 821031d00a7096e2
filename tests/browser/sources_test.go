package browser

import (
	"fmt"
	"net/http"
	"slices"
	"strings"
	"testing"

	"github.com/sessiongate/sessiongate/tests/answers"
	"github.com/sessiongate/sessiongate/tests/harness"
)

// A page can set no header of a WebSocket or of an EventSource, so it sends the token as a
// subprotocol, or in the address. A browser closes a WebSocket to a server that chooses none
// of the subprotocols that it offered, and the upstream here never chooses one.
func TestAPageOpensStreamsWithATokenOfItsOwn(t *testing.T) {
	t.Parallel()
	page := newSite(t)
	g := harness.Start(t, harness.Config{
		Gate: "token header Authorization\ntoken query access_token\ntoken websocket_protocol bearer\ncors " + page.URL,
	})
	offered := make(chan string, 8)
	g.Upstream.Handle("/frames", func(w http.ResponseWriter, r *http.Request) {
		offered <- strings.Join(r.Header["Sec-Websocket-Protocol"], "|")
		echoFrames(w, r)
	})
	g.Upstream.Handle("/events", func(w http.ResponseWriter, r *http.Request) {
		offered <- r.RequestURI
		w.Header().Set("Content-Type", "text/event-stream")
		w.Header().Set("Access-Control-Allow-Origin", page.URL)
		fmt.Fprint(w, "data: hello\n\n")
	})
	token := g.Token(harness.Session("a page"))
	page.script(fmt.Sprintf(`
const url = %q, token = %q;
for (const before of [[], ["graphql-transport-ws", "v2"]]) {
	const socket = new WebSocket(url, [...before, "bearer", token]);
	const closed = new Promise(resolve => { socket.onclose = event => resolve(event.code); });
	console.log(await new Promise(resolve => {
		socket.onmessage = event => resolve(socket.protocol + " " + event.data);
		socket.onerror = () => resolve("refused");
		socket.onopen = () => socket.send("hello");
	}));
	socket.close(1000);
	await closed;
}
const events = new EventSource(%q + token);
console.log(await new Promise((resolve, reject) => { events.onmessage = event => resolve(event.data); events.onerror = reject; }));
events.close();
// A page reads why it is refused.
const response = await fetch(%q, {headers: {Authorization: "Bearer x"}}).catch(() => "unreadable");
console.log(response.status, await response.text());`, "ws://"+g.Addr()+"/frames", token, g.URL("/events?x=1&access_token="), g.URL("/public")))
	g.Upstream.Handle("/public", func(w http.ResponseWriter, _ *http.Request) { // the preflight of the page
		w.Header().Set("Access-Control-Allow-Origin", page.URL)
		w.Header().Set("Access-Control-Allow-Headers", "Authorization")
	})
	got := page.browse(t, page.URL)
	want := []string{"bearer hello", "graphql-transport-ws hello", "hello", "401 " + answers.BadToken.Body}
	if got.Error != "" || !slices.Equal(got.Printed, want) {
		t.Errorf("page reports %+v, want %q printed", got, want)
	}
	for _, want := range []string{"", "graphql-transport-ws, v2", "/events?x=1"} {
		if seen := <-offered; seen != want {
			t.Errorf("the upstream saw %q, want %q", seen, want)
		}
	}
}
