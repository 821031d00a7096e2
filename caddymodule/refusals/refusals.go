package refusals

import (
	"context"
	"log/slog"
	"slices"
	"sync/atomic"
	"time"
)

// Mode is which refusals are logged.
type Mode string

const (
	// Sampled is one line a second at most for each reason and issuer.
	Sampled Mode = "sampled"
	// All is a line for each refusal.
	All Mode = "all"
	// Off is no line.
	Off Mode = "off"
)

// interval is the shortest time between two lines of one reason and issuer.
const interval = time.Second

// reasons are the reasons, and the codes of answers without a reason, that have lines of their
// own. All others share theirs.
var reasons = []string{
	"", "missing", "malformed", "several", "invalid", "expired", "revoked", "unavailable", "method", "path", "cross_site",
	"invalid_request", "invalid_session",
}

// Options configure a Log.
type Options struct {
	// Mode is which refusals are logged. Default: Off.
	Mode Mode
	// Subjects lets lines name the subjects of tokens. Default: false.
	Subjects bool
	// Issuers are the names of the configured issuers. Refusals of all others share their lines.
	Issuers []string
	// Logger receives the lines, at info. Required, but for Off.
	Logger *slog.Logger
}

// Log logs refusals. It may be used concurrently. A nil Log logs nothing.
//
// Attack: fill the log, or the memory, with refused requests of ever new issuers (invariant
// 12). The number of buckets is fixed.
type Log struct {
	o       Options
	began   time.Time
	reasons map[string]int
	issuers map[string]int
	buckets []bucket
}

// bucket counts the refusals of one reason and issuer.
type bucket struct {
	// next is when the next line may be written, since Log.began.
	next atomic.Int64
	// left is how many refusals have been left out since the last line.
	left atomic.Uint64
}

// New returns a Log.
func New(o Options) *Log {
	l := &Log{o: o, began: time.Now(), reasons: make(map[string]int), issuers: make(map[string]int)}
	for i, reason := range reasons {
		l.reasons[reason] = i
	}
	for i, issuer := range slices.Compact(slices.Sorted(slices.Values(o.Issuers))) {
		l.issuers[issuer] = i + 1
	}
	l.buckets = make([]bucket, len(reasons)*(len(l.issuers)+1))
	return l
}

// Take counts a refusal, and reports whether it gets a line. Then the caller calls Write, with
// leftOut. It takes no lock and does not allocate.
func (l *Log) Take(reason, issuer string) (leftOut uint64, ok bool) {
	switch {
	case l == nil || l.o.Mode == Off || l.o.Mode == "":
		return 0, false
	case l.o.Mode == All:
		return 0, l.o.Logger.Enabled(context.Background(), slog.LevelInfo)
	}
	b := &l.buckets[l.reasons[reason]*(len(l.issuers)+1)+l.issuers[issuer]]
	now, next := int64(time.Since(l.began)), b.next.Load()
	if now < next || !b.next.CompareAndSwap(next, now+int64(interval)) {
		b.left.Add(1)
		return 0, false
	}
	if !l.o.Logger.Enabled(context.Background(), slog.LevelInfo) {
		return 0, false
	}
	return b.left.Swap(0), true
}

// Refusal is what a line tells about one refused request.
type Refusal struct {
	// Reason is a word of reply.Denial, or the code of an answer without a reason.
	Reason string
	// Rule is the rule that the request breaks.
	Rule string
	// Issuer is the name of a configured issuer, or "".
	Issuer string
	// Subject is that of a token with a good signature, or "".
	Subject string
	// ClientIP is the address of the client, as Caddy knows it.
	ClientIP string
	// Method and Path are those of the request as the client sent it. The path holds no query,
	// and neither a session id nor a token.
	Method, Path string
	// RequestID is `{http.request.uuid}`, which Caddy's access log writes as `uuid`, or "".
	RequestID string
	// TraceID is that of Caddy's tracing, which the access log writes as `traceID`, or "".
	TraceID string
}

const (
	// maxMethod and maxPath bound what a client can write into a line, in bytes, and maxRule
	// what the server of an issuer can, whose errors are part of a rule.
	maxMethod = 32
	maxPath   = 256
	maxRule   = 512
)

// Write writes the line of a refusal.
func (l *Log) Write(r Refusal, leftOut uint64) {
	logger := l.o.Logger.With("reason", r.Reason, "rule", cut(r.Rule, maxRule))
	if r.Issuer != "" {
		logger = logger.With("issuer", r.Issuer)
	}
	if r.Subject != "" && l.o.Subjects {
		logger = logger.With("user_id", r.Subject)
	}
	if r.RequestID != "" {
		logger = logger.With("uuid", r.RequestID)
	}
	if r.TraceID != "" {
		logger = logger.With("traceID", r.TraceID)
	}
	if leftOut > 0 {
		logger = logger.With("left_out", leftOut)
	}
	logger.Info("request refused", "client_ip", r.ClientIP, "method", cut(r.Method, maxMethod), "path", cut(r.Path, maxPath))
}

// cut returns the beginning of a text.
func cut(text string, most int) string {
	if len(text) <= most {
		return text
	}
	return text[:most] + "…"
}
