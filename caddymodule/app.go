package caddymodule

import (
	"encoding/json"
	"errors"
	"log/slog"
	"time"

	"github.com/caddyserver/caddy/v2"

	"github.com/sessiongate/sessiongate/caddymodule/config"
	"github.com/sessiongate/sessiongate/caddymodule/hub"
	"github.com/sessiongate/sessiongate/caddymodule/stores"
	"github.com/sessiongate/sessiongate/caddymodule/token"
	"github.com/sessiongate/sessiongate/store"
	"github.com/sessiongate/sessiongate/store/replica"
)

func init() {
	caddy.RegisterModule(new(App))
}

// App is what all gates of a process share: the issuers whose tokens they
// accept, the store where revocations are kept, and the replica that decides.
//
// Until the first full sync with the store, and whenever the set cannot be
// proved fresh, gates answer 503. A configuration that is loaded anew takes over
// the store, the replica and the key sets of the one before.
type App struct {
	// Issuer lists the issuers whose tokens are accepted. Required: at least one.
	Issuer []*Issuer `json:"issuer,omitempty"`

	// StoreRaw is where revocations are kept.
	// Default: `{"store": "bolt"}`, a file on this machine.
	StoreRaw json.RawMessage `json:"store,omitempty" caddy:"namespace=session_gate.stores inline_key=store"`

	// MaxTokenLifetime is the longest `exp` - `iat` that is accepted, because a
	// token must not outlive its revocation. Default: 24h.
	MaxTokenLifetime caddy.Duration `json:"max_token_lifetime,omitempty"`

	// Retention is how long revocations are kept (eleven minutes are added for
	// leeway and clock skew; the longest retention of the fleet counts), and how long sessions are remembered. At least
	// max_token_lifetime, and at least the lifetime of refresh tokens where
	// those pass the gate. Default: 24h, or max_token_lifetime if that is longer.
	Retention caddy.Duration `json:"retention,omitempty"`

	// Leeway is how far `exp`, `nbf` and `iat` may be off. Default: 30s. At most 5m.
	Leeway *caddy.Duration `json:"leeway,omitempty"`

	// Lease is for how long after a heartbeat to a shared store a gate may admit.
	// All gates of a fleet have the same: that of the first one counts, and the
	// others log a warning. Default: 3s. 200ms to 5m.
	Lease caddy.Duration `json:"lease,omitempty"`

	// Acknowledge says what the 200 of a DELETE waits for. With `fleet`, every gate
	// says that it has the revocation, which takes milliseconds. With `lease`, no gate
	// says so: a DELETE takes a lease, however many gates there are. Either way no gate
	// admits the session after the 200. If some gates of a fleet have `lease`, a DELETE
	// takes a lease at all of them. With `store`, the 200 waits for the store alone, and
	// the other gates follow within a lease. Default: fleet.
	Acknowledge string `json:"acknowledge,omitempty"`

	// OnStoreFailure says what happens when the lease has expired and the store
	// still does not answer: `deny` answers 503, `allow` goes on with the last good set for
	// MaxStaleness. Default: deny.
	OnStoreFailure string `json:"on_store_failure,omitempty"`

	// MaxStaleness is for how long after the store last answered `allow` goes on.
	// Required with it, at least the lease, and refused without it.
	MaxStaleness caddy.Duration `json:"max_staleness,omitempty"`

	// Bootstrap says who opens a shared store that may have lost revocations, if
	// no gate can confirm its contents: `auto`, after two leases and with what
	// the gates hold, or `manual`, by the command `caddy session-gate bootstrap`
	// only. A store that was never used counts as such. Default: auto.
	Bootstrap string `json:"bootstrap,omitempty"`

	// Readiness says when /readyz is 200: `lenient`, after the first full sync,
	// or `strict`, only while requests are admitted. Default: lenient.
	Readiness string `json:"readiness,omitempty"`

	// TokenCache bounds the cache of verified tokens, in bytes.
	// Default: 67108864 (64 MiB). At least 1 MiB.
	TokenCache int64 `json:"token_cache,omitempty"`

	// ctx is what the app was provisioned with: the origin of its events.
	ctx       caddy.Context
	logger    *slog.Logger
	module    stores.Module
	namespace string
	verifier  *token.Verifier
	keys      []*pooledKeys
	hub       *hub.Hub   // that of pooled, and in tests another
	pooled    *pooledHub // nil in tests that provision no store
	poolKey   string
}

