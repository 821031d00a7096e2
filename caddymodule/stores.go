package caddymodule

import (
	"log/slog"
	"time"

	"github.com/caddyserver/caddy/v2"

	"github.com/sessiongate/sessiongate/caddymodule/hub"
	"github.com/sessiongate/sessiongate/store"
	"github.com/sessiongate/sessiongate/store/boltstore"
	"github.com/sessiongate/sessiongate/store/memstore"
)

func init() {
	caddy.RegisterModule(BoltStore{})
	caddy.RegisterModule(MemoryStore{})
}

// StoreModule is what a module in the namespace session_gate.stores gives. It
// must touch nothing outside before Open.
type StoreModule interface {
	// PoolKey names the place where the store lives. Configurations with equal
	// keys share one open store, and so have to have one namespace.
	PoolKey() string
	// Shared reports whether other processes write to the store.
	Shared() bool
	// Namespace is what keys are derived in; gates that share it are a fleet.
	Namespace() string
	// Open opens the store. Where revocations may be lost, tokens with an `iat` up to
	// the present time plus leeway are refused. It does not wait for a network. An
	// error that wraps store.ErrDamaged leaves the gate running and closed.
	Open(logger *slog.Logger, leeway time.Duration) (store.Backend, error)
}

// defaultNamespace is the namespace of stores that have none of their own.
const defaultNamespace = "default"

// BoltStore keeps revocations in a file of this machine. One process can use it
// at a time.
type BoltStore struct {
	// Path of the file. Its folder is made if it is missing.
	// Default: session_gate/revocations.db in Caddy's data directory. A relative
	// path is relative to the working directory.
	Path string `json:"path,omitempty"`

	realPath string
}

// CaddyModule returns the Caddy module information.
func (BoltStore) CaddyModule() caddy.ModuleInfo {
	return caddy.ModuleInfo{
		ID:  "session_gate.stores.bolt",
		New: func() caddy.Module { return new(BoltStore) },
	}
}

// Provision resolves the path. It does not touch the file.
func (s *BoltStore) Provision(caddy.Context) error {
	if err := resolve("store bolt", &s.Path); err != nil {
		return err
	}
	if s.Path == "" {
		s.Path = defaultBoltPath()
	}
	var err error
	s.realPath, err = boltstore.RealPath(s.Path)
	return err
}

// PoolKey implements StoreModule. One file is opened once, whatever the other
// options say: bbolt would wait for itself.
func (s *BoltStore) PoolKey() string { return "bolt " + s.realPath }

// Shared implements StoreModule.
func (*BoltStore) Shared() bool { return false }

// Namespace implements StoreModule.
func (*BoltStore) Namespace() string { return defaultNamespace }

// Open implements StoreModule.
func (s *BoltStore) Open(logger *slog.Logger, leeway time.Duration) (store.Backend, error) {
	opened, err := boltstore.Open(boltstore.Options{Path: s.realPath, Leeway: leeway, Skew: hub.ClockSkew, Logger: logger})
	if err != nil {
		return nil, err
	}
	return opened, nil
}

// MemoryStore keeps revocations in memory. They are forgotten with the process:
// for tests and for trying the gate out.
type MemoryStore struct{}

// CaddyModule returns the Caddy module information.
func (MemoryStore) CaddyModule() caddy.ModuleInfo {
	return caddy.ModuleInfo{
		ID:  "session_gate.stores.memory",
		New: func() caddy.Module { return new(MemoryStore) },
	}
}

// PoolKey implements StoreModule.
func (*MemoryStore) PoolKey() string { return "memory" }

// Shared implements StoreModule.
func (*MemoryStore) Shared() bool { return false }

// Namespace implements StoreModule.
func (*MemoryStore) Namespace() string { return defaultNamespace }

// Open implements StoreModule.
func (*MemoryStore) Open(logger *slog.Logger, _ time.Duration) (store.Backend, error) {
	logger.Warn("revocations are kept in memory and forgotten with this process; use store bolt or store redis to keep them")
	return memstore.New(nil), nil
}

var (
	_ StoreModule       = (*BoltStore)(nil)
	_ caddy.Provisioner = (*BoltStore)(nil)
	_ StoreModule       = (*MemoryStore)(nil)
)
