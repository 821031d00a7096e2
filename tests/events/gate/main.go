// Command gate is a gate with a handler of Caddy's events that runs a command. Modules such as
// github.com/mholt/caddy-events-exec bring such a handler, with the same name and the same
// syntax. This one keeps the tests free of a module of somebody else.
package main

import (
	"context"
	"errors"
	"fmt"
	"os/exec"

	"github.com/caddyserver/caddy/v2"
	"github.com/caddyserver/caddy/v2/caddyconfig/caddyfile"
	caddycmd "github.com/caddyserver/caddy/v2/cmd"
	"github.com/caddyserver/caddy/v2/modules/caddyevents"
	_ "github.com/caddyserver/caddy/v2/modules/standard" // Caddy's own modules

	_ "github.com/sessiongate/sessiongate" // the plugin
)

func init() {
	caddy.RegisterModule(command{})
}

// command is an event handler that runs a command. Placeholders in its arguments are replaced.
type command struct {
	Command string   `json:"command,omitempty"`
	Args    []string `json:"args,omitempty"`
}

// CaddyModule returns the Caddy module information.
func (command) CaddyModule() caddy.ModuleInfo {
	return caddy.ModuleInfo{ID: "events.handlers.exec", New: func() caddy.Module { return new(command) }}
}

// UnmarshalCaddyfile reads a line. Syntax:
//
//	exec <command> <argument>...
func (c *command) UnmarshalCaddyfile(d *caddyfile.Dispenser) error {
	d.Next() // the handler's name
	if !d.Args(&c.Command) {
		return d.ArgErr()
	}
	c.Args = d.RemainingArgs()
	return nil
}

// Handle implements caddyevents.Handler.
func (c *command) Handle(ctx context.Context, _ caddy.Event) error {
	replacer, ok := ctx.Value(caddy.ReplacerCtxKey).(*caddy.Replacer)
	if !ok {
		return errors.New("running a command for an event: there are no placeholders")
	}
	arguments := make([]string, len(c.Args))
	for i, argument := range c.Args {
		arguments[i] = replacer.ReplaceAll(argument, "")
	}
	if output, err := exec.CommandContext(ctx, c.Command, arguments...).CombinedOutput(); err != nil {
		return fmt.Errorf("running a command for an event: %w\n%s", err, output)
	}
	return nil
}

func main() { caddycmd.Main() }

var (
	_ caddyevents.Handler   = (*command)(nil)
	_ caddyfile.Unmarshaler = (*command)(nil)
)
