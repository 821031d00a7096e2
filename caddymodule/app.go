package caddymodule

import (
	"encoding/json"
	"errors"
	"log/slog"
	"sync/atomic"
	"time"

	"github.com/caddyserver/caddy/v2"

	"github.com/sessiongate/sessiongate/caddymodule/config"
	"github.com/sessiongate/sessiongate/caddymodule/hub"
	"github.com/sessiongate/sessiongate/caddymodule/keys"
	"github.com/sessiongate/sessiongate/caddymodule/refusals"
	"github.com/sessiongate/sessiongate/caddymodule/stores"
	"github.com/sessiongate/sessiongate/caddymodule/token"
	"github.com/sessiongate/sessiongate/store"
	"github.com/sessiongate/sessiongate/store/replica"
)

func init() {
	caddy.RegisterModule(new(App))
}

// App holds what all gates of a process share: the issuers whose tokens they accept, the
// store that keeps the revocations, and the replica that decides about requests.
//
// Gates answer 503 until the first full sync with the store, and whenever they cannot prove
// that their set of revocations is fresh. After a reload the new configuration takes over
// the store, the replica and the key sets of the previous one.
type App struct {
	// Issuer lists the issuers whose tokens are accepted. Required: at least one.
	Issuer []*Issuer `json:"issuer,omitempty"`

	// StoreRaw is the store that keeps the revocations. Default: `{"store": "bolt"}`, a
	// file on this machine.
	StoreRaw json.RawMessage `json:"store,omitempty" caddy:"namespace=session_gate.stores inline_key=store"`

	// MaxTokenLifetime is the longest accepted `exp` - `iat`. A token must not outlive its
	// revocation. Sessions that were seen are remembered for as long, after they were seen
	// last. Default: 24h.
	MaxTokenLifetime caddy.Duration `json:"max_token_lifetime,omitempty"`

	// MaxTokenSize bounds the text of access tokens and logout tokens, in bytes. Longer ones
	// are refused. Above 12 KiB, requests with cookies and other fields reach the limit of
	// Caddy, so raise max_header_size in the options of the servers as well.
	// Default: 8192 (8 KiB). 1 KiB to 64 KiB.
	MaxTokenSize int64 `json:"max_token_size,omitempty"`

	// Retention is how long revocations and learned refresh tokens are kept. Eleven minutes
	// are added for leeway and clock skew. In a fleet the longest retention counts. It must
	// be at least max_token_lifetime. It should be at least the longest life of a session at
	// the issuer, and of its refresh tokens, wherever they are used: a revoked session whose
	// revocation was forgotten comes back with its next refresh. Default: 30d, or
	// max_token_lifetime if that is longer.
	Retention caddy.Duration `json:"retention,omitempty"`

	// Leeway is how far `exp`, `nbf` and `iat` may be off. Default: 30s. At most 5m.
	Leeway *caddy.Duration `json:"leeway,omitempty"`

	// Lease is how long a gate may admit requests after a heartbeat to a shared store. All
	// gates of a fleet use the lease of the first gate; a gate with another lease logs a
	// warning. Default: 3s. 200ms to 5m.
	Lease caddy.Duration `json:"lease,omitempty"`

	// Acknowledge is what the 200 of a DELETE waits for. With `fleet`, every gate confirms
	// the revocation, which takes milliseconds. With `lease`, gates do not confirm: a
	// DELETE takes one lease, however many gates there are. With both, no gate admits the
	// session after the 200. If some gates of a fleet have `lease`, a DELETE takes a lease
	// at all gates. With `store`, the 200 waits for the store only, and the other gates
	// follow within a lease. Default: fleet.
	Acknowledge string `json:"acknowledge,omitempty"`

	// OnStoreFailure is what the gate does when the lease has expired and the store still
	// does not answer. `deny` answers 503. `allow` continues with the last confirmed set
	// for MaxStaleness. Default: deny.
	OnStoreFailure string `json:"on_store_failure,omitempty"`

	// MaxStaleness is how long `allow` continues after the last answer of the store, at
	// least the lease. Required with `allow`, and refused otherwise.
	MaxStaleness caddy.Duration `json:"max_staleness,omitempty"`

	// Bootstrap is who opens a shared store that may have lost revocations, if no gate can
	// confirm its contents. With `auto`, the gates open it after two leases, with the
	// revocations that they hold. With `manual`, only the command `caddy session-gate
	// bootstrap` opens it. With `relogin`, the gates open it as with `auto`, and refuse all
	// earlier tokens. A store that was never used counts as such a store. Default: auto.
	Bootstrap string `json:"bootstrap,omitempty"`

	// Readiness is when /readyz answers 200. `lenient`: after the first full sync.
	// `strict`: only while the gate admits requests, and has keys of every issuer without
	// keys_optional. Default: lenient.
	Readiness string `json:"readiness,omitempty"`

	// Notify is a receiver that is told of every revocation by this gate, such as a SIEM.
	// Default: none.
	Notify *Notify `json:"notify,omitempty"`

	// LogRefusals is which refused requests the gate logs at level info, each with the reason
	// and the rule that it breaks. `sampled` writes one line a second at most for each reason
	// and issuer, with the number of those that it left out. `all` writes a line for each, and
	// `off` none. Default: sampled.
	LogRefusals string `json:"log_refusals,omitempty"`

	// LogSubject lets the gate's own log lines name users, by the subject of their tokens, as
	// `user_id`, and the messages of notify as `subject`. Caddy's access log names them in any
	// case. Default: false.
	LogSubject bool `json:"log_subject,omitempty"`

	// TokenCache is the size limit of the cache of verified tokens, in bytes.
	// Default: 67108864 (64 MiB). At least 1 MiB.
	TokenCache int64 `json:"token_cache,omitempty"`

	// ctx is the context of Provision: the origin of the app's events.
	ctx       caddy.Context
	logger    *slog.Logger
	module    stores.Module
	namespace string
	verifier  *token.Verifier
	refusals  *refusals.Log
	keys      []*pooledKeys
	sources   []keys.Source // of the issuers, in their order
	hub       *hub.Hub      // the hub of pooled; tests set another one
	pooled    *pooledHub    // nil in tests that provision no store
	poolKey   string
	gates     int // the gates of the configuration
	// admitted and badTokens are what judged returned when this configuration started.
	admitted, badTokens uint64
	traced              *atomic.Bool // the handler tracing is in the configuration
}

