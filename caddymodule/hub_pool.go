package caddymodule

import (
	"fmt"
	"log/slog"
	"slices"
	"sync"
	"time"

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

	mu sync.Mutex
	// apps were started and not cleaned up. The newest is last.
	apps []*App
}

func newPooledHub(namespace string, logger *slog.Logger) *pooledHub {
	p := &pooledHub{namespace: namespace, log: newHandover(logger)}
	newest := slog.New(p.log)
	p.events = newEvents(newest, runningApp)
	p.events.notify = newNotifier(newest, func() store.GateID { return p.Status().Gate })
	p.Hub = hub.New(hub.Options{Namespace: namespace, Logger: newest, Events: p.events, Trace: traceRevocation, Counters: &counts.Hub})
	return p
}

// start opens the store for an app. If the store is already open, start gives it the settings
// of the app.
func (p *pooledHub) start(a *App) error {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.events.start()
	p.log.to(a.logger)
	if err := p.follow(a); err != nil {
		p.log.leave(a.logger)
		return err
	}
	p.apps = append(p.apps, a)
	return nil
}

// leave forgets an app. If it was the newest, the one before it counts again.
//
// Fault: a reload starts the app, and then another app cannot start. Caddy cleans up the new
// configuration, and the old one goes on. Its operator never asked to name users in the log.
func (p *pooledHub) leave(a *App) error {
	p.mu.Lock()
	defer p.mu.Unlock()
	at := slices.Index(p.apps, a)
	if at < 0 {
		return nil // not started
	}
	p.apps = slices.Delete(p.apps, at, at+1)
	p.log.leave(a.logger)
	if at == 0 || at < len(p.apps) {
		return nil
	}
	return p.follow(p.apps[at-1])
}

// follow gives what all configurations share the settings of an app. The caller holds mu.
func (p *pooledHub) follow(a *App) error {
	if err := p.Open(a.hubSettings(), func(logger *slog.Logger) (store.Backend, error) {
		return a.module.Open(logger, time.Duration(*a.Leeway))
	}); err != nil {
		return err
	}
	p.events.subjects.Store(a.LogSubject)
	p.events.notify.use(a.Notify)
	return nil
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
