package caddymodule

import (
	"errors"
	"log/slog"
	"time"

	"github.com/caddyserver/caddy/v2"

	"github.com/sessiongate/sessiongate/caddymodule/hub"
	"github.com/sessiongate/sessiongate/caddymodule/metrics"
	"github.com/sessiongate/sessiongate/caddymodule/operator"
	"github.com/sessiongate/sessiongate/caddymodule/stores"
	"github.com/sessiongate/sessiongate/caddymodule/token"
)

// Hub implements operator.App.
func (a *App) Hub() *hub.Hub { return a.hub }

// Verifier implements operator.App.
func (a *App) Verifier() *token.Verifier { return a.verifier }

// Settings implements operator.App.
func (a *App) Settings() operator.Settings {
	s := operator.Settings{
		Version: version(), Logger: a.logger, Bootstrap: a.Bootstrap,
		MaxTokenLifetime: time.Duration(a.MaxTokenLifetime), Lease: time.Duration(a.Lease),
		Store: operator.Store{Kind: caddy.GetModuleName(a.module), Namespace: a.namespace, Place: a.module.PoolKey(), Shared: a.module.Shared()},
	}
	if a.Leeway != nil {
		s.Leeway = time.Duration(*a.Leeway)
	}
	s.Requests = func() (admitted, badTokens uint64) {
		admitted, badTokens = judged()
		return admitted - a.admitted, badTokens - a.badTokens
	}
	if bolt, ok := a.module.(*stores.Bolt); ok {
		s.Store.File = bolt.File()
	}
	if placed, ok := a.module.(stores.Addressed); ok {
		s.Store.Address = placed.Address()
	}
	for i, issuer := range a.Issuer {
		s.Issuers = append(s.Issuers, issuer.Issuer)
		if i < len(a.sources) {
			s.Keys = append(s.Keys, operator.IssuerKeys{Issuer: issuer.Issuer, Source: a.sources[i], Optional: issuer.KeysOptional})
		}
	}
	return s
}

// judged returns how many requests this process has admitted, and how many it has refused because
// their token was invalid or expired.
func judged() (admitted, badTokens uint64) {
	return counts.Requests(metrics.Admitted), counts.Requests(metrics.Invalid) + counts.Requests(metrics.Expired)
}

// ProvisionStore implements operator.Standalone.
func (a *App) ProvisionStore(ctx caddy.Context, logger *slog.Logger) error {
	a.ctx, a.logger = ctx, logger
	if err := a.resolve(); err != nil {
		return err
	}
	a.setDefaults()
	if err := errors.Join(a.check(), a.loadStore(ctx)); err != nil {
		return err
	}
	a.Acknowledge = "fleet"
	return nil
}

var _ operator.Standalone = (*App)(nil)
