package chaos

import (
	"bytes"
	"fmt"
	"io"
	"net/http"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"sync/atomic"
	"syscall"
	"testing"
	"time"

	"github.com/sessiongate/sessiongate/store/redisstore/redistest"
	"github.com/sessiongate/sessiongate/tests/chaos/stepped"
	"github.com/sessiongate/sessiongate/tests/harness"
)

const (
	// Lease is the lease of the fleets under test.
	Lease = time.Second
	// Slack is the time that busy cores add to every limit.
	Slack = 2 * time.Second
	// endpoint is the path of the session API.
	endpoint = "/v1/auth/session"
	// namespace is the namespace of the fleet.
	namespace = "chaos"
)

// Fleet is some gates that share one store and one upstream. Send and NewSession may be
// called concurrently.
type Fleet struct {
	// Redis is nil if the test has its own stores, or if the fleet is watched.
	Redis  *redistest.Server
	Gates  []*Gate
	Oracle *Oracle

	lease   time.Duration
	watched *watched // nil if no sentinel watches its Redis
	clocks  clocks
	mixed   bool // whether the gates may differ in their configuration
	client  *http.Client
	made    atomic.Int64 // number of sessions
	again   atomic.Int64 // the second of the last login in a session that has ended
	logDir  string       // of Redis
	copied  string       // where its append-only files were copied to
}

// Gate is one gate, and its link to Redis.
type Gate struct {
	*harness.Gate
	// Link is nil if the test has its own stores.
	Link *Link
	// Config is the configuration with which the gate was started.
	Config harness.Config

	clock   string // the file that steps its clock
	loose   atomic.Bool
	frozen  bool
	reloads int
	feed    func() // ends starving
}

// Session is one session, with its only token.
type Session struct{ ID, Token string }

// StartFleet starts a Redis and this many gates, each with its own link, and waits until
// all gates admit.
func StartFleet(tb testing.TB, gates int, options ...redistest.Option) *Fleet {
	tb.Helper()
	redis := redistest.Start(tb, options...)
	links, stores := make([]*Link, gates), make([]string, gates)
	for i := range links {
		links[i] = NewLink(tb, redis.Addr())
		stores[i] = harness.Redis(links[i].Addr(), namespace)
	}
	f := StartGates(tb, stores, Lease)
	f.Redis, f.logDir = redis, logDir(redis)
	f.connect(links)
	return f
}

// connect assigns the links to the gates.
func (f *Fleet) connect(links []*Link) {
	for i, g := range f.Gates {
		g.Link = links[i]
	}
}

// StartGates starts a gate for each `store` of a Caddyfile, and waits until all gates
// admit.
func StartGates(tb testing.TB, stores []string, lease time.Duration) *Fleet {
	tb.Helper()
	f := newFleet(tb, lease)
	f.start(tb, stores, func(int) string { return "lease " + lease.String() })
	return f
}

func newFleet(tb testing.TB, lease time.Duration) *Fleet {
	f := &Fleet{Oracle: NewOracle(), lease: lease, client: &http.Client{
		Timeout:   20 * time.Second,
		Transport: &http.Transport{MaxIdleConnsPerHost: 64, DisableCompression: true},
	}}
	tb.Cleanup(f.client.CloseIdleConnections)
	return f
}

// start starts a gate for each store, with lines of configuration for each, and waits until
// all gates admit.
func (f *Fleet) start(tb testing.TB, stores []string, app func(gate int) string) {
	tb.Helper()
	config := harness.Config{Key: harness.NewKey(), Upstream: harness.NewUpstream(tb), Binary: f.clocks.gates, Unready: true}
	config.Issuers = harness.IssuerWith("reauthentication admit")
	// The answer must have a body. After an empty answer, net/http's Transport reuses the
	// connection, and a cancelled request can make the next request fail.
	config.Upstream.Handle("/", func(w http.ResponseWriter, _ *http.Request) { _, _ = io.WriteString(w, "ok") })
	for gate, store := range stores {
		config.Store, config.App = store, app(gate)
		f.Add(tb, config)
	}
	// The first generation has no witness: it takes two leases to open.
	f.Recovers(tb, 3*f.lease+Slack)
}

// Add starts one more gate.
func (f *Fleet) Add(tb testing.TB, config harness.Config) *Gate {
	tb.Helper()
	g := new(Gate)
	if f.clocks.gates != "" {
		g.clock = filepath.Join(tb.TempDir(), "clock")
		g.setClock(tb, 0)
		config.Env = []string{stepped.Variable + "=" + g.clock}
	}
	g.promises(config.App, func() { g.Gate, g.Config = harness.Start(tb, config), config })
	tb.Cleanup(func() { // SIGTERM does not end a stopped process
		g.Feed()
		g.Thaw()
	})
	f.Gates = append(f.Gates, g)
	return g
}

// Join starts one more gate, which reaches Redis without a link. It returns the gate as a
// fleet of its own, for sessions of the first fleet.
func (f *Fleet) Join(tb testing.TB) *Fleet {
	tb.Helper()
	config := f.Gates[0].Config
	config.Store = harness.Redis(f.Redis.Addr(), namespace)
	joined := &Fleet{Redis: f.Redis, Oracle: f.Oracle, lease: f.lease, client: f.client}
	joined.Add(tb, config)
	return joined
}

