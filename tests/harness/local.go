package harness

import (
	"bytes"
	"os"
	"sync"
	"testing"
	"time"
)

// log collects what a process writes. It is for concurrent use.
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

// Eventually waits until a condition holds, and fails the test if it does not
// within the limit.
func Eventually(tb testing.TB, limit time.Duration, what string, holds func() bool) {
	tb.Helper()
	if !poll(limit, nil, holds) {
		tb.Fatalf("not within %v: %s", limit, what)
	}
}

// poll asks until the condition holds, and reports false when the limit is
// reached or the channel is closed before.
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

// shortDir is a directory of the test whose name is short, for the path of a
// unix socket may have 107 bytes only and names of tests are sentences.
func shortDir(tb testing.TB) string {
	tb.Helper()
	dir, err := os.MkdirTemp("", "gate")
	if err != nil {
		tb.Fatal(err)
	}
	tb.Cleanup(func() { _ = os.RemoveAll(dir) })
	return dir
}
