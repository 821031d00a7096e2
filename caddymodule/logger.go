package caddymodule

import (
	"context"
	"log/slog"
	"slices"
	"sync"
	"sync/atomic"
)

// handover is a slog.Handler for parts that live longer than one configuration. It passes
// each record to the logger of the newest configuration, whose files are open. It is safe
// for concurrent use.
type handover struct {
	*loggers
	// with adds attributes and groups to the newest handler.
	with func(slog.Handler) slog.Handler
}

// loggers are those of the configurations that were started and not cleaned up.
type loggers struct {
	newest atomic.Pointer[slog.Logger]
	mu     sync.Mutex
	all    []*slog.Logger // the newest is last
}

func newHandover(logger *slog.Logger) *handover {
	h := &handover{new(loggers), func(to slog.Handler) slog.Handler { return to }}
	h.newest.Store(logger)
	return h
}

// to makes logger the newest.
func (l *loggers) to(logger *slog.Logger) {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.all = append(l.all, logger)
	l.newest.Store(logger)
}

// leave forgets a logger. If it was the newest, the one before it is the newest again: its
// configuration goes on, because the newer one was rejected. The last logger stays.
func (l *loggers) leave(logger *slog.Logger) {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.all = slices.DeleteFunc(l.all, func(one *slog.Logger) bool { return one == logger })
	if n := len(l.all); n > 0 {
		l.newest.Store(l.all[n-1])
	}
}

func (h *handover) handler() slog.Handler { return h.with(h.newest.Load().Handler()) }

// Enabled implements slog.Handler.
func (h *handover) Enabled(ctx context.Context, level slog.Level) bool {
	return h.newest.Load().Enabled(ctx, level)
}

// Handle implements slog.Handler.
func (h *handover) Handle(ctx context.Context, record slog.Record) error {
	return h.handler().Handle(ctx, record)
}

// WithAttrs implements slog.Handler.
func (h *handover) WithAttrs(attrs []slog.Attr) slog.Handler {
	return &handover{h.loggers, func(to slog.Handler) slog.Handler { return h.with(to).WithAttrs(attrs) }}
}

// WithGroup implements slog.Handler.
func (h *handover) WithGroup(name string) slog.Handler {
	return &handover{h.loggers, func(to slog.Handler) slog.Handler { return h.with(to).WithGroup(name) }}
}

var _ slog.Handler = (*handover)(nil)
