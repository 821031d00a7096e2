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

// Attack: log out in one tab, and continue to read in another. A browser's WebSocket learns
// why it ends. Its EventSource reconnects, is refused, and gives up.
func TestStreamsOfABrowserEndWithTheSession(t *testing.T) {
	t.Parallel()
	page := newSite(t)
	origin := page.at("127.0.0.1", "")
	g := harness.Start(t, harness.Config{Gate: cookieGate + "cors " + origin})
	g.Upstream.Handle("/frames", echoFrames)
	g.Upstream.Handle("/tab", func(w http.ResponseWriter, r *http.Request) {
		w.Header().Set("Content-Type", "text/event-stream")
		w.Header().Set("Access-Control-Allow-Origin", origin)
		w.Header().Set("Access-Control-Allow-Credentials", "true")
		fmt.Fprint(w, "data: hello\n\n")
		w.(http.Flusher).Flush()
		<-r.Context().Done()
	})
	page.script(fmt.Sprintf(`
const socket = new WebSocket(%q), events = new EventSource(%q, {withCredentials: true});
const first = stream => new Promise((resolve, reject) => {
	stream.onmessage = resolve;
	stream.onerror = () => reject("a stream did not begin");
});
socket.onopen = () => socket.send("hello");
await Promise.all([first(socket), first(events)]);
const closed = new Promise(resolve => { socket.onclose = event => resolve(event.code + " " + event.wasClean); });
const ended = new Promise(resolve => {
	events.onerror = () => { if (events.readyState === EventSource.CLOSED) resolve("closed"); };
});`, "ws://"+g.Addr()+"/frames", g.URL("/tab")) + logout(g) + `
console.log(await closed);
console.log(await ended);`)
	got := page.visit(t, "127.0.0.1", g.Token(harness.Session("two tabs")))
	want := []string{"200 " + strings.TrimSpace(answers.Invalidated.Body), "1008 true", "closed"}
	if got.Error != "" || !slices.Equal(got.Printed, want) {
		t.Errorf("page reports %+v, want %q printed", got, want)
	}
}

// echoFrames answers with a WebSocket (RFC 6455), which sends back short messages.
func echoFrames(w http.ResponseWriter, r *http.Request) {
	connection, buffered, ok := harness.AcceptWebSocket(w, r)
	if !ok {
		return
	}
	defer connection.Close()
	for harness.EchoFrame(buffered) {
	}
}