// CaddyModule returns the Caddy module information. Subscribers of an event may ask
// its origin for it while that is cleaned up, so it does not copy the app.
func (*App) CaddyModule() caddy.ModuleInfo {
	return caddy.ModuleInfo{
		ID:  "session_gate",
		New: func() caddy.Module { return new(App) },
	}
}

// Provision sets defaults, resolves placeholders, and reads key and secret
// files. It opens no socket and no file of the store.
//
// Invariant 11: I/O starts in Start.
func (a *App) Provision(ctx caddy.Context) error {
	return a.provision(ctx, ctx.Slogger())
}

// provision is Provision with a logger, which all that the app starts gets as well.
func (a *App) provision(ctx caddy.Context, logger *slog.Logger) error {
	a.ctx, a.logger = ctx, logger
	if err := a.resolve(); err != nil {
		return err
	}
	a.setDefaults()
	if err := a.check(); err != nil {
		return err
	}
	if err := a.loadStore(ctx); err != nil {
		return err
	}
	issuers, err := a.issuers()
	if err != nil {
		return err
	}
	a.verifier, err = token.NewVerifier(token.Options{
		Namespace:        a.namespace,
		Issuers:          issuers,
		Leeway:           time.Duration(*a.Leeway),
		MaxTokenLifetime: time.Duration(a.MaxTokenLifetime),
		CacheBytes:       a.TokenCache,
		Logger:           a.logger,
	})
	return err
}

// resolve replaces the placeholders of the app's own fields.
func (a *App) resolve() error {
	return config.Resolve("session_gate", &a.Acknowledge, &a.OnStoreFailure, &a.Bootstrap, &a.Readiness)
}

func (a *App) issuers() ([]token.IssuerOptions, error) {
	issuers := make([]token.IssuerOptions, 0, len(a.Issuer))
	for _, issuer := range a.Issuer {
		options, pooled, err := issuer.options(a.logger)
		if pooled != nil {
			a.keys = append(a.keys, pooled)
		}
		if err != nil {
			return nil, err
		}
		issuers = append(issuers, options)
	}
	return issuers, nil
}

// Start opens the store and begins to load key sets. It does not wait for a
// shared store or for an issuer: until they answer, gates answer 503. It fails
// if the store cannot be had at all, as when another process holds it.
func (a *App) Start() error {
	a.logger.Info("session gate starting", "version", version())
	for _, pooled := range a.keys {
		pooled.start(a.logger)
	}
	return a.pooled.start(a.module, a.replicaOptions(), a.logger)
}

// Stop does nothing: requests of this configuration may still be running, and
// what they need is freed by Cleanup.
func (a *App) Stop() error { return nil }

// Cleanup gives back what Provision took. The store is closed with the last
// configuration that uses it.
//
// Requests of this configuration may still be running. The verifier works
// on without its cache, and a store that was closed under them is Unavailable:
// so the fields that they read stay as they are.
func (a *App) Cleanup() error {
	var errs []error
	if a.verifier != nil {
		a.verifier.Close()
	}
	for _, pooled := range a.keys {
		errs = append(errs, pooled.release())
	}
	a.keys = nil
	if a.poolKey != "" {
		_, err := hubPool.Delete(a.poolKey)
		errs = append(errs, err)
		a.poolKey = ""
	}
	return errors.Join(errs...)
}

// replicaOptions are the settings of this configuration for its store.
func (a *App) replicaOptions() replica.Options {
	o := replica.Options{
		Retention: time.Duration(a.Retention), Margin: hub.Margin,
		Leeway: time.Duration(*a.Leeway), Skew: store.ClockSkew,
	}
	if !a.module.Shared() {
		return o
	}
	o.Lease = time.Duration(a.Lease)
	o.MaxStaleness = time.Duration(a.MaxStaleness)
	o.Manual, o.Relogin = a.Bootstrap == "manual", a.Bootstrap == "relogin"
	switch a.Acknowledge {
	case "lease":
		o.Acknowledge = replica.AcknowledgeLease
	case "store":
		o.Acknowledge = replica.AcknowledgeStore
	}
	return o
}

var (
	_ caddy.App          = (*App)(nil)
	_ caddy.Provisioner  = (*App)(nil)
	_ caddy.CleanerUpper = (*App)(nil)
)
