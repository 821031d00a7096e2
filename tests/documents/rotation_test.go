package documents

import (
	"crypto/tls"
	"encoding/pem"
	"net"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/sessiongate/sessiongate/caddymodule/token/tokentest"
	"github.com/sessiongate/sessiongate/store/redisstore/redistest"
	"github.com/sessiongate/sessiongate/tests/answers"
	"github.com/sessiongate/sessiongate/tests/harness"
)

const operations = "docs/operations.md"

// cut closes connections to Redis under traffic, and waits until sessions are ended again. A
// logout that used such a connection may get 503, as the page says. Nothing else does.
func cut(t *testing.T, traffic *harness.Traffic, closes func()) {
	t.Helper()
	away := traffic.Away.Load()
	traffic.MayBeAway.Store(true)
	closes()
	ended := traffic.Ended.Load()
	harness.Eventually(t, 20*time.Second, "sessions are ended", func() bool { return traffic.Ended.Load() >= ended+3 })
	traffic.MayBeAway.Store(false)
	if away = traffic.Away.Load() - away; away > 3 {
		t.Errorf("%d answers were 503", away)
	}
}

// This test rotates the password of Redis by the steps of the page, under traffic. The
// gate is neither restarted nor reloaded.
func TestRotationOfThePasswordOfRedis(t *testing.T) {
	t.Parallel()
	users := filepath.Join(t.TempDir(), "users.acl")
	write(t, users, "user gate on >hunter2-before resetchannels ~* +@all\n")
	server := redistest.Start(t, redistest.Config("aclfile "+users))
	secrets := t.TempDir()
	password := filepath.Join(secrets, "redis")
	write(t, password, "hunter2-before\n")
	g := harness.Start(t, harness.Config{Store: "store redis " + server.Addr() + " {\nusername gate\npassword {file." + password + "}\n}"})
	_, port, _ := net.SplitHostPort(server.Addr())
	sh := shellOf(t, g, port, "/run/secrets", secrets)
	traffic := harness.StartTraffic(t, g, g.Token(harness.Session("one")), g.Token(harness.Session("two")))
	traffic.More(t, 50)

	write(t, password+".next", "hunter2-after\n")
	sh.run(t, operations, `printf '>%s' "$(cat /run/secrets/redis.next)"`)
	sh.run(t, operations, "mv /run/secrets/redis.next ")
	cut(t, traffic, func() { sh.run(t, operations, "redis-cli CLIENT KILL USER gate") })
	harness.Eventually(t, 20*time.Second, "the gate uses the new password", func() bool {
		return strings.Contains(g.Logs(), "a password for redis has changed; new connections use the new one")
	})
	sh.run(t, operations, `printf '>%s' "$(cat /run/secrets/redis)"`)
	sh.run(t, operations, "redis-cli ACL SAVE")
	if _, err := server.Try("AUTH", "gate", "hunter2-before"); err == nil {
		t.Error("the previous password is still accepted")
	}
	cut(t, traffic, func() { sh.run(t, operations, "redis-cli CLIENT KILL USER gate") }) // later connections succeed, too
	traffic.More(t, 200)
	traffic.Stop()
	traffic.Check(t)
	server.Restart()
	harness.Recovers(t, g, g.Token(harness.Session("one")))
	if strings.Contains(g.Logs(), "hunter2") {
		t.Errorf("the log holds a password:\n%s", g.Logs())
	}
}

// Attack: while Kubernetes replaces the file of the password, it is missing or empty for a
// moment. An empty password would be that of another user, or of none.
func TestTheFileOfThePasswordMayBeMissingForAMoment(t *testing.T) {
	t.Parallel()
	server := redistest.Start(t, redistest.Password("hunter2"))
	password := filepath.Join(t.TempDir(), "redis")
	write(t, password, "hunter2\n")
	g := harness.Start(t, harness.Config{Store: "store redis " + server.Addr() + " {\npassword {file." + password + "}\n}"})
	traffic := harness.StartTraffic(t, g, g.Token(harness.Session("one")))
	for name, replace := range map[string]func() error{
		"missing": func() error { return os.Remove(password) },
		"empty":   func() error { return os.WriteFile(password, nil, 0o600) },
	} {
		if err := replace(); err != nil {
			t.Fatal(err)
		}
		cut(t, traffic, func() { server.Do("CLIENT", "KILL", "TYPE", "normal", "SKIPME", "yes") })
		if !strings.Contains(g.Logs(), "a password for redis cannot be read again") {
			t.Errorf("the log does not tell that the file is %s:\n%s", name, g.Logs())
		}
		write(t, password, "hunter2\n")
	}
	traffic.Stop()
	traffic.Check(t)
}

