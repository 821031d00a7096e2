package caddymodule

import (
	"encoding/json"
	"errors"
	"log/slog"
	"time"

	"github.com/caddyserver/caddy/v2"

	"github.com/sessiongate/sessiongate/caddymodule/token"
	"github.com/sessiongate/sessiongate/store"
	"github.com/sessiongate/sessiongate/store/replica"
)

func init() {
	caddy.RegisterModule(new(App))
}

const (
	// clockSkew is how far the clocks of gates may be apart for a revocation to be
	// kept long enough.
	clockSkew = time.Minute
	// maxLeeway is the longest leeway that a gate may have.
	maxLeeway = 5 * time.Minute
	// retentionMargin is for how much longer than the retention a revocation is kept.
	retentionMargin = 2*maxLeeway + clockSkew
)

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

	// OnStoreFailure says what happens when the lease is over and the store is
	// still away: `deny` answers 503, `allow` goes on with the last good set for
	// MaxStaleness. Default: deny.
	OnStoreFailure string `json:"on_store_failure,omitempty"`

	// MaxStaleness is for how long after the store last answered `allow` goes on.
	// Required with it, at least the lease, and refused without it.
	MaxStaleness caddy.Duration `json:"max_staleness,omitempty"`

	// Bootstrap says who opens a shared store that may have lost revocations, if
	// no gate can vouch for what it held: `auto`, after two leases and with what
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
	module    StoreModule
	namespace string
	verifier  *token.Verifier
	keys      []*pooledKeys
	shared    *shared
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
	a.ctx = ctx
	if a.logger == nil {
		a.logger = ctx.Slogger()
	}
	if err := resolve("session_gate", &a.Acknowledge, &a.OnStoreFailure, &a.Bootstrap, &a.Readiness); err != nil {
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
	return a.shared.start(a.module, a.sharedOptions())
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
		_, err := sharedPool.Delete(a.poolKey)
		errs = append(errs, err)
		a.poolKey = ""
	}
	return errors.Join(errs...)
}

func (a *App) sharedOptions() sharedOptions {
	o := sharedOptions{
		retention: time.Duration(a.Retention),
		logger:    a.logger,
		replica: replica.Options{
			Retention: time.Duration(a.Retention), Margin: retentionMargin,
			Leeway: time.Duration(*a.Leeway), Skew: clockSkew,
		},
	}
	if a.module.Shared() {
		o.replica.Lease = time.Duration(a.Lease)
		o.replica.MaxStaleness = time.Duration(a.MaxStaleness)
		o.replica.Manual, o.replica.Relogin = a.Bootstrap == "manual", a.Bootstrap == "relogin"
		switch a.Acknowledge {
		case "lease":
			o.replica.Acknowledge = replica.AcknowledgeLease
		case "store":
			o.replica.Acknowledge = replica.AcknowledgeStore
		}
	}
	return o
}

// expires is the second until which a revocation made now is kept.
//
// Invariant 4: longer than any token that it names can be accepted, at
// any gate of the fleet. The leeway counts twice: a token may be issued that much
// ahead of our clock, and is accepted for that long after its end. It is the
// longest that there is, because another gate may have more than this one.
func (a *App) expires(now time.Time) int64 {
	retention := time.Duration(a.Retention)
	if l := a.shared.live.Load(); l != nil {
		retention = l.replica.Retention()
	}
	end, step := now.Add(retention+retentionMargin).Unix(), int64(roundTo(retention)/time.Second)
	return end - end%step + step
}

// roundTo is what expiries are rounded up to: a 64th of the retention, at least a
// minute and at most an hour. Revoking again within that time moves no expiry, so
// that the log takes a bounded number of entries for one logout, however often it is
// repeated.
func roundTo(retention time.Duration) time.Duration {
	return min(max(retention/64, time.Minute), time.Hour)
}

// key names something of an issuer in the namespace of the store.
func (a *App) key(kind store.Kind, issuer, value string) store.Key {
	return store.NewKey(a.namespace, kind, issuer, value)
}

var (
	_ caddy.App          = (*App)(nil)
	_ caddy.Provisioner  = (*App)(nil)
	_ caddy.CleanerUpper = (*App)(nil)
)
