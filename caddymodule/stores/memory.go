package stores

import (
	"log/slog"
	"time"

	"github.com/caddyserver/caddy/v2"

	"github.com/sessiongate/sessiongate/store"
	"github.com/sessiongate/sessiongate/store/memstore"
)

func init() {
	caddy.RegisterModule(Memory{})
}

// Memory keeps revocations in memory. They are lost when the process ends. Use it only for
// tests, and for trying the gate out.
type Memory struct{}

// CaddyModule returns the Caddy module information.
func (Memory) CaddyModule() caddy.ModuleInfo {
	return caddy.ModuleInfo{
		ID:  "session_gate.stores.memory",
		New: func() caddy.Module { return new(Memory) },
	}
}

// PoolKey implements Module.
func (*Memory) PoolKey() string { return "memory" }

// Shared implements Module.
func (*Memory) Shared() bool { return false }

// Namespace implements Module.
func (*Memory) Namespace() string { return DefaultNamespace }

// Open implements Module.
func (*Memory) Open(logger *slog.Logger, _ time.Duration) (store.Backend, error) {
	logger.Warn("revocations are kept in memory and forgotten with this process; use store bolt or store redis to keep them")
	return memstore.New(nil), nil
}

var _ Module = (*Memory)(nil)
