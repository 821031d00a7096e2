package caddymodule

import (
	"errors"
	"fmt"

	"github.com/caddyserver/caddy/v2"
	"github.com/caddyserver/caddy/v2/caddyconfig"
	"github.com/caddyserver/caddy/v2/caddyconfig/caddyfile"
	"github.com/caddyserver/caddy/v2/caddyconfig/httpcaddyfile"
)

// parseAppOption reads the global option session_gate.
func parseAppOption(d *caddyfile.Dispenser, existing any) (any, error) {
	if existing != nil {
		d.Next() // so that the error has a place
		return nil, d.Errf(errSpecified, "session_gate", "one block in the global options")
	}
	app := new(App)
	if err := app.UnmarshalCaddyfile(d); err != nil {
		return nil, err
	}
	return httpcaddyfile.App{Name: "session_gate", Value: caddyconfig.JSON(app, nil)}, nil
}

// UnmarshalCaddyfile reads the app. Syntax, with the defaults:
//
//	session_gate {
//		issuer <iss> {                 # one or more
//			jwks <url>             # exactly one of these four; the last good keys hold for 24 h
//			discover
//			public_key <file>...
//			hmac_secret <secret> [<next>]
//			audience <aud>...      # or any_audience
//			any_audience
//			logout_audience <client id>...  # of logout tokens, if another
//			algorithms <alg>...
//			session_claim sid
//			token_id_claim jti
//			insecure_http
//		}
//		store bolt [<path>]            # or redis <address>... { … }, or memory
//		max_token_lifetime 24h
//		retention 24h
//		leeway 30s
//		lease 3s
//		acknowledge fleet              # or lease, or store
//		on_store_failure deny          # or allow <max_staleness>
//		bootstrap auto                 # or manual, relogin
//		readiness lenient              # or strict
//		token_cache 64MiB
//	}
//
// Strings may hold {env.X} and {file.X}, which are filled in when the gate
// starts; one that is missing is an error.
func (a *App) UnmarshalCaddyfile(d *caddyfile.Dispenser) error {
	d.Next() // the option's name
	if values := d.RemainingArgs(); len(values) != 0 {
		return d.Errf(errParsing, "session_gate", errors.New("values before the block; write: session_gate { … }"))
	}
	return words{
		"issuer":             {"issuer <iss> { … }", a.readIssuer, true},
		"store":              {"store bolt [<path>] | redis <address>... | memory", a.readStore, false},
		"max_token_lifetime": {"max_token_lifetime 24h", duration(&a.MaxTokenLifetime), false},
		"retention":          {"retention 24h", duration(&a.Retention), false},
		"leeway":             {"leeway 30s", a.readLeeway, false},
		"lease":              {"lease 3s", duration(&a.Lease), false},
		"acknowledge":        {"acknowledge fleet | lease | store", choice(&a.Acknowledge, "fleet", "lease", "store"), false},
		"on_store_failure":   {"on_store_failure deny | allow <max_staleness>", a.readOnStoreFailure, false},
		"bootstrap":          {"bootstrap auto | manual | relogin", choice(&a.Bootstrap, "auto", "manual", "relogin"), false},
		"readiness":          {"readiness lenient | strict", choice(&a.Readiness, "lenient", "strict"), false},
		"token_cache":        {"token_cache 64MiB", size(&a.TokenCache), false},
	}.read(d)
}

func (a *App) readLeeway(d *caddyfile.Dispenser) error {
	var value string
	if err := text(&value)(d); err != nil {
		return err
	}
	leeway, err := caddy.ParseDuration(value) // may be zero
	a.Leeway = new(caddy.Duration(leeway))
	return err
}

