package hub

import (
	"encoding/binary"
	"testing"
	"time"

	"github.com/sessiongate/sessiongate/store"
)

func numbered(n int) (k store.Key) {
	binary.BigEndian.PutUint64(k[:], uint64(n)+1)
	return k
}

func endedAt(second int64, session store.Key) []store.Revocation {
	return []store.Revocation{{
		Kind: store.KindSession, Key: session, Expires: 1 << 31, Origin: store.Origin{Source: store.SourceEndpoint, Made: second},
	}}
}

// Attack: end sessions without end, to fill the memory of every gate (invariant 12).
func TestTheTimesOfEndedSessionsAreBounded(t *testing.T) {
	const now, many = 1_800_000_000, 5 * maxEnded
	var e ended
	for i := range many {
		e.Applied(endedAt(now, numbered(i)))
		if held := len(e.recent) + len(e.older); held > 2*maxEnded {
			t.Fatalf("%d sessions are held, want %d at most", held, 2*maxEnded)
		}
	}
	for i := many - maxEnded; i < many; i++ {
		if got := e.at(numbered(i)); got != now {
			t.Fatalf("session %d of %d ended at %d, want %d", i, many, got, now)
		}
	}
}

func TestWhenASessionEnded(t *testing.T) {
	now, session := time.Now().Unix(), numbered(1)
	for name, c := range map[string]struct {
		revoked []store.Revocation
		want    int64
	}{
		"never":              {nil, 0},
		"once":               {endedAt(now-5, session), now - 5},
		"twice":              {append(endedAt(now-5, session), endedAt(now-2, session)...), now - 5},
		"out of order":       {append(endedAt(now-2, session), endedAt(now-5, session)...), now - 5},
		"another one":        {endedAt(now-5, numbered(2)), 0},
		"long ago":           {endedAt(now-24*3600-1, session), 0},
		"at an unknown time": {endedAt(0, session), 0},
	} {
		var e ended
		if e.Applied(c.revoked); e.at(session) != c.want {
			t.Errorf("%s: ended at %d, want %d", name, e.at(session), c.want)
		}
	}
}
