package operator

import (
	"errors"
	"fmt"
	"log/slog"
	"net/http"
	"time"

	"github.com/caddyserver/caddy/v2"

	"github.com/sessiongate/sessiongate/caddymodule/hub"
	"github.com/sessiongate/sessiongate/caddymodule/token"
)

// appID is the name of the app in a configuration, and the id of its Caddy module.
const appID = "session_gate"

// App is the app session_gate, as operators need it. Its methods may be called
// concurrently, also after the configuration of the app was replaced.
type App interface {
	// Hub decides and revokes. It is never nil, and its store may not be open.
	Hub() *hub.Hub
	// Verifier verifies the tokens of the app's issuers. It is nil in a Standalone.
	Verifier() *token.Verifier
	// Settings returns a copy of the app's configuration.
	Settings() Settings
}

// Standalone is an App without a running configuration. A command opens its store by Start,
// and closes it by Cleanup.
type Standalone interface {
	App
	caddy.App
	caddy.CleanerUpper
	// ProvisionStore prepares an app that was decoded from a configuration to open its
	// store, and nothing else. It does no I/O. Writes of this app wait for the whole fleet,
	// whatever `acknowledge` says.
	ProvisionStore(caddy.Context, *slog.Logger) error
}

// Settings are the configuration of an app.
type Settings struct {
	// Version is the version of this plugin.
	Version string
	// Logger logs what operators do. Never nil.
	Logger *slog.Logger
	// Issuers are the `iss` of the issuers whose tokens are accepted.
	Issuers []string
	// Keys are the keys of these issuers. Empty in a Standalone.
	Keys []IssuerKeys
	// Leeway, MaxTokenLifetime, Lease and Bootstrap are the values in the configuration.
	Leeway, MaxTokenLifetime, Lease time.Duration
	Bootstrap                       string
	Store                           Store
	// Requests returns how many requests the process has admitted since this configuration
	// started, and how many it has refused because their token was invalid or expired. Default:
	// none.
	Requests func() (admitted, badTokens uint64)
}

// Store is where an app keeps revocations.
type Store struct {
	// Kind is bolt, redis, memory, or the name of another module. Namespace is the
	// namespace of the gate's fleet in the store.
	Kind, Namespace string
	// Place names the store. Two stores with the same Place are the same store.
	Place string
	// File is the path of the store's file; "" if it has none.
	File string
	// Address says where the store is, for people: without user and password. "" if it is
	// nowhere but in this process.
	Address string
	// Shared reports whether a fleet of gates uses the store.
	Shared bool
}

// gate is an App, with its settings read once.
type gate struct {
	App
	settings Settings
}

func gateOf(app App) gate { return gate{app, app.Settings()} }

// running returns the app of the configuration that runs now.
//
// Caddy creates its admin API before the apps, and keeps it across reloads. So the app must
// not be kept, or loaded from here: it might not be the app that decides about requests.
// All apps of the active context are already loaded, so this call loads none.
func running() (App, error) {
	loaded, err := caddy.ActiveContext().AppIfConfigured(appID)
	if errors.Is(err, caddy.ErrNotConfigured) {
		return nil, caddy.APIError{
			HTTPStatus: http.StatusNotFound,
			Err:        errors.New("finding the app: no configuration with session_gate is running"),
		}
	}
	if err != nil {
		return nil, fmt.Errorf("finding the app: %w", err)
	}
	app, ok := loaded.(App)
	if !ok {
		return nil, fmt.Errorf("finding the app: %T is another module", loaded)
	}
	return app, nil
}

// NewStandalone returns an app that is to be decoded from the JSON of a configuration,
// and then provisioned by ProvisionStore.
func NewStandalone() (Standalone, error) {
	info, err := caddy.GetModule(appID)
	if err != nil {
		return nil, fmt.Errorf("finding the app: %w", err)
	}
	app, ok := info.New().(Standalone)
	if !ok {
		return nil, fmt.Errorf("finding the app: %s is another module", appID)
	}
	return app, nil
}
