package redisstore

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"sync"
	"sync/atomic"
	"time"

	"github.com/redis/go-redis/v9"

	"github.com/sessiongate/sessiongate/store"
)

// Store is a store.Backend in Redis. It is safe for concurrent use.
type Store struct {
	options Options
	log     *slog.Logger
	clock   func() time.Time
	prefix  string // of every key
	keys    []string
	target  target
	address string // for people, without secrets
	limits  store.SessionLimits

	writer redis.UniversalClient // for all calls that do not wait
	reader redis.UniversalClient // for reads that may wait
	// sentinels find the primary for both; nil for none.
	sentinels *sentinels

	// last is the head that a read saw last. What it says of the beginning of its
	// generation stays true while that generation lasts.
	last atomic.Pointer[head]
	// lastBeat is the answer to the last heartbeat.
	lastBeat atomic.Pointer[beatAnswer]

	mu     sync.Mutex // held while a wait begins, and while closed is set
	closed atomic.Bool
	waits  sync.WaitGroup // reads that wait in Redis

	judged       atomic.Pointer[time.Time] // when Redis last reported a good eviction policy
	warnEviction sync.Once

	examinedPersistence atomic.Bool

	replicated bool // by the options: another server may be promoted
	// guard is the last known guard of the primary, or nil to read it again.
	guard  atomic.Pointer[guard]
	single atomic.Bool            // it was seen without replicas, and needs none then
	lease  atomic.Int64           // the fleet's, zero if it is not known
	maxLag atomic.Int64           // min-replicas-max-lag, zero if it promises nothing
	warned atomic.Pointer[string] // the missing settings of the last warning
}

// beatAnswer is the answer to a heartbeat, and the time at which it was asked for.
type beatAnswer struct {
	head  store.Position
	asked time.Time
}

// nothing reports whether no entry had followed a position, according to a heartbeat that
// was sent at an instant or later.
func (t *beatAnswer) nothing(after store.Position, since time.Time) bool {
	return t != nil && t.head.Generation == after.Generation && t.head.Seq == after.Seq && !t.asked.Before(since)
}

// quiet silences go-redis, which prints each failed dial to standard error. The
// store returns those errors.
type quiet struct{}

// Printf implements go-redis' logger.
func (quiet) Printf(context.Context, string, ...any) {}

var silence = sync.OnceFunc(func() { redis.SetLogger(quiet{}) })

// Open returns the store that the options name. It reads the TLS files, and fails if
// that fails or the options are not valid. It does not wait for Redis: while Redis is
// away calls fail, and when it is back they work.
//
// It also silences go-redis' own log for the whole process.
func Open(o Options) (*Store, error) {
	if err := o.Validate(); err != nil {
		return nil, fmt.Errorf("opening redis store: %w", err)
	}
	t, err := o.resolve()
	if err != nil {
		return nil, fmt.Errorf("opening redis store: %w", err)
	}
	if t.tls != nil {
		if _, err := t.tls.load(); err != nil {
			return nil, fmt.Errorf("opening redis store: %w", err)
		}
	}
	silence()
	s := &Store{options: o, log: o.Logger, clock: o.Clock, prefix: "{session_gate:" + o.Namespace + "}:"}
	s.keys = []string{s.prefix + "head", s.prefix + "log", s.prefix + "gates", s.prefix + "beats"}
	s.address, s.limits = t.address(), o.Sessions.OrDefault()
	s.replicated = t.cluster || t.sentinel.master != ""
	if s.log == nil {
		s.log = slog.New(slog.DiscardHandler)
	}
	t.ofRedis = newPassword("redis", t.username, t.password, o.RenewPassword, s.log)
	t.ofSentinels = newPassword("sentinel", t.sentinel.username, t.sentinel.password, o.RenewSentinelPassword, s.log)
	s.target = t
	if s.clock == nil {
		s.clock = time.Now
	}
	if t.sentinel.master != "" {
		s.sentinels = t.watch()
	}
	s.writer = connect(t.writerOptions(s.examine), s.sentinels)
	s.reader = connect(t.readerOptions(s.examine), s.sentinels)
	return s, nil
}

// Close implements store.Store. It closes the connections, which ends every running
// call at once.
func (s *Store) Close() error {
	s.mu.Lock()
	again := s.closed.Swap(true)
	s.mu.Unlock()
	if again {
		return fmt.Errorf("closing redis store: %w", store.ErrClosed)
	}
	err := errors.Join(s.reader.Close(), s.writer.Close())
	s.waits.Wait()
	if s.sentinels != nil {
		s.sentinels.close()
	}
	if err != nil {
		return fmt.Errorf("closing redis store: %w", err)
	}
	return nil
}

// begin starts a call: it refuses a closed store and an ended context, and limits the
// time of the call.
func (s *Store) begin(ctx context.Context, doing string, budget time.Duration) (context.Context, context.CancelFunc, error) {
	if s.closed.Load() {
		return nil, nil, fmt.Errorf("%s: %w", doing, store.ErrClosed)
	}
	if err := ctx.Err(); err != nil {
		return nil, nil, fmt.Errorf("%s: %w", doing, err)
	}
	bounded, cancel := context.WithTimeout(ctx, budget)
	return bounded, cancel, nil
}

// call runs a script on the keys of the log, as one call of the store.
func (s *Store) call(ctx context.Context, doing string, sc script, args ...any) (any, error) {
	bounded, cancel, err := s.begin(ctx, doing, callBudget)
	if err != nil {
		return nil, err
	}
	defer cancel()
	reply, err := s.run(bounded, s.writer, sc, s.keys, args...)
	return reply, s.explain(ctx, doing, err)
}

var (
	_ store.Backend = (*Store)(nil)
	_ store.Fleet   = (*Store)(nil)
)