// This test rotates an HMAC secret by the steps of the page: tokens of both secrets are
// admitted in between, and afterwards only those of the next one.
func TestRotationOfAnHMACSecret(t *testing.T) {
	t.Parallel()
	before, after := harness.NewKey(), harness.NewKey()
	issuer := func(secrets string) string { return harness.IssuerOf("hmac_secret " + secrets) }
	first := issuer("{file.{$GATE_DIR}/hmac}")
	both := issuer("{file.{$GATE_DIR}/hmac} {file.{$GATE_DIR}/hmac.next}")
	secrets := t.TempDir()
	write(t, filepath.Join(secrets, "hmac"), string(before.Secret))
	rename := func(text string) string { return strings.ReplaceAll(text, "{$GATE_DIR}", secrets) }
	g := harness.Start(t, harness.Config{Key: before, Issuers: rename(first)})
	sh := shellOf(t, g, "0", "/run/secrets", secrets)
	mint := func(key *tokentest.Key, id string) string {
		return tokentest.Mint(t, key, tokentest.Claims(time.Now(), harness.Session(id)))
	}
	old, next, revoked := mint(before, "old"), mint(after, "next"), mint(before, "revoked")
	harness.See(t, g, old)
	answers.BadToken.Check(t, harness.Get(t, g, next))
	answers.Invalidated.Check(t, harness.End(t, g, revoked))

	caddyfile := filepath.Join(g.Dir(), "Caddyfile")
	text, err := os.ReadFile(caddyfile)
	if err != nil {
		t.Fatal(err)
	}
	write(t, filepath.Join(secrets, "hmac.next"), string(after.Secret))
	write(t, caddyfile, strings.Replace(string(text), rename(first), rename(both), 1))
	sh.run(t, operations, "caddy reload --config /etc/caddy/Caddyfile --force")
	harness.See(t, g, old, next)
	answers.BadToken.Check(t, harness.Get(t, g, revoked))
	answers.BadToken.Check(t, harness.Get(t, g, mint(after, "revoked")))

	write(t, caddyfile, string(text))
	sh.run(t, operations, "mv /run/secrets/hmac.next ")
	harness.See(t, g, next)
	answers.BadToken.Check(t, harness.Get(t, g, old))
	answers.BadToken.Check(t, harness.Get(t, g, mint(after, "revoked")))
}

// A reload replaces a certificate in a file only with --force, because the configuration
// has not changed. Meanwhile requests are admitted.
func TestRotationOfACertificate(t *testing.T) {
	t.Parallel()
	g := harness.Start(t, harness.Config{TLS: true})
	other := harness.Start(t, harness.Config{TLS: true}) // has another certificate
	sh := shellOf(t, g, "0")
	serial := func(g *harness.Gate) string {
		t.Helper()
		connection, err := tls.Dial("tcp", g.QUICAddr(), &tls.Config{InsecureSkipVerify: true}) // only its certificate is read
		if err != nil {
			t.Fatal(err)
		}
		defer connection.Close()
		return string(connection.ConnectionState().PeerCertificates[0].Signature)
	}
	before, after := serial(g), serial(other)
	renewed, err := os.ReadFile(filepath.Join(other.Dir(), "tls.pem"))
	if err != nil {
		t.Fatal(err)
	}
	traffic := harness.StartTraffic(t, g, g.Token(harness.Session("one")))
	write(t, filepath.Join(g.Dir(), "tls.pem"), string(renewed))
	if output, err := sh.try(t, "caddy reload --config /etc/caddy/Caddyfile"); err != nil || serial(g) != before {
		t.Log(output)
		t.Error("without --force, the certificate was replaced: the page says otherwise")
	}
	sh.run(t, operations, "caddy reload --config /etc/caddy/Caddyfile --force")
	if now := serial(g); now != after || now == before {
		t.Error("the certificate was not replaced")
	}
	traffic.More(t, 50)
	traffic.Stop()
	traffic.Check(t)
}

// The step of the page replaces the keys and the authority of an issuer in their files.
// Without --force, a reload of an unchanged configuration reads none of them.
func TestRotationOfTheFilesOfAnIssuer(t *testing.T) {
	t.Parallel()
	files := t.TempDir()
	before, after, fetched := tokentest.NewKey(t, "ES256", "before"), tokentest.NewKey(t, "ES256", "after"), tokentest.NewKey(t, "ES256", "fetched")
	endpoint := tokentest.NewEndpoint(t, fetched)
	issuer := httptest.NewTLSServer(endpoint)
	t.Cleanup(issuer.Close)
	endpoint.SetIssuer(issuer.URL)
	authority := pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: issuer.Certificate().Raw})
	key, ca := filepath.Join(files, "key.pem"), filepath.Join(files, "ca.pem")
	write(t, key, string(before.PublicPEM(t)))
	other := harness.Start(t, harness.Config{TLS: true}) // has a certificate that did not sign the issuer's
	stranger, err := os.ReadFile(filepath.Join(other.Dir(), "tls.pem"))
	if err != nil {
		t.Fatal(err)
	}
	write(t, ca, string(stranger))
	g := harness.Start(t, harness.Config{
		Key: before, Unready: true,
		Issuers: harness.IssuerOf("public_key "+key) + "\nissuer " + issuer.URL + " {\njwks " + issuer.URL + tokentest.KeySetPath +
			"\ntls_ca " + ca + "\naudience legacy-app\n}",
	})
	sh := shellOf(t, g, "0")
	mint := func(key *tokentest.Key, changes map[string]any) string {
		return tokentest.Mint(t, key, tokentest.Claims(time.Now(), changes))
	}
	old, next := mint(before, harness.Session("old")), mint(after, harness.Session("next"))
	remote := mint(fetched, map[string]any{"iss": issuer.URL, "sid": "remote"})
	check := func(of string, wantOld, wantNext, wantRemote int) {
		t.Helper()
		if got := [3]int{harness.StatusOf(t, g, old), harness.StatusOf(t, g, next), harness.StatusOf(t, g, remote)}; got != [3]int{wantOld, wantNext, wantRemote} {
			t.Errorf("%s, the tokens get %v", of, got)
		}
	}
	harness.Recovers(t, g, old) // the store is open
	check("at first", 200, 401, 503)
	write(t, key, string(after.PublicPEM(t)))
	write(t, ca, string(authority))
	if output, err := sh.try(t, "caddy reload --config /etc/caddy/Caddyfile"); err != nil {
		t.Errorf("reloading: %v\n%s", err, output)
	}
	check("without --force", 200, 401, 503)
	sh.run(t, operations, "caddy reload --config /etc/caddy/Caddyfile --force")
	harness.Recovers(t, g, remote)
	check("with --force", 401, 200, 200)
}
