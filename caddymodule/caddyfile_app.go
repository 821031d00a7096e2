package caddymodule

import (
	"errors"
	"fmt"
	"slices"

	"github.com/caddyserver/caddy/v2"
	"github.com/caddyserver/caddy/v2/caddyconfig"
	"github.com/caddyserver/caddy/v2/caddyconfig/caddyfile"
	"github.com/caddyserver/caddy/v2/caddyconfig/httpcaddyfile"

	"github.com/sessiongate/sessiongate/caddymodule/config"
	"github.com/sessiongate/sessiongate/caddymodule/token"
)

func init() {
	httpcaddyfile.RegisterGlobalOption("session_gate", parseAppOption)
}

// parseAppOption reads the global option session_gate.
func parseAppOption(d *caddyfile.Dispenser, existing any) (any, error) {
	if existing != nil {
		d.Next() // so that the error names a file and line
		return nil, config.Specified(d, "session_gate", "one block in the global options")
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
//			jwks <url>...          # one or more of these five; the last good keys hold for 24 h
//			discover
//			jwks_file <file>...
//			public_key <file>...
//			hmac_secret <secret> [<next>]
//			audience <aud>...      # or any_audience
//			any_audience
//			logout_audience <client id>...  # of logout tokens, if another
//			algorithms <alg>...
//			session_claim sid      # or several: the first that a token has
//			token_id_claim jti
//			subject_claim sub      # or several: the first that a token has
//			audience_claim aud     # or several: one must hold an audience
//			scope_claim scope scp
//			require <claim> <value>...      # repeatable; the claim must be or contain one of them
//			accept_missing_iss              # tokens without iss are of this issuer
//			accept_missing_iat <lifetime>   # nbf, or exp minus the lifetime, is the missing iat
//			wildcard <claim> [<value>...]   # what the one * in the issuer's name stands for
//			without_session subject         # or token, refuse: what a token without a session ends
//			login_claim auth_time           # or none
//			reauthentication refuse         # or admit
//			tls_ca <file>          # for jwks and discover
//			keys_optional          # /startupz does not wait for the keys
//			insecure_http
//		}
//		store bolt [<path>]            # or redis <address>... { … }, or memory
//		max_token_lifetime 24h
//		max_token_size 8KiB            # at most 64KiB
//		retention 30d
//		leeway 30s
//		lease 3s
//		acknowledge fleet              # or lease, or store
//		on_store_failure deny          # or allow <max_staleness>
//		bootstrap auto                 # or manual, relogin
//		readiness lenient              # or strict
//		notify <url> <secret> [<next>] # a webhook for revocations
//		log_refusals sampled           # or off, all
//		log_subject
//		token_cache 64MiB
//	}
//
// Strings may hold {env.X} and {file.X}, which the gate replaces when it starts. A
// placeholder without a value is an error.
func (a *App) UnmarshalCaddyfile(d *caddyfile.Dispenser) error {
	d.Next() // the option's name
	if values := d.RemainingArgs(); len(values) != 0 {
		return config.Parsing(d, "session_gate", errors.New("values before the block; write: session_gate { … }"))
	}
	return a.words().Read(d, blockOfIssuer(), blockOfGate())
}

// words are the words of the app's block.
func (a *App) words() config.Words {
	return config.Words{
		"issuer":             {Usage: "issuer <iss> { … }", Read: a.readIssuer, Repeatable: true},
		"store":              {Usage: "store bolt [<path>] | redis <address>... | memory", Read: a.readStore},
		"max_token_lifetime": {Usage: "max_token_lifetime 24h", Read: config.Duration(&a.MaxTokenLifetime)},
		"max_token_size":     {Usage: "max_token_size 8KiB", Read: a.readMaxTokenSize},
		"retention":          {Usage: "retention 30d", Read: config.Duration(&a.Retention)},
		"leeway":             {Usage: "leeway 30s", Read: a.readLeeway},
		"lease":              {Usage: "lease 3s", Read: config.Duration(&a.Lease)},
		"acknowledge":        {Usage: "acknowledge fleet | lease | store", Read: config.Choice(&a.Acknowledge, "fleet", "lease", "store")},
		"on_store_failure":   {Usage: "on_store_failure deny | allow <max_staleness>", Read: a.readOnStoreFailure},
		"bootstrap":          {Usage: "bootstrap auto | manual | relogin", Read: config.Choice(&a.Bootstrap, "auto", "manual", "relogin")},
		"readiness":          {Usage: "readiness lenient | strict", Read: config.Choice(&a.Readiness, "lenient", "strict")},
		"notify":             {Usage: notifyUsage, Read: a.readNotify},
		"log_refusals":       {Usage: "log_refusals sampled | off | all", Read: config.Choice(&a.LogRefusals, "sampled", "off", "all")},
		"log_subject":        {Usage: "log_subject", Read: config.Flag(&a.LogSubject)},
		"token_cache":        {Usage: "token_cache 64MiB", Read: config.Size(&a.TokenCache)},
	}
}

// These blocks are named in the hints for a word that is in the wrong one. Of a word that two
// of them have, the first in a list of blocks is named.
func blockOfApp() config.Block {
	return config.Block{Name: "the block session_gate of the global options", Words: new(App).words()}
}

func blockOfIssuer() config.Block {
	return config.Block{Name: "the block of an issuer", Words: new(Issuer).words()}
}

func blockOfGate() config.Block {
	return config.Block{Name: "the block session_gate of a site", Words: new(Gate).words()}
}

// readMaxTokenSize warns of a size at which requests reach the limit of Caddy: since 2.11 it
// refuses request heads of more than 16 KiB with 431, unless max_header_size is raised.
func (a *App) readMaxTokenSize(d *caddyfile.Dispenser) error {
	if err := config.Size(&a.MaxTokenSize)(d); err != nil {
		return err
	}
	if a.MaxTokenSize > token.MaxTokenSize {
		return fmt.Errorf("%d bytes, want 64KiB at most", a.MaxTokenSize)
	}
	if a.MaxTokenSize > 12<<10 {
		config.WarnAt(d, "a request with a token of max_token_size may be larger than Caddy's limit for the fields of a request, 16 KiB; "+
			"raise it with servers { max_header_size … } in the global options")
	}
	return nil
}

func (a *App) readLeeway(d *caddyfile.Dispenser) error {
	var value string
	if err := config.Text(&value)(d); err != nil {
		return err
	}
	leeway, err := caddy.ParseDuration(value) // may be zero
	a.Leeway = new(caddy.Duration(leeway))
	return err
}

func (a *App) readIssuer(d *caddyfile.Dispenser) error {
	issuer := new(Issuer)
	if err := config.Text(&issuer.Issuer)(d); err != nil {
		return err
	}
	a.Issuer = append(a.Issuer, issuer)
	if err := issuer.readWords(d); err != nil {
		return err
	}
	return errors.Join(issuer.checkName(), checkNameless(a.Issuer))
}

// readWords reads the block of an issuer.
func (i *Issuer) readWords(d *caddyfile.Dispenser) error {
	return i.words().Read(d, blockOfApp(), blockOfGate())
}

func (i *Issuer) words() config.Words {
	return config.Words{
		"jwks":            {Usage: "jwks <url>...", Read: config.Texts((*[]string)(&i.JWKS))},
		"jwks_file":       {Usage: "jwks_file <file>...", Read: config.Texts(&i.JWKSFile)},
		"discover":        {Usage: "discover", Read: config.Flag(&i.Discover)},
		"public_key":      {Usage: "public_key <file>...", Read: config.Texts(&i.PublicKey)},
		"hmac_secret":     {Usage: "hmac_secret {file./run/secrets/hmac} [<next>]", Read: i.readSecrets},
		"audience":        {Usage: "audience <aud>...", Read: config.Texts(&i.Audience)},
		"logout_audience": {Usage: "logout_audience <client id>...", Read: config.Texts(&i.LogoutAudience)},
		"any_audience":    {Usage: "any_audience", Read: config.Flag(&i.AnyAudience)},
		"algorithms":      {Usage: "algorithms <alg>...", Read: config.Texts(&i.Algorithms)},
		"session_claim":   {Usage: "session_claim <claim>...", Read: config.Texts((*[]string)(&i.SessionClaim))},
		"token_id_claim":  {Usage: "token_id_claim jti", Read: config.Text(&i.TokenIDClaim)},
		"subject_claim":   {Usage: "subject_claim <claim>...", Read: config.Texts(&i.SubjectClaim)},
		"audience_claim":  {Usage: "audience_claim <claim>...", Read: config.Texts(&i.AudienceClaim)},
		"scope_claim":     {Usage: "scope_claim <claim>...", Read: config.Texts(&i.ScopeClaim)},
		"require":         {Usage: "require <claim> <value>...", Read: readRequirement(&i.Require), Repeatable: true},
		"wildcard":        {Usage: "wildcard <claim> [<value>...]", Read: i.readWildcard},
		"login_claim":     {Usage: "login_claim auth_time | none", Read: config.Choice(&i.LoginClaim, "auth_time", "none")},

		"without_session":    {Usage: "without_session subject | token | refuse", Read: config.Choice(&i.WithoutSession, "subject", "token", "refuse")},
		"reauthentication":   {Usage: "reauthentication refuse | admit", Read: config.Choice(&i.Reauthentication, "refuse", "admit")},
		"accept_missing_iss": {Usage: "accept_missing_iss", Read: config.Flag(&i.AcceptMissingIss)},
		"accept_missing_iat": {Usage: "accept_missing_iat <lifetime>", Read: config.Duration(&i.AcceptMissingIat)},
		"tls_ca":             {Usage: "tls_ca <file>", Read: config.Text(&i.TLSCA)},
		"keys_optional":      {Usage: "keys_optional", Read: config.Flag(&i.KeysOptional)},
		"insecure_http":      {Usage: "insecure_http", Read: config.Flag(&i.InsecureHTTP)},
	}
}

// readRequirement reads a claim and its values.
func readRequirement(to *[]*Requirement) func(*caddyfile.Dispenser) error {
	return func(d *caddyfile.Dispenser) error {
		values := d.RemainingArgs()
		if len(values) < 2 || slices.Contains(values, "") {
			return fmt.Errorf("%d values, want a claim and the values that are accepted, none of them empty", len(values))
		}
		*to = append(*to, &Requirement{values[0], values[1:]})
		return nil
	}
}

func (i *Issuer) readWildcard(d *caddyfile.Dispenser) error {
	var values []string
	if err := config.Texts(&values)(d); err != nil {
		return err
	}
	i.Wildcard = &Wildcard{values[0], values[1:]}
	return nil
}

func (i *Issuer) readSecrets(d *caddyfile.Dispenser) error {
	if err := config.Texts(&i.HMACSecret)(d); err != nil {
		return err
	}
	if len(i.HMACSecret) > 2 {
		return fmt.Errorf("%d secrets, want one, or two while it is being rotated", len(i.HMACSecret))
	}
	config.WarnOfLiteral(d, "hmac_secret", i.HMACSecret...)
	return nil
}

func (a *App) readOnStoreFailure(d *caddyfile.Dispenser) error {
	values := d.RemainingArgs()
	switch {
	case len(values) == 1 && (values[0] == "deny" || config.HasPlaceholder(values[0])):
	case len(values) == 2 && (values[0] == "allow" || config.HasPlaceholder(values[0])):
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

// readStore finds the store module by its name, and lets it parse the block.
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
		return config.Placed(err)
	}
	a.StoreRaw = caddyconfig.JSONModuleObject(module, "store", name, nil)
	return nil
}

var _ caddyfile.Unmarshaler = (*App)(nil)
