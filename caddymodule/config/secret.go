package config

import (
	"fmt"

	"github.com/caddyserver/caddy/v2"
	"github.com/caddyserver/caddy/v2/caddyconfig/caddyfile"
)

// Secret reads one value, and warns if it is the secret itself instead of a
// placeholder.
func Secret(field string, to *string) func(*caddyfile.Dispenser) error {
	return func(d *caddyfile.Dispenser) error {
		if err := Text(to)(d); err != nil {
			return err
		}
		WarnOfLiteral(d, field, *to)
		return nil
	}
}

// WarnOfLiteral warns of each secret that a Caddyfile holds literally. The warning
// names the field, never the secret.
//
// Attack: a secret in the Caddyfile is also in the adapted JSON, in the answers of the
// admin API, and in the backups of all of them.
func WarnOfLiteral(d *caddyfile.Dispenser, field string, secrets ...string) {
	for _, secret := range secrets {
		if !HasPlaceholder(secret) {
			WarnAt(d, fmt.Sprintf("%s is written out in the configuration; use {file./run/secrets/…} or {env.…}", field))
		}
	}
}

// WarnAt logs a warning with the file and the line of the dispenser, for the person
// who adapts the Caddyfile.
func WarnAt(d *caddyfile.Dispenser, message string) {
	caddy.Log().Named("session_gate").Warn(fmt.Sprintf("%s:%d: %s", d.File(), d.Line(), message))
}
