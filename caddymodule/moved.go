package caddymodule

import (
	"github.com/sessiongate/sessiongate/caddymodule/config"
	"github.com/sessiongate/sessiongate/caddymodule/stores"
)

// The names below are what identity_names.go still calls functions of the package
// config.
var (
	resolve = config.Resolve
	oneOf   = config.OneOf
)

// StoreModule is what shared.go still calls stores.Module.
type StoreModule = stores.Module
