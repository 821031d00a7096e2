package tests

import (
	"fmt"
	"net/http"
	"testing"

	"github.com/sessiongate/sessiongate/tests/harness"
)

// Ten thousand streams come and go, cut by the gate or left by the client, over
// each protocol, and leave nothing behind.
func TestTenThousandStreamsLeaveNothing(t *testing.T) {
	const rounds, each, tolerance = 50, 200, 25
	g := harness.Start(t, harness.Config{
		TLS: true, Routes: "session_gate\nreverse_proxy {$UPSTREAM} {\ntransport http {\nkeepalive off\n}\n}",
	})
	begun, told := serveRunning(g.Upstream)
	clients := []*http.Client{g.Client(t, harness.HTTP1), g.Client(t, harness.HTTP2), g.Client(t, harness.HTTP3)}
	round := func(number int) {
		token := g.Token(session(fmt.Sprint("round ", number)))
		var streams []*running
		for i := range each {
			streams = append(streams, start(t, clients[i%3], g.TLSURL("/silent"), "", token, begun))
		}
		if number%2 == 0 {
			invalidated.check(t, end(t, g, token))
		} else {
			for _, s := range streams {
				s.cancel()
			}
		}
		for _, s := range streams {
			<-s.ended
			receive(t, told)
		}
	}
	round(0)
	round(1)
	before := g.Use(t)
	for number := 2; number < rounds+2; number++ {
		round(number)
	}
	harness.Eventually(t, settleLimit, "goroutines and files are what they were", func() bool {
		now := g.Use(t)
		return now.Goroutines <= before.Goroutines+tolerance && now.Files <= before.Files+tolerance
	})
	t.Logf("%d streams; %+v before, %+v after", rounds*each, before, g.Use(t))
}
