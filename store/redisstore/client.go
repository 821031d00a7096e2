package redisstore

import (
	"context"
	"time"

	"github.com/redis/go-redis/v9"
	"github.com/redis/go-redis/v9/maintnotifications"
)

// The time budgets. With go-redis' own defaults, a frozen Redis would go unnoticed for
// tens of seconds.
const (
	// dialTimeout bounds making a connection, TLS included.
	dialTimeout = 500 * time.Millisecond
	// socketTimeout bounds one command's write, and the read of its reply.
	socketTimeout = 500 * time.Millisecond
	// callBudget bounds one call of the store as a whole, however many commands
	// and connections it takes. A Read that waits may add longestBlock.
	callBudget = time.Second
	// longestBlock is how long one XREAD waits in Redis at most: half of the longest
	// lease. The caller of a read says how long it may wait.
	longestBlock = 150 * time.Second
	// keepAlive finds dead peers of connections that only wait.
	keepAlive = 5 * time.Second
	// connLifetime is after how long a connection is replaced, so that a changed
	// policy, password or certificate is noticed.
	connLifetime = 10 * time.Minute
)

// clientName is what CLIENT LIST of Redis shows.
const clientName = "session_gate"

// writerOptions are go-redis' options for all calls except waiting reads. They set
// every option that has an important default.
func (t target) writerOptions(onConnect func(context.Context, *redis.Conn) error) *redis.UniversalOptions {
	o := &redis.UniversalOptions{
		Addrs:         t.addresses,
		IsClusterMode: t.cluster,
		ClientName:    clientName,
		DB:            t.db,
		Dialer:        t.dialer(),
		OnConnect:     onConnect,

		// RESP2: every reply has one form, and Redis sends nothing unasked.
		Protocol: 2,
		// A timeout does not mean "not applied": a retried append would be on
		// the log twice.
		MaxRetries:            -1,
		MaxRedirects:          3,
		ContextTimeoutEnabled: true,
		DialTimeout:           dialTimeout,
		DialerRetries:         1,
		DialerRetryTimeout:    time.Millisecond,
		ReadTimeout:           socketTimeout,
		WriteTimeout:          socketTimeout,

		PoolSize:              8,
		PoolTimeout:           socketTimeout,
		MinIdleConns:          1,
		MaxIdleConns:          8,
		MaxActiveConns:        16,
		ConnMaxIdleTime:       5 * time.Minute,
		ConnMaxLifetime:       connLifetime,
		ConnMaxLifetimeJitter: time.Minute,
		PipelinePoolSize:      -1,

		// CLIENT SETINFO came with Redis 7.2 and would need a permission of its own.
		// The client's name is enough.
		DisableIdentity: true,

		// Invariant: only primaries are read. A replica lags, and a revocation that it
		// has not received yet would count as none.
		ReadOnly:       false,
		RouteByLatency: false,
		RouteRandomly:  false,

		// A server that announces maintenance would otherwise lift the timeouts
		// to ten seconds.
		MaintNotificationsConfig: &maintnotifications.Config{Mode: maintnotifications.ModeDisabled},
	}
	if t.ofRedis != nil {
		o.CredentialsProviderContext = t.ofRedis.credentials
	}
	return o
}

// readerOptions are those of the client that waits for entries. It has its own
// connections, so that no call queues behind a wait. Each of its calls has its own
// deadline, which is the wait and a budget.
func (t target) readerOptions(onConnect func(context.Context, *redis.Conn) error) *redis.UniversalOptions {
	o := t.writerOptions(onConnect)
	o.ReadTimeout = longestBlock + socketTimeout
	o.PoolSize, o.MaxIdleConns, o.MaxActiveConns = 4, 4, 8
	o.MinIdleConns = 0
	return o
}
