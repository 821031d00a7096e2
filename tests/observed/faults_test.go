package observed

import (
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/tls"
	"crypto/x509"
	"encoding/pem"
	"fmt"
	"io"
	"math/big"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/sessiongate/sessiongate/caddymodule/token/tokentest"
	"github.com/sessiongate/sessiongate/store/redisstore/redistest"
	"github.com/sessiongate/sessiongate/tests/chaos"
	"github.com/sessiongate/sessiongate/tests/chaos/stepped"
	"github.com/sessiongate/sessiongate/tests/harness"
)

// fault is one row of the tables in docs/operations.md.
type fault struct {
	name string
	// start starts the gate: healthy, or with a fault that it has from its start.
	start func(*scene, *testing.T)
	// begin makes the fault. Without it the gate has the fault from its start.
	begin func(*scene, *testing.T)
	// state is a part of the admin API's answer from which on the gate has noticed the fault,
	// and log is what it has logged then. Empty for a gate that does not notice.
	state, log string
	// silent is set if the gate answers nobody and logs nothing.
	silent bool
	// alerts are those that fire.
	alerts []string
}

// The leases of gates that are to lose theirs, and of those that are not, on a busy machine.
const short, long = "1s", "3s"

// faults are those that operators meet, in the order of the tables.
func faults() []fault {
	const failed, fenced, skewed = `"error":"`, `"fenced":true`, `"skewed":true`
	noKeys, away := []string{"SessionGateKeysMissing"}, []string{"SessionGateFenced", "SessionGateStoreDown"}
	pending, offset, nobody := []string{"SessionGateRevocationsPending"}, []string{"SessionGateClockOffset"}, []string{nobodyAdmitted}
	return []fault{
		{name: "The URL of the key set is 404", start: keySet("/jwks.jsn", nil), state: failed, log: "fetching key set failed", alerts: noKeys},
		{name: "The URL of the key set shows HTML", start: keySet(tokentest.KeySetPath, page), state: failed, log: "fetching key set failed", alerts: noKeys},
		{name: "The issuer's certificate has expired", start: (*scene).expired, state: failed, log: "fetching key set failed", alerts: noKeys},
		{name: "The key set is 404 after it was loaded", start: keySet(tokentest.KeySetPath, nil), begin: (*scene).loseKeySet, state: failed, log: "fetching key set failed"},
		{name: "The issuer's name has a wrong slash at its end", start: (*scene).slash, log: "request refused", alerts: nobody},
		{name: "Redis is stopped", start: onRedis(short), begin: (*scene).stopRedis, state: fenced, log: "requests: its lease has expired", alerts: slices.Concat(away, pending)},
		{name: "Redis is frozen", start: onRedis(short), begin: (*scene).freezeRedis, state: fenced, log: "requests: its lease has expired", alerts: slices.Concat(away, pending)},
		{name: "The password of Redis is wrong", start: (*scene).wrongPassword, state: failed, log: "the store does not answer", alerts: away},
		{name: "The user of Redis lacks a right (ACL)", start: (*scene).wrongACL, state: failed, log: "the store does not answer", alerts: away},
		{name: "Redis was emptied (`FLUSHALL`)", start: onRedis(long), begin: (*scene).flush, log: "this gate opened the revocation log", alerts: []string{"SessionGateRepair"}},
		{name: "The disk of the bolt file is full", start: (*scene).onBolt, begin: (*scene).fill, log: "was not confirmed", alerts: append(pending, "SessionGateStoreErrors")},
		{name: "The process of the gate is frozen", start: onRedis(short), begin: (*scene).freezeGate, silent: true, alerts: []string{"SessionGateDown"}},
		{name: "The clock of Redis is an hour ahead", start: onRedis(long, redistest.Clock(0)), begin: (*scene).stepRedis, state: skewed, log: "too far apart", alerts: offset},
		{name: "The clock of the gate is an hour ahead", start: (*scene).steppedGate, begin: (*scene).stepGate, state: skewed, log: "too far apart", alerts: slices.Concat(offset, nobody)},
	}
}

// nobodyAdmitted is the alert that fires only if users keep trying.
const nobodyAdmitted = "SessionGateNobodyAdmitted"

// issuer returns an issuer with further lines. The gate fetches its keys.
func issuer(lines string) string {
	return fmt.Sprintf("issuer %s {\naudience legacy-app\n%s\n}", tokentest.Issuer, lines)
}