func (a *App) readIssuer(d *caddyfile.Dispenser) error {
	issuer := new(Issuer)
	if err := text(&issuer.Issuer)(d); err != nil {
		return err
	}
	a.Issuer = append(a.Issuer, issuer)
	return words{
		"jwks":            {"jwks <url>", text(&issuer.JWKS), false},
		"discover":        {"discover", flag(&issuer.Discover), false},
		"public_key":      {"public_key <file>...", texts(&issuer.PublicKey), false},
		"hmac_secret":     {"hmac_secret {file./run/secrets/hmac} [<next>]", issuer.readSecrets, false},
		"audience":        {"audience <aud>...", texts(&issuer.Audience), false},
		"logout_audience": {"logout_audience <client id>...", texts(&issuer.LogoutAudience), false},
		"any_audience":    {"any_audience", flag(&issuer.AnyAudience), false},
		"algorithms":      {"algorithms <alg>...", texts(&issuer.Algorithms), false},
		"session_claim":   {"session_claim sid", text(&issuer.SessionClaim), false},
		"token_id_claim":  {"token_id_claim jti", text(&issuer.TokenIDClaim), false},
		"insecure_http":   {"insecure_http", flag(&issuer.InsecureHTTP), false},
	}.read(d)
}

func (i *Issuer) readSecrets(d *caddyfile.Dispenser) error {
	if err := texts(&i.HMACSecret)(d); err != nil {
		return err
	}
	if len(i.HMACSecret) > 2 {
		return fmt.Errorf("%d secrets, want one, or two while it is being rotated", len(i.HMACSecret))
	}
	warnOfLiteral(d, "hmac_secret", i.HMACSecret...)
	return nil
}

func (a *App) readOnStoreFailure(d *caddyfile.Dispenser) error {
	values := d.RemainingArgs()
	switch {
	case len(values) == 1 && (values[0] == "deny" || placeholder.MatchString(values[0])):
	case len(values) == 2 && (values[0] == "allow" || placeholder.MatchString(values[0])):
		staleness, err := caddy.ParseDuration(values[1])
		if err != nil {
			return err
		}
		a.MaxStaleness = caddy.Duration(staleness)
	default:
		return fmt.Errorf("%q is neither deny nor allow with a duration", values)
	}
	a.OnStoreFailure = values[0]
	return nil
}

// readStore leaves the block to the module, which may be somebody else's.
func (a *App) readStore(d *caddyfile.Dispenser) error {
	if !d.NextArg() {
		return errors.New("no kind of store")
	}
	name := d.Val()
	if _, err := caddy.GetModule("session_gate.stores." + name); err != nil {
		return fmt.Errorf("there is no store %q", name)
	}
	module, err := caddyfile.UnmarshalModule(d, "session_gate.stores."+name)
	if err != nil {
		return syntaxError{err}
	}
	a.StoreRaw = caddyconfig.JSONModuleObject(module, "store", name, nil)
	return nil
}

// UnmarshalCaddyfile reads a bolt store. Syntax:
//
//	store bolt [<path>]
func (s *BoltStore) UnmarshalCaddyfile(d *caddyfile.Dispenser) error {
	d.Next() // the kind of store
	switch values := d.RemainingArgs(); len(values) {
	case 0:
	case 1:
		if s.Path = values[0]; s.Path == "" {
			return syntaxError{d.Errf(errParsing, "store bolt", errors.New("an empty path; leave it out for the default"))}
		}
	default:
		return syntaxError{d.Errf(errParsing, "store bolt", fmt.Errorf("%d paths, want at most one", len(values)))}
	}
	return words{}.readNone(d, "store bolt")
}

// UnmarshalCaddyfile reads a memory store. Syntax:
//
//	store memory
func (s *MemoryStore) UnmarshalCaddyfile(d *caddyfile.Dispenser) error {
	d.Next() // the kind of store
	if values := d.RemainingArgs(); len(values) != 0 {
		return syntaxError{d.Errf(errParsing, "store memory", fmt.Errorf("%d values, want none", len(values)))}
	}
	return words{}.readNone(d, "store memory")
}

var (
	_ caddyfile.Unmarshaler = (*App)(nil)
	_ caddyfile.Unmarshaler = (*BoltStore)(nil)
	_ caddyfile.Unmarshaler = (*MemoryStore)(nil)
)
