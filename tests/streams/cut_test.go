package streams

import (
	"fmt"
	"net/http"
	"sync"
	"testing"
	"time"

	"github.com/sessiongate/sessiongate/store/redisstore/redistest"
	"github.com/sessiongate/sessiongate/tests/answers"
	"github.com/sessiongate/sessiongate/tests/harness"
	"github.com/sessiongate/sessiongate/tests/running"
)

// Attack: a client that was logged out continues in a request that was admitted before. It
// reads events, downloads, uploads, or waits for an answer. Each request is cut on every
// gate, and its upstream connection ends.
func TestARevokedSessionsRequestsAreCut(t *testing.T) {
	t.Parallel()
	store := harness.Redis(redistest.Address(t))
	a := harness.Start(t, harness.Config{Store: store, TLS: true})
	b := harness.Start(t, harness.Config{Store: store, Key: a.Key, Upstream: a.Upstream, TLS: true})
	begun, told := running.Serve(a.Upstream)
	harness.EachProtocol(t, func(t *testing.T, protocol harness.Protocol) {
		clients := []*http.Client{a.Client(t, protocol), b.Client(t, protocol)}
		for _, path := range []string{"/events", "/silent", "/poll", "/download", "/upload"} {
			t.Run(path[1:], func(t *testing.T) {
				name := string(protocol) + path
				leaves, stays := a.Token(harness.Session(name)), a.Token(harness.Session(name+" of another"))
				var cut []*running.Request
				for i, client := range clients {
					cut = append(cut, running.Start(t, client, []*harness.Gate{a, b}[i].TLSURL(path), name, leaves, begun))
				}
				other := running.Start(t, clients[1], b.TLSURL("/events"), name+" of another", stays, begun)
				answers.Invalidated.Check(t, harness.End(t, a, leaves))
				since := time.Now()
				for _, s := range cut {
					s.IsCut(t, since)
				}
				for range cut {
					if id := running.Receive(t, told); id != name {
						t.Errorf("the upstream saw the end of %q", id)
					}
				}
				other.GoesOn(t)
				other.Cancel()
				running.Receive(t, told)
			})
		}
	})
}

// Several hundred streams on two gates. Every second one is cut, all at once.
func TestHundredsOfStreamsAreCut(t *testing.T) {
	const sessions, each = 60, 5
	a, b := harness.StartPair(t)
	begun, told := running.Serve(a.Upstream)
	client := &http.Client{Transport: &http.Transport{DisableKeepAlives: true}}
	streams := make([][]*running.Request, sessions)
	tokens := make([]string, sessions)
	for i := range sessions {
		tokens[i] = a.Token(harness.Session(fmt.Sprint("session ", i)))
		for j := range 2 * each {
			g := []*harness.Gate{a, b}[j%2]
			streams[i] = append(streams[i], running.Start(t, client, g.URL("/events"), "", tokens[i], begun))
		}
	}
	var ends sync.WaitGroup
	var mu sync.Mutex
	var slowest time.Duration
	for i := 0; i < sessions; i += 2 {
		ends.Go(func() {
			answers.Invalidated.Check(t, harness.End(t, []*harness.Gate{a, b}[i/2%2], tokens[i]))
			since := time.Now()
			for _, s := range streams[i] {
				took := s.IsCut(t, since)
				mu.Lock()
				slowest = max(slowest, took)
				mu.Unlock()
			}
		})
	}
	ends.Wait()
	t.Logf("%d streams were cut, the last of a session %v after its 200", sessions*each, slowest)
	for i := 1; i < sessions; i += 2 {
		for _, s := range streams[i] {
			s.GoesOn(t)
			s.Cancel()
		}
	}
	for range sessions * 2 * each {
		running.Receive(t, told)
	}
}
