package harness

import (
	"crypto/rand"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/sessiongate/sessiongate/caddymodule/token/tokentest"
)

// Config is the configuration of a gate. The zero Config is a gate on a new bolt store,
// with one HMAC issuer and a new upstream.
//
// Fields that hold Caddyfile text may have several lines.
type Config struct {
	// Binary is the gate to run. Default: the gate of Main.
	Binary string
	// Key signs the accepted tokens. Its secret, or its public key, is given to the gate in
	// a file. Default: a new HS256 key.
	Key *tokentest.Key
	// Issuers replaces the `issuer` block. Default: tokentest.Issuer with Key.
	Issuers string
	// Store is the `store` line or block. On Redis, the lease is a second unless App
	// contains another one. Default: store bolt.
	Store string
	// App is added to the global block `session_gate`.
	App string
	// Global is added to the global options.
	Global string
	// Gate is the block of the directive `session_gate`.
	Gate string
	// Site is added to the site, before `session_gate`.
	Site string
	// Routes replaces `session_gate` and `reverse_proxy` in the site. It may contain
	// {$UPSTREAM} for the address of the upstream. Gate is not used then.
	Routes string
	// TLS adds the same site with TLS, at another port, for Gate.Over. Its certificate is
	// self-signed.
	TLS bool
	// Upstream is behind the gate. Default: a new one.
	Upstream *Upstream
	// Env holds further environment variables of the process, as NAME=value.
	Env []string
	// Unready is for gates that cannot get ready at once: Start only waits until the
	// process serves.
	Unready bool
}

// complete sets the defaults.
func (c *Config) complete(tb testing.TB) {
	tb.Helper()
	if c.Binary == "" {
		c.Binary = Binary(tb)
	}
	if c.Key == nil {
		c.Key = NewKey()
	}
	if c.Upstream == nil {
		c.Upstream = NewUpstream(tb)
	}
	if c.Store == "" {
		c.Store = "store bolt"
	}
	if c.Issuers == "" {
		source := "hmac_secret {file.{$GATE_DIR}/hmac_secret}"
		if c.Key.Secret == nil {
			source = "public_key {$GATE_DIR}/public_key.pem"
		}
		c.Issuers = IssuerOf(source)
	}
	if strings.HasPrefix(strings.TrimSpace(c.Store), "store redis") && !strings.Contains(c.App, "lease ") {
		// A new namespace is opened after two leases.
		c.App += "\nlease 1s"
	}
	if c.Routes == "" {
		c.Routes = "session_gate {\n" + c.Gate + "\n}\nreverse_proxy {$UPSTREAM}"
	}
}

// NewKey returns an HS256 key with a secret of text, as in files.
func NewKey() *tokentest.Key {
	return &tokentest.Key{Algorithm: "HS256", Secret: []byte(rand.Text() + rand.Text())}
}

// write writes the key and the Caddyfile to the directory of the gate. Gate.command sets
// the variables in the Caddyfile.
func (c *Config) write(tb testing.TB, dir string) {
	tb.Helper()
	if c.Key.Secret != nil {
		writeFile(tb, filepath.Join(dir, "hmac_secret"), c.Key.Secret)
	} else {
		writeFile(tb, filepath.Join(dir, "public_key.pem"), c.Key.PublicPEM(tb))
	}
	site, global := c.Site+"\n"+c.Routes, c.Global
	if c.TLS {
		writeCertificate(tb, dir)
		// Redirects would need port 80.
		global += "\nauto_https off"
		site += "\n}\n\n:{$GATE_TLS_PORT} {\nbind 127.0.0.1\ntls {$GATE_DIR}/tls.pem {$GATE_DIR}/tls.pem\n" + site
	}
	text := fmt.Sprintf(`{
	admin unix/{$GATE_DIR}/admin.sock|0600
	persist_config off
	grace_period 2s
	%s
	session_gate {
		%s
		%s
		%s
	}
}

:{$GATE_PORT} {
	bind 127.0.0.1
	%s
}

:{$GATE_OPS_PORT} {
	bind 127.0.0.1
	session_gate_health
}
`, global, c.Issuers, c.Store, c.App, site)
	writeFile(tb, caddyfile(dir), []byte(text))
}

func caddyfile(dir string) string { return filepath.Join(dir, "Caddyfile") }

func writeFile(tb testing.TB, path string, content []byte) {
	tb.Helper()
	if err := os.WriteFile(path, content, 0o600); err != nil {
		tb.Fatal(err)
	}
}
