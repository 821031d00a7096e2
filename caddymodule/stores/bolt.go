package stores

import (
	"log/slog"
	"path/filepath"
	"time"

	"github.com/caddyserver/caddy/v2"

	"github.com/sessiongate/sessiongate/caddymodule/config"
	"github.com/sessiongate/sessiongate/store"
	"github.com/sessiongate/sessiongate/store/boltstore"
)

func init() {
	caddy.RegisterModule(Bolt{})
}

// Bolt keeps revocations in a file of this machine. One process can use it at a
// time.
type Bolt struct {
	// Path is the path of the file. A missing folder is created. A relative path is
	// relative to the working directory. Default: session_gate/revocations.db in Caddy's
	// data directory.
	Path string `json:"path,omitempty"`

	file string
}

// CaddyModule returns the Caddy module information.
func (Bolt) CaddyModule() caddy.ModuleInfo {
	return caddy.ModuleInfo{
		ID:  "session_gate.stores.bolt",
		New: func() caddy.Module { return new(Bolt) },
	}
}

// Provision resolves the path. It does not touch the file.
func (s *Bolt) Provision(caddy.Context) error {
	if err := config.Resolve("store bolt", &s.Path); err != nil {
		return err
	}
	config.SetDefault(&s.Path, DefaultPath())
	var err error
	s.file, err = boltstore.RealPath(s.Path)
	return err
}

// DefaultPath is the path of a bolt store whose configuration names none.
func DefaultPath() string {
	return filepath.Join(caddy.AppDataDir(), "session_gate", "revocations.db")
}

// File returns the absolute path of the file, with symbolic links resolved. It is empty
// before Provision.
func (s *Bolt) File() string { return s.file }

// Address implements Addressed.
func (s *Bolt) Address() string { return s.file }

// PoolKey implements Module. It is the same for all options of one file. If
// bbolt opened a file twice, the second open would wait for the first.
func (s *Bolt) PoolKey() string { return "bolt " + s.file }

// Shared implements Module.
func (*Bolt) Shared() bool { return false }

// Namespace implements Module.
func (*Bolt) Namespace() string { return DefaultNamespace }

// Open implements Module.
func (s *Bolt) Open(logger *slog.Logger, leeway time.Duration) (store.Backend, error) {
	opened, err := boltstore.Open(boltstore.Options{Path: s.file, Leeway: leeway, Skew: store.ClockSkew, Logger: logger})
	if err != nil {
		return nil, err
	}
	return opened, nil
}

var (
	_ Module            = (*Bolt)(nil)
	_ Addressed         = (*Bolt)(nil)
	_ caddy.Provisioner = (*Bolt)(nil)
)
