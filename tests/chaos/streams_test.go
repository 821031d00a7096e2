package chaos

import (
	"io"
	"net/http"
	"sync"
	"testing"
	"time"

	"github.com/sessiongate/sessiongate/store/redisstore/redistest"
	"github.com/sessiongate/sessiongate/tests/harness"
)

// cutLimit is how long a gate that knows all revocations may take to cut, with the time
// that busy cores add.
const cutLimit = time.Second + Slack

// Attack: keep streams open while the store, the network or a gate fails, and the session
// is ended meanwhile. After the fault, when the end is confirmed, every gate cuts the
// remaining streams within a second. A stream of a live session is never cut.
func TestStreamsUnderFaults(t *testing.T) {
	t.Parallel()
	f := StartFleet(t, 3, Logged())
	f.Gates[0].Config.Upstream.Handle("/events", harness.Events(100*time.Millisecond))
	outage := func(begin, end func(*redistest.Server)) func() (heal func()) {
		return func() func() {
			begin(f.Redis)
			return func() { end(f.Redis) }
		}
	}
	for name, fault := range map[string]func() (heal func()){
		"no fault":                     func() func() { return func() {} },
		"Redis frozen":                 outage((*redistest.Server).Freeze, (*redistest.Server).Thaw),
		"Redis killed, and back empty": outage((*redistest.Server).Stop, func(s *redistest.Server) { s.Restart(); s.Do("FLUSHALL") }),
		"a gate cut off": func() func() {
			f.Gates[2].Link.Hold(ToGate, ToRedis)
			return f.Gates[2].Link.Release
		},
		"a gate frozen": func() func() {
			f.Gates[1].Freeze()
			return f.Gates[1].Thaw
		},
	} {
		t.Run(name, func(t *testing.T) { streamsUnder(t, f, fault) })
	}
}

func streamsUnder(t *testing.T, f *Fleet, fault func() (heal func())) {
	const sessions = 12
	f.Recovers(t, unwitnessed)
	var ends, stays []*stream
	var ending []Session
	for range sessions {
		over, live := f.NewSession(), f.NewSession()
		ending = append(ending, over)
		for gate := range f.Gates {
			ends, stays = append(ends, f.open(t, gate, over)), append(stays, f.open(t, gate, live))
		}
	}
	heal := fault()
	var calls sync.WaitGroup
	for i, s := range ending {
		calls.Go(func() { over(t, f, i%2*2, s) }) // at gates that answer, sooner or later
	}
	lasts(Lease * 3 / 2)
	heal()
	calls.Wait()
	late := time.After(Lease + cutLimit)
	for _, s := range ends {
		select {
		case <-s.ended:
		case <-late:
			t.Fatalf("gate %d continues a stream of an ended session", s.gate)
		}
	}
	for _, s := range stays {
		select {
		case err := <-s.ended:
			t.Fatalf("gate %d cut a stream of a live session: %v", s.gate, err)
		default:
		}
		s.close()
		<-s.ended
	}
}

// stream is a stream that a client reads.
type stream struct {
	gate  int
	close func()
	ended chan error // receives the error at its end
}

// open opens an endless stream, and returns when it has begun.
func (f *Fleet) open(t *testing.T, gate int, session Session) *stream {
	t.Helper()
	request, err := http.NewRequestWithContext(t.Context(), http.MethodGet, f.Gates[gate].URL("/events"), nil)
	if err != nil {
		t.Fatal(err)
	}
	harness.Bearer(session.Token)(request)
	response, err := streaming.Do(request)
	if err != nil {
		t.Fatalf("opening a stream: %v", err)
	}
	if response.StatusCode != http.StatusOK {
		t.Fatalf("opening a stream: gate %d answered %d", gate, response.StatusCode)
	}
	s := &stream{gate: gate, close: func() { _ = response.Body.Close() }, ended: make(chan error, 1)}
	go func() {
		_, err := io.Copy(io.Discard, response.Body)
		s.ended <- err
	}()
	return s
}

// streaming has no time limit, and a new connection for each request.
var streaming = &http.Client{Transport: &http.Transport{DisableKeepAlives: true}}
