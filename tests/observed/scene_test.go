package observed

import (
	"context"
	"encoding/json"
	"fmt"
	"io"
	stdlog "log"
	"net/http"
	"regexp"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/sessiongate/sessiongate/caddymodule/token/tokentest"
	"github.com/sessiongate/sessiongate/store/redisstore/redistest"
	"github.com/sessiongate/sessiongate/tests/harness"
	"github.com/sessiongate/sessiongate/tests/operating"
)

const (
	// noticeLimit is how long a gate may take to notice a fault, on a busy machine.
	noticeLimit = 30 * time.Second
	// frozenTimeout is how long the test waits for an answer of a gate that is frozen.
	frozenTimeout = time.Second
)

// quiet is the log of servers whose clients are to fail.
var quiet = stdlog.New(io.Discard, "", 0)

// scene is a gate with a fault, and what is around it.
type scene struct {
	fault  fault
	gate   *harness.Gate
	redis  *redistest.Server
	issuer *tokentest.Endpoint
	clock  string
	config harness.Config
	// hidden are addresses and their names in the tables, in pairs.
	hidden []string
	// logged is how much the gate had logged when the fault began, and counted what it had
	// counted.
	logged  int
	counted harness.Metrics
}

// hide shows an address of this run by a name.
func (s *scene) hide(address, name string) { s.hidden = append(s.hidden, address, name) }

func (s *scene) startRedis(t *testing.T, options ...redistest.Option) {
	t.Helper()
	// A Redis that keeps nothing would draw a warning.
	s.redis = redistest.Start(t, append(options, redistest.Config("save 3600 1"))...)
	s.hide(s.redis.Addr(), "redis:6379")
}

// store returns the `store` on the Redis, with further words.
func (s *scene) store(words string) string { return harness.RedisWith(s.redis, words) }

// run starts the gate.
func (s *scene) run(t *testing.T, config harness.Config) {
	t.Helper()
	config.Global, config.Unready = "metrics", true
	config.App += "\nlog_refusals all"
	config.Routes = "handle /metrics {\nmetrics\n}\nhandle {\nsession_gate\nreverse_proxy {$UPSTREAM}\n}"
	s.config = config
	s.gate = harness.Start(t, config)
	s.hide(s.gate.Dir(), "")
}

// token returns a token of a new session.
func (s *scene) token(session string) string { return s.gate.Token(harness.Session(session)) }

// notices reports whether the gate has noticed the fault.
func (s *scene) notices(t *testing.T) bool {
	t.Helper()
	return strings.Contains(s.gate.Admin(t, "GET", "/session_gate/health").Body, s.fault.state)
}

// says waits until the log has the fault's line.
func (s *scene) says(t *testing.T) {
	t.Helper()
	harness.Eventually(t, noticeLimit, "the log says "+s.fault.log, func() bool {
		return strings.Contains(s.gate.Logs()[s.logged:], s.fault.log)
	})
}

// strike makes the fault, and waits until the gate has noticed it.
func (s *scene) strike(t *testing.T) {
	t.Helper()
	if s.fault.begin != nil {
		harness.Recovers(t, s.gate, s.token("before"))
		s.logged, s.counted = len(s.gate.Logs()), s.gate.Metrics(t)
		s.fault.begin(s, t)
	}
	if s.fault.state != "" {
		harness.Eventually(t, noticeLimit, "the gate notices", func() bool { return s.notices(t) })
	}
}

// observe returns what operators and users see.
func (s *scene) observe(t *testing.T, p *prometheus) (o observed) {
	t.Helper()
	token := s.token("during")
	o.Fault = s.fault.name
	o.User, o.Logout = s.ask("GET", "/", token), s.ask("DELETE", harness.Endpoint, token)
	o.Health = s.health(t)
	o.Livez, o.Startupz, o.Lenient = s.probe("/livez"), s.probe("/startupz"), s.probe("/readyz")
	o.Strict = o.Lenient
	for _, alert := range s.fault.alerts {
		harness.Eventually(t, seeLimit, alert+" fires", func() bool {
			if alert == nobodyAdmitted {
				s.ask("GET", "/", token)
			}
			return slices.Contains(p.fired(t, s.fault.name), alert)
		})
	}
	if s.fault.silent {
		o.Metrics, o.Alerts = []string{"`up` 0"}, p.fired(t, s.fault.name)
		return o
	}
	o.Metrics = telling(s.gate.Metrics(t), s.counted)
	config := s.config
	config.App += "\nreadiness strict"
	harness.Load(t, s.gate, config)
	o.Strict = s.probe("/readyz")
	s.says(t)
	o.Log = s.lines()
	return o
}