// CaddyModule returns the Caddy module information. It does not copy the app: subscribers
// of an event may call it on the event's origin during Cleanup.
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

// provision is Provision with a logger. Everything that the app starts uses this logger.
func (a *App) provision(ctx caddy.Context, logger *slog.Logger) error {
	a.ctx, a.logger, a.traced = ctx, logger, new(atomic.Bool)
	if err := a.resolve(); err != nil {
		return err
	}
	a.setDefaults()
	if err := errors.Join(a.check(), a.Notify.check()); err != nil {
		return err
	}
	if err := a.loadStore(ctx); err != nil {
		return err
	}
	issuers, err := a.issuers()
	if err != nil {
		return err
	}
	a.warnOfSecrets()
	a.verifier, err = token.NewVerifier(token.Options{
		Namespace:        a.namespace,
		Issuers:          issuers,
		Leeway:           time.Duration(*a.Leeway),
		MaxTokenLifetime: time.Duration(a.MaxTokenLifetime),
		MaxTokenSize:     int(a.MaxTokenSize),
		CacheBytes:       a.TokenCache,
		Logger:           a.logger,
		Counters:         &counts.Tokens,
	})
	a.refusals = a.newRefusals()
	if err != nil {
		return err
	}
	return a.register(ctx, issuers)
}

// newRefusals returns the log of refused requests, which all gates of the app share.
func (a *App) newRefusals() *refusals.Log {
	o := refusals.Options{Mode: refusals.Mode(a.LogRefusals), Subjects: a.LogSubject, Logger: a.logger}
	for _, issuer := range a.Issuer {
		o.Issuers = append(o.Issuers, issuer.Issuer)
	}
	return refusals.New(o)
}

// resolve replaces the placeholders of the app's own fields.
func (a *App) resolve() error {
	if err := a.Notify.resolve(); err != nil {
		return err
	}
	return config.Resolve("session_gate", &a.Acknowledge, &a.OnStoreFailure, &a.Bootstrap, &a.Readiness, &a.LogRefusals)
}

func (a *App) issuers() ([]token.IssuerOptions, error) {
	issuers := make([]token.IssuerOptions, 0, len(a.Issuer))
	for _, issuer := range a.Issuer {
		options, pooled, err := issuer.options(a.logger)
		a.keys = append(a.keys, pooled...)
		if err != nil {
			return nil, err
		}
		issuers = append(issuers, options)
		a.sources = append(a.sources, options.Keys)
	}
	return issuers, nil
}

// Start opens the store and begins to load key sets. It does not wait for a shared store or
// for an issuer: until they answer, gates answer 503. It fails if the store cannot be
// opened at all, for example because another process holds the file.
func (a *App) Start() error {
	a.logger.Info("session gate starting", "version", version())
	a.admitted, a.badTokens = judged()
	a.warnOfUnguarded()
	a.findTracing()
	for _, pooled := range a.keys {
		pooled.start(a.logger)
	}
	return a.pooled.start(a)
}

// Stop does nothing: requests of this configuration may still be running. Cleanup frees
// what they use.
func (a *App) Stop() error { return nil }

// Cleanup releases what Provision acquired. The store is closed with the last configuration
// that uses it.
//
// Requests of this configuration may still be running, so Cleanup leaves the fields that
// they read. The verifier continues without its cache. A closed store reports Unavailable.
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
		left := a.pooled.leave(a)
		_, err := hubPool.Delete(a.poolKey)
		errs = append(errs, left, err)
		a.poolKey = ""
	}
	return errors.Join(errs...)
}

// hubSettings are the settings of this configuration for its store.
func (a *App) hubSettings() hub.Settings {
	leeway := time.Duration(*a.Leeway)
	o := hub.Settings{
		Options: replica.Options{
			Retention: time.Duration(a.Retention), Margin: hub.Margin,
			Leeway: leeway, Skew: store.ClockSkew,
		},
		// Also a token counts whose issuer's clock is ahead, until the leeway after its end.
		SessionLife: time.Duration(a.MaxTokenLifetime) + 2*leeway,
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
