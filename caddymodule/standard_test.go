package caddymodule_test

import (
	// A user's Caddyfile uses the standard modules, too.
	_ "github.com/caddyserver/caddy/v2/modules/standard"
)
