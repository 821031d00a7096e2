package caddymodule_test

import (
	// The standard modules are what a Caddyfile of a user meets.
	_ "github.com/caddyserver/caddy/v2/modules/standard"
)