// fired returns the alerts of a job that have fired.
func (p *prometheus) fired(t *testing.T, job string) (alerts []string) {
	t.Helper()
	for _, labels := range p.now(t, fmt.Sprintf(`max_over_time(ALERTS{alertstate="firing", job=%q}[10m])`, job)) {
		alerts = append(alerts, labels["alertname"])
	}
	slices.Sort(alerts)
	return alerts
}

// ask returns the status of a request with a token.
func (s *scene) ask(method, path, token string) string {
	return s.status(method, s.gate.URL(path), harness.Bearer(token))
}

func (s *scene) probe(path string) string { return s.status("GET", s.gate.ProbeURL(path)) }

// status returns the status of a request.
func (s *scene) status(method, url string, changes ...harness.Change) string {
	limit := noticeLimit
	if s.fault.silent {
		limit = frozenTimeout
	}
	ctx, cancel := context.WithTimeout(context.Background(), limit)
	defer cancel()
	for {
		request, err := http.NewRequestWithContext(ctx, method, url, nil)
		if err != nil {
			return err.Error()
		}
		for _, change := range changes {
			change(request)
		}
		response, err := http.DefaultClient.Do(request)
		switch {
		case err == nil:
			_ = response.Body.Close()
			return fmt.Sprint(response.StatusCode)
		case !harness.Unanswered(err): // as after a reload
			return "no answer"
		}
	}
}

// told are the lines of `health` that say what is wrong.
var told = regexp.MustCompile(`(?m)^(The gate .*|Why: .*|Next: .*|Error: .*| *error:? .*)$`)

// health returns the exit status of the command, and the lines that say what is wrong.
func (s *scene) health(t *testing.T) (h health) {
	t.Helper()
	printed, code := operating.Operate(t, s.gate, "health")
	h.Exit = fmt.Sprint(code)
	for _, line := range told.FindAllString(printed, -1) {
		h.Lines = append(h.Lines, s.stable(strings.Join(strings.Fields(line), " ")))
	}
	return h
}

var (
	// varying are lengths of time and instants.
	varying = regexp.MustCompile(`\d+-\d+-\d+T\S+?Z|\b(\d+h)?(\d+m)?\d+(\.\d+)?(ms|s)\b`)
	// further is what the error of a store says after its first sentence. Which call failed last,
	// and how a timeout is called, differ.
	further = regexp.MustCompile(`^(error .*?)(; .*|(deadline exceeded).*)$`)
)

// stable returns a text without what differs in each run.
func (s *scene) stable(text string) string {
	text = varying.ReplaceAllString(strings.NewReplacer(s.hidden...).Replace(text), "…")
	return further.ReplaceAllString(text, "$1$3")
}

// lines returns what the gate has logged since the fault began, each line once: warnings and
// errors in the order of their levels, and why requests are refused.
func (s *scene) lines() []string {
	var found [4][]string // by level
	for text := range strings.Lines(s.gate.Logs()[s.logged:]) {
		var entry struct{ Level, Logger, Msg, Reason, Rule string }
		if json.Unmarshal([]byte(text), &entry) != nil || !strings.Contains(entry.Logger, "session_gate") {
			continue
		}
		line := fmt.Sprintf("%s: `%s`", entry.Level, s.stable(entry.Msg))
		if entry.Reason != "" && entry.Msg == refusal {
			rule, _, _ := strings.Cut(entry.Rule, ", because ") // health has the error
			line += fmt.Sprintf(" (%s, rule `%s`)", entry.Reason, rule)
		}
		// A session that was seen just before the fault may be written just before it, too.
		chance := strings.HasPrefix(entry.Msg, "sessions could not be written")
		if at := slices.Index(levels, entry.Level); (at < 2 || entry.Msg == refusal) && !chance && !slices.Contains(found[at], line) {
			found[at] = append(found[at], line)
		}
	}
	for _, lines := range found {
		slices.Sort(lines)
	}
	return slices.Concat(found[:]...)
}

var levels = []string{"error", "warn", "info", "debug"}

// refusal is the line about a request that the gate refuses.
const refusal = "request refused"
