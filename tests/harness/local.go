package harness

import (
	"bytes"
	"os"
	"sync"
	"testing"
	"time"
)

// log collects the output of a process. It may be used concurrently.
type log struct {
	mu   sync.Mutex
	text bytes.Buffer
}

// Write implements io.Writer.
func (l *log) Write(p []byte) (int, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.text.Write(p)
}

func (l *log) String() string {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.text.String()
}

// Eventually waits until a condition holds, and fails the test if it does not hold within
// the limit.
func Eventually(tb testing.TB, limit time.Duration, what string, holds func() bool) {
	tb.Helper()
	if !poll(limit, nil, holds) {
		tb.Fatalf("not within %v: %s", limit, what)
	}
}

// poll polls until the condition holds. It reports false if the limit is reached or the
// channel is closed first.
func poll(limit time.Duration, over <-chan struct{}, holds func() bool) bool {
	tick := time.NewTicker(10 * time.Millisecond)
	defer tick.Stop()
	late := time.After(limit)
	for !holds() {
		select {
		case <-tick.C:
		case <-over:
			return false
		case <-late:
			return false
		}
	}
	return true
}

// shortDir returns a directory of the test with a short name. The path of a unix socket is
// limited to 107 bytes, and names of tests are sentences.
func shortDir(tb testing.TB) string {
	tb.Helper()
	dir, err := os.MkdirTemp("", "gate")
	if err != nil {
		tb.Fatal(err)
	}
	tb.Cleanup(func() { _ = os.RemoveAll(dir) })
	return dir
}
