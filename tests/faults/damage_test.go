package faults

import (
	"bytes"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/sessiongate/sessiongate/tests/answers"
	"github.com/sessiongate/sessiongate/tests/harness"
)

// soundStore is a store with a revoked session that no gate has open.
type soundStore struct {
	gate    *harness.Gate // it has created the store, and has ended
	revoked string        // a token
	path    string        // of the database; path + ".init" is the marker
	content []byte
}

func makeSoundStore(t *testing.T) *soundStore {
	t.Helper()
	g := harness.Start(t, harness.Config{Store: "store bolt {$GATE_DIR}/revocations.db"})
	s := &soundStore{gate: g, revoked: g.Token(harness.Session("revoked")), path: filepath.Join(g.Dir(), "revocations.db")}
	answers.Invalidated.Check(t, harness.End(t, g, s.revoked))
	g.Stop()
	var err error
	if s.content, err = os.ReadFile(s.path); err != nil {
		t.Fatal(err)
	}
	return s
}

// start starts a gate on the store.
func (s *soundStore) start(t *testing.T, unready bool) *harness.Gate {
	t.Helper()
	return harness.Start(t, harness.Config{
		Key: s.gate.Key, Store: "store bolt " + s.path, Gate: "public /healthz", Unready: unready,
	})
}

// startWith starts a gate on the store with one more line in its global block.
func (s *soundStore) startWith(t *testing.T, app string) *harness.Gate {
	t.Helper()
	return harness.Start(t, harness.Config{Key: s.gate.Key, Store: "store bolt " + s.path, App: app})
}

func (s *soundStore) write(t *testing.T, content []byte) {
	t.Helper()
	if err := os.WriteFile(s.path, content, 0o600); err != nil {
		t.Fatal(err)
	}
}

// Attack, and fault: the file of the store is emptied, truncated, overwritten or deleted,
// and the gate restarted. The gate must not read the rest as a store without revocations.
func TestDamagedFileIsNeverAnEmptyStore(t *testing.T) {
	t.Parallel()
	const page = 4096
	s := makeSoundStore(t)
	for name, damage := range map[string]struct {
		make func(content []byte) []byte // nil deletes the file
		says string
	}{
		"emptied":                {func([]byte) []byte { return []byte{} }, "is damaged"},
		"garbage":                {func(c []byte) []byte { return bytes.Repeat([]byte("garbage "), len(c)/8) }, "is damaged"},
		"first meta page zeroed": {func(c []byte) []byte { return zeroed(c, 0, page) }, "is damaged"},
		"other meta page zeroed": {func(c []byte) []byte { return zeroed(c, page, page) }, "is damaged"},
		"both meta pages zeroed": {func(c []byte) []byte { return zeroed(c, 0, 2*page) }, "is damaged"},
		"cut off":                {func(c []byte) []byte { return c[:len(c)/2] }, "is damaged"},
		"cut within a page":      {func(c []byte) []byte { return c[:2*page+page/2] }, "is damaged"},
		"deleted":                {nil, "it was created once and is gone"},
	} {
		t.Run(name, func(t *testing.T) {
			if damage.make == nil {
				if err := os.Remove(s.path); err != nil {
					t.Fatal(err)
				}
			} else {
				s.write(t, damage.make(bytes.Clone(s.content)))
			}
			g := s.start(t, true)
			for probe, want := range map[string]int{"/livez": 200, "/startupz": 503, "/readyz": 503} {
				if got := g.Probe(probe); got != want {
					t.Errorf("%s is %d, want %d", probe, got, want)
				}
			}
			checkClosed(t, g, g.Token(harness.Session("live")))
			answers.Unavailable.Check(t, harness.Get(t, g, s.revoked))
			for _, text := range []string{s.path, damage.says, "repair --file", "--yes", "--restored", "from a backup", "log in again"} {
				if !strings.Contains(g.Logs(), text) {
					t.Errorf("the log does not say %q", text)
				}
			}
			// A new configuration does not accept the file either.
			harness.Load(t, g, harness.Config{Store: "store bolt " + s.path, App: "leeway 20s", Gate: "public /healthz", Unready: true})
			answers.Unavailable.Check(t, harness.Get(t, g, s.revoked))
			g.Stop()

			s.write(t, s.content)
			restored := s.start(t, false)
			answers.BadToken.Check(t, harness.Get(t, restored, s.revoked))
			harness.CheckAdmitted(t, harness.Get(t, restored, restored.Token(harness.Session("live"))))
			restored.Stop()
		})
	}
}

// zeroed overwrites a part by zeroes.
func zeroed(content []byte, from, length int) []byte {
	clear(content[from : from+length])
	return content
}
