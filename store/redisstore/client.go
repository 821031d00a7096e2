package redisstore

import (
	"context"
	"time"

	"github.com/redis/go-redis/v9"
	"github.com/redis/go-redis/v9/maintnotifications"
)

// The time budgets. go-redis' own defaults let a frozen Redis go unnoticed for
// tens of seconds.
const (
	// dialTimeout bounds making a connection, TLS included.
	dialTimeout = 500 * time.Millisecond
	// socketTimeout bounds one command's write, and the read of its reply.
	socketTimeout = 500 * time.Millisecond
	// callBudget bounds one call of the store as a whole, however many commands
	// and connections it takes. A Read that waits may add longestBlock.
	callBudget = time.Second
	// longestBlock is how long one XREAD waits in Redis at the most: half of the
	// longest lease. Whoever reads says how long a read may be deaf.
	longestBlock = 150 * time.Second
	// keepAlive finds dead peers of connections that only wait.
	keepAlive = 5 * time.Second
	// connLifetime is after how long a connection is made anew, so that a
	// changed policy, password or certificate is noticed.
	connLifetime = 10 * time.Minute
)

// clientName is what CLIENT LIST of Redis shows.
const clientName = "session_gate"

// writerOptions are go-redis' options for everything but waiting reads. All
// that has a default worth knowing is said here.
func (t target) writerOptions(onConnect func(context.Context, *redis.Conn) error) *redis.UniversalOptions {
	return &redis.UniversalOptions{
		Addrs:         t.addresses,
		IsClusterMode: t.cluster,
		ClientName:    clientName,
		DB:            t.db,
		Username:      t.username,
		Password:      t.password,
		Dialer:        t.dialer(),
		OnConnect:     onConnect,

		// RESP2: every reply has one shape, and nothing comes unasked.
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

		// CLIENT SETINFO came with Redis 7.2 and would need a permission of its
		// own. The client's name tells enough.
		DisableIdentity: true,

		// Invariant: only primaries are read. A replica lags, and a revocation
		// that it has not heard of would pass for none.
		ReadOnly:       false,
		RouteByLatency: false,
		RouteRandomly:  false,

		// A server that announces maintenance would otherwise lift the timeouts
		// to ten seconds.
		MaintNotificationsConfig: &maintnotifications.Config{Mode: maintnotifications.ModeDisabled},
	}
}

// readerOptions are those of the client that waits for entries. Its connections
// are its own, so that no call queues behind a wait. Each of its calls has a deadline
// of its own, which is the wait and a budget.
func (t target) readerOptions(onConnect func(context.Context, *redis.Conn) error) *redis.UniversalOptions {
	o := t.writerOptions(onConnect)
	o.ReadTimeout = longestBlock + socketTimeout
	o.PoolSize, o.MaxIdleConns, o.MaxActiveConns = 4, 4, 8
	o.MinIdleConns = 0
	return o
}