// Freeze stops the process with SIGSTOP, and returns when all its threads are stopped. The
// kernel still accepts data for it.
func (g *Gate) Freeze() {
	g.Signal(syscall.SIGSTOP)
	g.frozen = true
	repeat(Slack, func() bool { return stands(g.PID()) })
}

// stands reports whether every thread of a process is stopped.
func stands(pid int) bool {
	threads, err := filepath.Glob(fmt.Sprintf("/proc/%d/task/*/stat", pid))
	if err != nil {
		return false
	}
	for _, thread := range threads {
		stat, err := os.ReadFile(thread)
		if err != nil {
			return false
		}
		// The state follows the name, which may hold any bytes (proc(5)).
		if _, state, found := bytes.Cut(stat, []byte(") ")); !found || state[0] != 'T' {
			return false
		}
	}
	return len(threads) > 0
}

// Thaw lets a frozen process continue. It does nothing for other processes.
func (g *Gate) Thaw() {
	if g.frozen {
		g.Signal(syscall.SIGCONT)
		g.frozen = false
	}
}

// NewSession returns a new session, with a login of its own second. In a mixed fleet every
// other token is old and lives long, so that a clock may be a day off, both ways.
func (f *Fleet) NewSession() Session {
	made := f.made.Add(1)
	id := "session-" + strconv.FormatInt(made, 10)
	claims := map[string]any{"sid": id, "jti": id, "auth_time": made, "exp": time.Now().Add(20 * time.Hour).Unix()}
	if f.mixed && made%2 == 0 {
		claims["iat"], claims["exp"] = time.Now().Add(-lifetime/2).Unix(), time.Now().Add(lifetime/2).Unix()
	}
	return Session{ID: id, Token: f.Gates[0].Token(claims)}
}

// LogIn logs in again in a session, in a second of its own. It reports false if there was a
// login in this second.
func (f *Fleet) LogIn(s Session) (again Session, ok bool) {
	now := time.Now().Unix()
	if before := f.again.Load(); before >= now || !f.again.CompareAndSwap(before, now) {
		return Session{}, false
	}
	id := s.ID + " at " + strconv.FormatInt(now, 10)
	sid, _, _ := strings.Cut(s.ID, " ")
	claims := map[string]any{"sid": sid, "jti": id, "auth_time": now, "exp": time.Now().Add(20 * time.Hour).Unix()}
	return Session{ID: id, Token: f.Gates[0].Token(claims)}, true
}

// Reply is an answer, with the instants at which the client sent the request and had the
// answer.
type Reply struct {
	Status       int // unanswered if there is none
	Began, Ended time.Time
	// Loose reports whether the answer is no promise, whatever it is: the gate waits for
	// the store only.
	Loose bool
}

// Promises reports whether the reply to a DELETE of the caller's own session promises that
// all gates refuse the session.
func (r Reply) Promises() bool {
	return (r.Status == http.StatusOK || r.Status == http.StatusNotFound) && !r.Loose
}

// Took is how long the answer took.
func (r Reply) Took() time.Duration { return r.Ended.Sub(r.Began) }

// Request sends an ordinary request of a session to a gate, and reports the answer to the
// oracle.
func (f *Fleet) Request(gate int, s Session) Reply {
	reply := f.send(gate, http.MethodGet, "/", s.Token, "")
	f.Oracle.Answered(s.ID, gate, reply.Began, reply.Status)
	return reply
}

// End sends a DELETE of a session to a gate with the session's own token, and reports the
// answer to the oracle.
func (f *Fleet) End(gate int, s Session) Reply {
	f.Oracle.Tries(s.ID)
	reply := f.send(gate, http.MethodDelete, endpoint, s.Token, "")
	if reply.Promises() {
		f.Oracle.Promised(s.ID, gate, reply.Ended)
	}
	f.Oracle.Deleted(s.ID, gate, reply.Status, http.StatusOK, http.StatusNotFound)
	return reply
}

// EndBy sends a DELETE of a session to a gate with the token of another live session of the
// same subject, and reports the answer to the oracle. Here a 404 is no promise: it is also
// the answer for an unknown session.
func (f *Fleet) EndBy(gate int, caller, s Session) Reply {
	f.Oracle.Tries(s.ID)
	reply := f.send(gate, http.MethodDelete, endpoint, caller.Token, `{"session_id":"`+s.ID+`"}`)
	if reply.Status == http.StatusOK && reply.Promises() {
		f.Oracle.Promised(s.ID, gate, reply.Ended)
	}
	f.Oracle.Deleted(s.ID, gate, reply.Status, http.StatusOK, http.StatusNotFound)
	return reply
}

func (f *Fleet) send(gate int, method, path, token, body string) (reply Reply) {
	request, err := http.NewRequest(method, f.Gates[gate].URL(path), strings.NewReader(body))
	if err != nil {
		f.Oracle.Faultf("making a request: %v", err)
		return reply
	}
	harness.Bearer(token)(request)
	if body != "" {
		request.Header.Set("Content-Type", "application/json")
	}
	loose := &f.Gates[gate].loose
	reply.Loose = loose.Load()
	reply.Began = time.Now()
	response, err := f.client.Do(request)
	if err == nil {
		_, err = io.Copy(io.Discard, response.Body)
		_ = response.Body.Close()
	}
	if reply.Ended = time.Now(); err == nil {
		reply.Status = response.StatusCode
	}
	reply.Loose = reply.Loose || loose.Load()
	return reply
}
