package caddymodule

import (
	"bytes"
	"log/slog"
	"strings"
	"testing"
)

// Fault: after a reload with another log file, "the store does not answer" is written to
// the closed old file.
func TestLogsAfterAReloadGoToTheNewestLogger(t *testing.T) {
	var before, after bytes.Buffer
	written := func(to *bytes.Buffer, level slog.Level) *slog.Logger {
		return slog.New(slog.NewTextHandler(to, &slog.HandlerOptions{Level: level}))
	}
	h := newHandover(written(&before, slog.LevelInfo))
	logger := slog.New(h).With("store", "redis").WithGroup("at")
	logger.Info("first", "seq", 1)
	h.to(written(&after, slog.LevelError))
	logger.Info("too quiet", "seq", 2)
	logger.Error("second", "seq", 3)

	for name, test := range map[string]struct {
		log  *bytes.Buffer
		want string
	}{
		"before": {&before, "msg=first store=redis at.seq=1\n"},
		"after":  {&after, "msg=second store=redis at.seq=3\n"},
	} {
		if got := test.log.String(); strings.Count(got, "\n") != 1 || !strings.HasSuffix(got, test.want) {
			t.Errorf("%s the reload was logged %q, want one line with %q", name, got, test.want)
		}
	}
}

// Fault: a configuration was rejected after it started, and the lines of the one that goes on are
// written to the closed file of the other.
func TestLogsAfterARejectedReloadGoToTheOldLogger(t *testing.T) {
	var first, second, rejected bytes.Buffer
	loggers := map[*bytes.Buffer]*slog.Logger{}
	for _, to := range []*bytes.Buffer{&first, &second, &rejected} {
		loggers[to] = slog.New(slog.NewTextHandler(to, nil))
	}
	h := newHandover(loggers[&first])
	h.to(loggers[&first])
	h.to(loggers[&second])
	h.leave(loggers[&first]) // a reload
	h.to(loggers[&rejected])
	h.leave(loggers[&rejected])
	slog.New(h).Info("goes on")
	h.leave(loggers[&second])
	slog.New(h).Info("ends")
	if n := strings.Count(second.String(), "\n"); n != 2 || first.Len()+rejected.Len() > 0 {
		t.Errorf("the log of the second has %d lines, want both, and %q and %q elsewhere", n, &first, &rejected)
	}
}
