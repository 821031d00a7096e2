package caddymodule

import (
	"context"
	"log/slog"
	"sync/atomic"
)

// handover is a slog.Handler for parts that live longer than one configuration. It passes
// each record to the logger of the newest configuration, whose files are open. It is safe
// for concurrent use.
type handover struct {
	newest *atomic.Pointer[slog.Logger]
	// with adds attributes and groups to the newest handler.
	with func(slog.Handler) slog.Handler
}

func newHandover(logger *slog.Logger) *handover {
	h := &handover{new(atomic.Pointer[slog.Logger]), func(to slog.Handler) slog.Handler { return to }}
	h.newest.Store(logger)
	return h
}

// to makes logger the newest.
func (h *handover) to(logger *slog.Logger) { h.newest.Store(logger) }

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
	return &handover{h.newest, func(to slog.Handler) slog.Handler { return h.with(to).WithAttrs(attrs) }}
}

// WithGroup implements slog.Handler.
func (h *handover) WithGroup(name string) slog.Handler {
	return &handover{h.newest, func(to slog.Handler) slog.Handler { return h.with(to).WithGroup(name) }}
}

var _ slog.Handler = (*handover)(nil)
