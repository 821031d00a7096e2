package documents

import (
	"net"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/sessiongate/sessiongate/store/redisstore/redistest"
	"github.com/sessiongate/sessiongate/tests/answers"
	"github.com/sessiongate/sessiongate/tests/harness"
	"github.com/sessiongate/sessiongate/tests/issuing"
	"github.com/sessiongate/sessiongate/tests/operating"
)

const redisPage = "docs/redis.md"

// portOf returns the port of a server.
func portOf(t *testing.T, server *redistest.Server) string {
	t.Helper()
	_, port, err := net.SplitHostPort(server.Addr())
	if err != nil {
		t.Fatal(err)
	}
	return port
}

// settle waits until gates admit, on a revocation log that is settled.
func settle(t *testing.T, gates ...*harness.Gate) {
	t.Helper()
	for _, g := range gates {
		harness.Eventually(t, 30*time.Second, "the gates settle", func() bool {
			s := operating.StateOf(t, g)
			return s.State == "settled" && !s.Fenced && s.Gates == len(gates)
		})
	}
}

// The commands of the page create the users at real servers. Gates with them do all that gates
// do, also after Redis lost everything.
func TestTheUserOfTheRedisPageServesAGate(t *testing.T) {
	t.Parallel()
	server := redistest.Start(t)
	sentinel := redistest.StartSentinel(t, server, "mymaster")
	secrets := t.TempDir()
	write(t, filepath.Join(secrets, "redis"), "hunter2-redis\n")
	write(t, filepath.Join(secrets, "sentinel"), "hunter2-sentinel\n")
	store := "store redis " + sentinel.Addr() + " {\nsentinel_master mymaster\nallow_split_brain\nnamespace orders\n" +
		"username gate\npassword {file." + secrets + "/redis}\n" +
		"sentinel_username gate\nsentinel_password {file." + secrets + "/sentinel}\n}"
	unready := harness.Start(t, harness.Config{Store: store, Unready: true})
	answers.Unavailable.Check(t, harness.Get(t, unready, unready.Token(nil)))
	sh := shellOf(t, unready, portOf(t, server), "/run/secrets", secrets, "26379", portOf(t, sentinel))
	for _, begin := range []string{"redis-cli ACL SETUSER gate reset ", "redis-cli -p 26379 ACL SETUSER gate "} {
		if said := sh.run(t, redisPage, begin); !strings.HasPrefix(said, "OK") {
			t.Fatalf("redis-cli says %q", said)
		}
	}
	server.Do("ACL", "SETUSER", "default", "nocommands", "+acl", "+flushall", "+ping") // nothing else gets in
	other := harness.Start(t, harness.Config{Store: store, Key: unready.Key, Gate: "sessions_endpoint /v1/auth/sessions\ntoken_endpoint " + issuing.Path})
	settle(t, unready, other)
	live, revoked := other.Token(harness.Session("live")), other.Token(harness.Session("revoked"))
	harness.See(t, other, live, revoked)
	answers.Invalidated.Check(t, harness.End(t, unready, revoked))
	answers.BadToken.Check(t, harness.Get(t, other, revoked))
	if got := other.Send(t, "GET", "/v1/auth/sessions", harness.Bearer(live)); got.Status != 200 || !strings.Contains(got.Body, "live") {
		t.Errorf("the list of sessions is %d %s", got.Status, got.Body)
	}
	issuer := &issuing.Endpoint{Claims: harness.Session("laptop")}
	issuer.ServeAt(t, other)
	first := issuing.Login(t, other)
	second := issuing.Refresh(t, other, first.Refresh)
	answers.Invalidated.Check(t, harness.End(t, other, second.Access))
	issuer.CheckRefused(t, other, second.Refresh)
	server.Do("FLUSHALL")
	harness.Recovers(t, other, live)
	answers.BadToken.Check(t, harness.Get(t, other, revoked))
	other.Restart()
	settle(t, unready, other)
	answers.BadToken.Check(t, harness.Get(t, other, revoked))
	for _, g := range []*harness.Gate{unready, other} {
		if strings.Contains(g.Logs(), "hunter2") {
			t.Errorf("the log holds a password:\n%s", g.Logs())
		}
	}
}

// Fault: Redis is killed and started again. Gates that run restore what it lost, whatever is
// configured. If all gates are restarted with it, its persistence decides.
func TestPersistenceOfTheRedisPage(t *testing.T) {
	t.Parallel()
	recommended := strings.Split(strings.TrimSpace(blockOf(t, redisPage, "appendonly yes\n")), "\n")
	for name, c := range map[string]struct {
		lines []string
		keeps bool
	}{
		"recommended": {recommended, true},
		"always":      {[]string{"appendonly yes", "appendfsync always"}, true},
		"none":        {nil, false},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			server := redistest.Start(t, redistest.Config(c.lines...))
			g := harness.Start(t, harness.Config{Store: harness.Redis(server.Addr(), "test")})
			live, revoked := g.Token(harness.Session("live")), g.Token(harness.Session("revoked"))
			harness.See(t, g, live)
			answers.Invalidated.Check(t, harness.End(t, g, revoked))
			server.Restart()
			settle(t, g)
			harness.CheckAdmitted(t, harness.Get(t, g, live))
			answers.BadToken.Check(t, harness.Get(t, g, revoked))

			g.Stop()
			server.Restart()
			g.Restart()
			if c.keeps {
				answers.BadToken.Check(t, harness.Get(t, g, revoked))
			} else {
				harness.CheckAdmitted(t, harness.Get(t, g, revoked)) // as the page says
			}
		})
	}
}

