package keys_test

import (
	"encoding/base64"
	"encoding/json"
	"errors"
	"io"
	"log/slog"
	"runtime"
	"strings"
	"testing"

	"github.com/sessiongate/sessiongate/caddymodule/keys"
	"github.com/sessiongate/sessiongate/caddymodule/token/tokentest"
)

// signed returns a signature of the key, with the key's `kid`.
func signed(t testing.TB, key *tokentest.Key) keys.Signature {
	t.Helper()
	const input = "eyJhIjoxfQ.e30"
	return keys.Signature{Algorithm: key.Algorithm, KeyID: key.ID, Input: input, Value: key.Sign(t, input)}
}

// withKeyID returns the same signature with another `kid`.
func withKeyID(s keys.Signature, id string) keys.Signature {
	s.KeyID = id
	return s
}

// mustVerify fails the test unless the signature is accepted.
func mustVerify(t testing.TB, source keys.Source, s keys.Signature) {
	t.Helper()
	if err := source.Verify(s); err != nil {
		t.Fatalf("refused: %v", err)
	}
}

// mustRefuse fails the test unless the signature is refused with the right error.
func mustRefuse(t testing.TB, source keys.Source, s keys.Signature, want error) {
	t.Helper()
	if err := source.Verify(s); !errors.Is(err, want) {
		t.Errorf("error %v, want %v", err, want)
	}
}

// accepted is a signature that a source has verified, as a cache keeps it.
type accepted struct {
	keys.Signature
	source keys.Source
	epoch  uint64
}

func accept(t testing.TB, source keys.Source, s keys.Signature) accepted {
	t.Helper()
	epoch := source.Epoch()
	mustVerify(t, source, s)
	return accepted{s, source, epoch}
}

// holds reports whether a cache may continue without asking the source again.
func (a accepted) holds() bool { return a.source.Epoch() == a.epoch }

// mustEnd fails the test unless a cache has to ask again, and is refused.
func mustEnd(t testing.TB, a accepted, want error) {
	t.Helper()
	if a.holds() {
		t.Error("a cache keeps a signature that the source refuses")
	}
	mustRefuse(t, a.source, a.Signature, want)
}

// wantError fails the test unless the text of err holds text.
func wantError(t *testing.T, err error, text string) {
	t.Helper()
	if err == nil || !strings.Contains(err.Error(), text) {
		t.Errorf("error %v, want one with %q", err, text)
	}
}

func b64(b []byte) string { return base64.RawURLEncoding.EncodeToString(b) }

func marshalled(value any) string {
	text, err := json.Marshal(value)
	if err != nil {
		panic(err)
	}
	return string(text)
}

// heap returns how much of the heap is in use, in bytes.
func heap() int64 {
	runtime.GC()
	runtime.GC()
	var stats runtime.MemStats
	runtime.ReadMemStats(&stats)
	return int64(stats.HeapAlloc)
}

// heapPeak returns how much heap the process has taken from the system so far, in bytes.
func heapPeak() int64 {
	var stats runtime.MemStats
	runtime.ReadMemStats(&stats)
	return int64(stats.HeapSys)
}

// textLogger returns a logger that writes lines of text.
func textLogger(to io.Writer) *slog.Logger { return slog.New(slog.NewTextHandler(to, nil)) }
