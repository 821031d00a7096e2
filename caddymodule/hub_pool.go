package caddymodule

import (
	"fmt"
	"log/slog"

	"github.com/caddyserver/caddy/v2"

	"github.com/sessiongate/sessiongate/caddymodule/hub"
	"github.com/sessiongate/sessiongate/caddymodule/stores"
	"github.com/sessiongate/sessiongate/store"
)

// hubPool keeps one hub for each store of the process. After a reload, the new
// configuration finds the revocations in memory and the file open.
var hubPool = caddy.NewUsagePool()

// pooledHub is a hub with its logger and events, shared by all configurations that use its
// store. Provision of the first configuration creates it without any I/O. Start of the
// first configuration opens it.
type pooledHub struct {
	*hub.Hub
	namespace string
	log       *handover
	events    *events
}

func newPooledHub(namespace string, logger *slog.Logger) *pooledHub {
	p := &pooledHub{namespace: namespace, log: newHandover(logger)}
	newest := slog.New(p.log)
	p.events = newEvents(newest, runningApp)
	p.events.notify = newNotifier(newest, func() store.GateID { return p.Status().Gate })
	p.Hub = hub.New(hub.Options{Namespace: namespace, Logger: newest, Events: p.events, Trace: traceRevocation, Counters: &counts.Hub})
	return p
}

// start opens the store. If the store is already open, start gives it the settings of the
// newest configuration.
func (p *pooledHub) start(module stores.Module, o hub.Settings, logger *slog.Logger) error {
	p.log.to(logger)
	p.events.start()
	return p.Open(o, func(logger *slog.Logger) (store.Backend, error) { return module.Open(logger, o.Leeway) })
}

// Destruct implements caddy.Destructor. The pool calls it when the last configuration that
// uses the store is gone.
func (p *pooledHub) Destruct() error {
	defer p.events.notify.Close() // last, when nothing is revoked any more
	defer p.events.close()
	return p.Close()
}

// runningApp returns the app of the running configuration. All apps of the active context
// are already loaded, so this call loads none.
func runningApp() (*App, error) {
	app, err := caddy.ActiveContext().AppIfConfigured("session_gate")
	if err != nil {
		return nil, fmt.Errorf("finding the app: %w", err)
	}
	return app.(*App), nil
}

// loadStore loads the store module, and takes a reference to its hub from the pool. It
// opens nothing.
func (a *App) loadStore(ctx caddy.Context) error {
	loaded, err := ctx.LoadModule(a, "StoreRaw")
	if err != nil {
		return fmt.Errorf("loading store: %w", err)
	}
	module, ok := loaded.(stores.Module)
	if !ok {
		return fmt.Errorf("loading store: module %T is not a store of session_gate", loaded)
	}
	a.module, a.namespace = module, module.Namespace()
	loadedHub, _, err := hubPool.LoadOrNew(module.PoolKey(), func() (caddy.Destructor, error) {
		return newPooledHub(a.namespace, a.logger), nil
	})
	if err != nil {
		return fmt.Errorf("loading store: %w", err)
	}
	a.pooled, a.poolKey = loadedHub.(*pooledHub), module.PoolKey()
	a.hub = a.pooled.Hub
	if a.pooled.namespace != a.namespace {
		return fmt.Errorf("loading store: it is in use with the namespace %q, not %q", a.pooled.namespace, a.namespace)
	}
	return nil
}

var _ caddy.Destructor = (*pooledHub)(nil)