// A planned restart by the steps of the page: the lease is made longer, so that requests are
// admitted while Redis is away for several of the usual leases. A DELETE gets 503, and holds
// everywhere when Redis is back.
func TestAPlannedRestartOfRedisIsNotNoticed(t *testing.T) {
	t.Parallel()
	server := redistest.Start(t, redistest.Config("appendonly yes"))
	a := harness.Start(t, harness.Config{Store: harness.Redis(server.Addr(), "test")})
	b := harness.Start(t, harness.Config{Store: harness.Redis(server.Addr(), "test"), Key: a.Key})
	settle(t, a, b)
	live, leaving := a.Token(harness.Session("live")), a.Token(harness.Session("leaving"))
	harness.See(t, a, live, leaving)
	sh := shellOf(t, a, portOf(t, server), "lease 1m", "lease 10s")
	sh.run(t, redisPage, "caddy session-gate health\ncaddy session-gate lease 1m")
	leaseIs := func(seconds float64) {
		t.Helper()
		for _, g := range []*harness.Gate{a, b} {
			harness.Eventually(t, 20*time.Second, "the lease is changed", func() bool { return operating.StateOf(t, g).LeaseSeconds == seconds })
		}
	}
	leaseIs(10)

	server.Stop()
	if got := harness.End(t, a, leaving); got.Status != 503 {
		t.Errorf("without Redis, a DELETE gets %d %s", got.Status, got.Body)
	}
	answers.BadToken.Check(t, harness.Get(t, a, leaving))
	admitted := func() {
		for _, g := range []*harness.Gate{a, b} {
			harness.CheckAdmitted(t, harness.Get(t, g, live))
		}
	}
	for stopped := time.Now(); time.Since(stopped) < 4*time.Second; { // four of the usual leases
		admitted()
	}
	server.Restart()
	harness.Eventually(t, 30*time.Second, "the gates settle, and admit meanwhile", func() bool {
		admitted()
		return operating.StateOf(t, a).State == "settled" && operating.StateOf(t, b).State == "settled"
	})
	harness.Eventually(t, 20*time.Second, "the revocation reaches the other gate", func() bool { return harness.StatusOf(t, b, leaving) == 401 })
	sh.run(t, redisPage, "caddy session-gate health\ncaddy session-gate lease 3s")
	leaseIs(3)
	admitted()
}

// A planned failover by the step of the page, with three servers. Requests are admitted all
// the time, and a session that was ended before or afterwards stays refused. The lease is as long
// as a failover may take here, and so short that a DELETE, which may wait for it, is answered in
// time.
func TestAPlannedFailoverIsNotNoticed(t *testing.T) {
	t.Parallel()
	guarded := redistest.Config("repl-diskless-sync-delay 0", "min-replicas-to-write 1", "min-replicas-max-lag 1")
	primary := redistest.Start(t, guarded)
	redistest.StartReplica(t, primary, guarded)
	redistest.StartReplica(t, primary, guarded)
	sentinel := redistest.StartSentinel(t, primary, "mymaster")
	harness.Eventually(t, 30*time.Second, "the sentinel knows the replicas", func() bool {
		return len(sentinel.Do("SENTINEL", "replicas", "mymaster").([]any)) == 2
	})
	g := harness.Start(t, harness.Config{
		Store: "store redis " + sentinel.Addr() + " {\nsentinel_master mymaster\nnamespace test\n}", App: "lease 2s", Unready: true,
	})
	settle(t, g)
	sh := shellOf(t, g, portOf(t, primary), "26379", portOf(t, sentinel), "lease 1m", "lease 12s")
	sh.run(t, redisPage, "caddy session-gate health\ncaddy session-gate lease 1m")
	live, before, meanwhile := g.Token(harness.Session("live")), g.Token(harness.Session("before")), g.Token(harness.Session("meanwhile"))
	harness.See(t, g, live, meanwhile)
	answers.Invalidated.Check(t, harness.End(t, g, before))
	sh.run(t, redisPage, "redis-cli -p 26379 SENTINEL FAILOVER mymaster")
	harness.Eventually(t, 60*time.Second, "another server is the primary, and has the gate", func() bool {
		harness.CheckAdmitted(t, harness.Get(t, g, live))
		named := sentinel.Do("SENTINEL", "get-master-addr-by-name", "mymaster").([]any)
		return named[1] != portOf(t, primary) && operating.StateOf(t, g).State == "settled"
	})
	harness.Eventually(t, 60*time.Second, "a session is ended, perhaps at the second try", func() bool {
		status := harness.End(t, g, meanwhile).Status
		return status == 200 || status == 404
	})
	for _, token := range []string{before, meanwhile} {
		answers.BadToken.Check(t, harness.Get(t, g, token))
	}
	harness.CheckAdmitted(t, harness.Get(t, g, live))
}
