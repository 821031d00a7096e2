package caddymodule

import "github.com/sessiongate/sessiongate/caddymodule/config"

// The names below are what identity_names.go still calls functions of the package
// config.
var (
	resolve = config.Resolve
	oneOf   = config.OneOf
)
