package streams

import (
	"fmt"
	"net/http"
	"testing"

	"github.com/sessiongate/sessiongate/tests/answers"
	"github.com/sessiongate/sessiongate/tests/harness"
	"github.com/sessiongate/sessiongate/tests/running"
)

// Ten thousand streams over each protocol, cut by the gate or closed by the client, must
// not leak.
func TestTenThousandStreamsLeaveNothing(t *testing.T) {
	const rounds, each, tolerance = 50, 200, 25
	g := harness.Start(t, harness.Config{
		TLS: true, Routes: "session_gate\nreverse_proxy {$UPSTREAM} {\ntransport http {\nkeepalive off\n}\n}",
	})
	begun, told := running.Serve(g.Upstream)
	clients := []*http.Client{g.Client(t, harness.HTTP1), g.Client(t, harness.HTTP2), g.Client(t, harness.HTTP3)}
	round := func(number int) {
		token := g.Token(harness.Session(fmt.Sprint("round ", number)))
		var streams []*running.Request
		for i := range each {
			streams = append(streams, running.Start(t, clients[i%3], g.TLSURL("/silent"), "", token, begun))
		}
		if number%2 == 0 {
			answers.Invalidated.Check(t, harness.End(t, g, token))
		} else {
			for _, s := range streams {
				s.Cancel()
			}
		}
		for _, s := range streams {
			<-s.Ended
			running.Receive(t, told)
		}
	}
	round(0)
	round(1)
	before := g.Use(t)
	for number := 2; number < rounds+2; number++ {
		round(number)
	}
	harness.Eventually(t, harness.SettleLimit, "goroutines and files are what they were", func() bool {
		now := g.Use(t)
		return now.Goroutines <= before.Goroutines+tolerance && now.Files <= before.Files+tolerance
	})
	t.Logf("%d streams; %+v before, %+v after", rounds*each, before, g.Use(t))
}