// keySet starts a gate whose issuer publishes its keys at tokentest.KeySetPath, unless it
// behaves otherwise. The gate asks for the path.
func keySet(path string, behave http.HandlerFunc) func(*scene, *testing.T) {
	return func(s *scene, t *testing.T) {
		t.Helper()
		key := tokentest.NewKey(t, "ES256", "key-1")
		s.issuer = tokentest.NewEndpoint(t, key)
		s.issuer.Behave(behave)
		url := s.issuer.Serve(t)
		s.hide(url, tokentest.Issuer)
		s.run(t, harness.Config{Key: key, Issuers: issuer("jwks " + url + path)})
	}
}

func page(w http.ResponseWriter, _ *http.Request) {
	_, _ = io.WriteString(w, "<html>sign in</html>") // the gate may have gone
}

// loseKeySet makes the URL 404. A token of an unknown key makes the gate fetch the set at once.
func (s *scene) loseKeySet(t *testing.T) {
	t.Helper()
	s.issuer.Behave(http.NotFound)
	unknown := tokentest.Mint(t, tokentest.NewKey(t, "ES256", "key-2"), tokentest.Claims(time.Now(), nil))
	harness.Eventually(t, noticeLimit, "the key set was asked for", func() bool {
		return harness.StatusOf(t, s.gate, unknown) == http.StatusServiceUnavailable && s.notices(t)
	})
}

// expired starts a gate whose issuer has let its certificate expire.
func (s *scene) expired(t *testing.T) {
	t.Helper()
	private, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	template := &x509.Certificate{
		SerialNumber: big.NewInt(1), DNSNames: []string{"localhost"}, IsCA: true, BasicConstraintsValid: true,
		NotBefore: time.Now().Add(-48 * time.Hour), NotAfter: time.Now().Add(-24 * time.Hour),
	}
	certificate, err := x509.CreateCertificate(rand.Reader, template, template, private.Public(), private)
	if err != nil {
		t.Fatal(err)
	}
	authority := filepath.Join(t.TempDir(), "ca.pem")
	if err := os.WriteFile(authority, pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: certificate}), 0o600); err != nil {
		t.Fatal(err)
	}
	key := tokentest.NewKey(t, "ES256", "key-1")
	server := httptest.NewUnstartedServer(tokentest.NewEndpoint(t, key))
	server.TLS = &tls.Config{Certificates: []tls.Certificate{{Certificate: [][]byte{certificate}, PrivateKey: private}}}
	server.Config.ErrorLog = quiet
	server.StartTLS()
	t.Cleanup(server.Close)
	url := strings.Replace(server.URL, "127.0.0.1", "localhost", 1)
	s.hide(url, tokentest.Issuer)
	s.run(t, harness.Config{Key: key, Issuers: issuer("jwks " + url + tokentest.KeySetPath + "\ntls_ca " + authority)})
}

// slash starts a gate that knows the issuer with a slash at the end. Its tokens have none, so
// users are refused.
func (s *scene) slash(t *testing.T) {
	t.Helper()
	s.run(t, harness.Config{Issuers: strings.Replace(
		harness.IssuerOf("hmac_secret {file.{$GATE_DIR}/hmac_secret}"), tokentest.Issuer, tokentest.Issuer+"/", 1)})
	for range 10 {
		harness.Get(t, s.gate, s.token("before"))
	}
}

// onRedis starts a gate on a Redis of its own.
func onRedis(lease string, options ...redistest.Option) func(*scene, *testing.T) {
	return func(s *scene, t *testing.T) {
		t.Helper()
		s.startRedis(t, options...)
		s.run(t, harness.Config{Store: s.store(""), App: "lease " + lease})
	}
}

func (s *scene) wrongPassword(t *testing.T) {
	t.Helper()
	s.startRedis(t, redistest.Password("the-right-pa55word"))
	s.run(t, harness.Config{Store: s.store("password " + harness.SecretFile(t, "the-wr0ng-password"))})
}

// wrongACL starts a gate whose user of Redis may use all commands, and only other keys.
func (s *scene) wrongACL(t *testing.T) {
	t.Helper()
	s.startRedis(t)
	s.redis.Do("ACL", "SETUSER", "gate", "reset", "on", ">secret", "~other:*", "+@all")
	s.run(t, harness.Config{Store: s.store("username gate\npassword " + harness.SecretFile(t, "secret"))})
}

func (s *scene) onBolt(t *testing.T) {
	t.Helper()
	s.run(t, harness.Config{})
}

// steppedGate is onRedis for a gate whose clock can be stepped.
func (s *scene) steppedGate(t *testing.T) {
	t.Helper()
	s.clock = filepath.Join(t.TempDir(), "clock")
	if err := stepped.Set(s.clock, 0); err != nil {
		t.Fatal(err)
	}
	s.startRedis(t)
	s.run(t, harness.Config{Binary: chaos.Stepped(t), Store: s.store(""), App: "lease " + long, Env: []string{stepped.Variable + "=" + s.clock}})
}
