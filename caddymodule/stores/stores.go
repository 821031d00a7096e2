// Package stores holds the Caddy modules that configure where revocations are kept:
// session_gate.stores.bolt, session_gate.stores.redis and session_gate.stores.memory.
//
// A module reads its configuration, checks it, and opens a store from the packages below
// store. It decides nothing about revocations: a replica reads the store, and keeps it in
// step with the fleet. Importing this package registers the modules.
package stores

import (
	"log/slog"
	"time"

	"github.com/sessiongate/sessiongate/store"
)

// DefaultNamespace is the namespace of a store whose configuration names none.
const DefaultNamespace = "default"

// Module is a module in the namespace session_gate.stores. Other authors may write one. The
// app calls its methods after Provision. Provision must do no I/O: it opens no file of the
// store, and no socket.
type Module interface {
	// PoolKey identifies the place of the store. Configurations with equal keys share
	// one open store.
	PoolKey() string
	// Shared reports whether other processes write to the store.
	Shared() bool
	// Namespace is the namespace from which keys are derived. Gates with the same store
	// and namespace are a fleet.
	Namespace() string
	// Open opens the store. The logger also receives later events of the store. If
	// revocations may be lost, the store refuses tokens with an `iat` up to the present
	// time plus leeway. Open does not wait for a network. After an error that wraps
	// store.ErrDamaged, the gate runs and answers 503. After any other error it does not
	// start. The caller closes the store.
	Open(logger *slog.Logger, leeway time.Duration) (store.Backend, error)
}

// Addressed is a Module that can say where its store is.
type Addressed interface {
	// Address says where the store is, for people: hosts and ports, or a path. It holds no
	// user and no password.
	Address() string
}
