package stores

import (
	"errors"
	"fmt"

	"github.com/caddyserver/caddy/v2/caddyconfig/caddyfile"

	"github.com/sessiongate/sessiongate/caddymodule/config"
)

// UnmarshalCaddyfile reads a bolt store. Syntax:
//
//	store bolt [<path>]
func (s *Bolt) UnmarshalCaddyfile(d *caddyfile.Dispenser) error {
	d.Next() // the kind of store
	switch values := d.RemainingArgs(); len(values) {
	case 0:
	case 1:
		if s.Path = values[0]; s.Path == "" {
			return config.Parsing(d, "store bolt", errors.New("an empty path; leave it out for the default"))
		}
	default:
		return config.Parsing(d, "store bolt", fmt.Errorf("%d paths, want at most one", len(values)))
	}
	return config.NoBlock(d, "store bolt")
}

// UnmarshalCaddyfile reads a memory store. Syntax:
//
//	store memory
func (s *Memory) UnmarshalCaddyfile(d *caddyfile.Dispenser) error {
	d.Next() // the kind of store
	if values := d.RemainingArgs(); len(values) != 0 {
		return config.Parsing(d, "store memory", fmt.Errorf("%d values, want none", len(values)))
	}
	return config.NoBlock(d, "store memory")
}

var (
	_ caddyfile.Unmarshaler = (*Bolt)(nil)
	_ caddyfile.Unmarshaler = (*Memory)(nil)
)
