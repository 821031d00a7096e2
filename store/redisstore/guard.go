package redisstore

import (
	"context"
	"errors"
	"fmt"
	"strconv"
	"time"

	"github.com/redis/go-redis/v9"
)

// ErrSplitBrain: this Redis may still accept writes after a replica was promoted in its
// place. Gates that use it do not learn of the revocations on the new primary.
var ErrSplitBrain = errors.New("redis may have two primaries")

const (
	// guardEvery is how often heartbeats read the guard of the primary.
	guardEvery = time.Minute
	// lagRounding is how much longer than its min-replicas-max-lag a primary takes
	// writes after it last heard of a replica: Redis measures the lag in whole seconds,
	// and does so once a second.
	lagRounding = 2 * time.Second

	setMinReplicas = "set min-replicas-to-write 1 and min-replicas-max-lag 1 on every server and a lease above 1s, or allow_split_brain here"
)

// guard holds the settings that stop a primary from accepting writes after its replicas
// have left, as the server reports them.
type guard struct {
	read       time.Time
	replicated bool          // another server may be promoted in its place
	on         bool          // Redis enforces min-replicas-to-write
	maxLag     time.Duration // min-replicas-max-lag, zero if it is not known
}

// readGuard asks a server for its guard. INFO has min_slaves_good_slaves only if Redis
// enforces min-replicas-to-write: both settings are above zero.
func (s *Store) readGuard(ctx context.Context, conn redis.Cmdable) (*guard, error) {
	g := &guard{read: time.Now()}
	info, err := readInfo(ctx, conn, "replication")
	if redis.HasErrorPrefix(err, "NOPERM") {
		err = fmt.Errorf("%w; permit the user +info", err)
	}
	if err != nil {
		return nil, err
	}
	_, g.on = info["min_slaves_good_slaves"]
	g.replicated = g.on || s.replicated || info["connected_slaves"] != "0"
	if !g.on {
		return g, nil
	}
	var refused redis.Error
	config, err := conn.ConfigGet(ctx, "min-replicas-max-lag").Result()
	if err != nil && !errors.As(err, &refused) {
		return nil, err
	}
	g.maxLag = s.options.MinReplicasMaxLag
	if seconds, err := strconv.ParseUint(config["min-replicas-max-lag"], 10, 31); err == nil {
		g.maxLag = time.Duration(seconds) * time.Second
	}
	return g, nil
}

// lacks returns why the server may keep running after a promotion, and the remedy, or an
// empty text.
func (g *guard) lacks(lease time.Duration) string {
	switch {
	case !g.replicated:
		return ""
	case !g.on:
		return "another server may be promoted in its place, and it has no min-replicas-to-write; " + setMinReplicas
	case g.maxLag == 0:
		return "its min-replicas-max-lag cannot be read; permit the user +config|get, or set min_replicas_max_lag here"
	case lease > 0 && g.maxLag >= lease:
		return fmt.Sprintf("its min-replicas-max-lag of %v is not below the lease of %v; %s", g.maxLag, lease, setMinReplicas)
	}
	return ""
}

// judgeGuard refuses a server that may keep running after a promotion, unless the options
// allow it. It only warns if the server had no replica when the store first reached it. An
// operator may have attached one for a backup, and running gates must not fail for that.
func (s *Store) judgeGuard(ctx context.Context, g *guard, lease time.Duration) error {
	s.guard.Store(g)
	lacks := g.lacks(lease)
	switch {
	case lacks == "":
		s.maxLag.Store(int64(g.maxLag))
		if !g.replicated {
			s.single.Store(true)
		}
		return nil
	case s.options.AllowSplitBrain || s.single.Load():
		s.maxLag.Store(0)
		message := "redis may have two primaries after a failover, and allow_split_brain accepts it; " +
			"then a gate may admit a session after another gate has ended it with 200"
		if !s.options.AllowSplitBrain {
			message = "a replica was attached to redis; do not promote it while gates run; gates that start now are refused"
		}
		if last := s.warned.Swap(&lacks); last == nil || *last != lacks {
			s.log.WarnContext(ctx, message, "reason", lacks)
		}
		return nil
	}
	s.guard.Store(nil) // the next heartbeat reads it again
	return fmt.Errorf("%w: %s", ErrSplitBrain, lacks)
}

// checkGuard judges the primary by a guard that is not older than guardEvery, and by a
// lease: the fleet's, or the one that is to be set.
func (s *Store) checkGuard(ctx context.Context, lease time.Duration) error {
	g := s.guard.Load()
	if g == nil || time.Since(g.read) >= guardEvery {
		var conn redis.Cmdable = s.writer
		var err error
		if cluster, ok := s.writer.(*redis.ClusterClient); ok {
			conn, err = cluster.MasterForKey(ctx, s.keys[0])
		}
		if err == nil {
			g, err = s.readGuard(ctx, conn)
		}
		if err != nil {
			return err
		}
	}
	return s.judgeGuard(ctx, g, lease)
}

// lag is how long the primary may take writes after another was promoted in its place.
// Zero: no other server can be promoted, or the options allow any time.
func (s *Store) lag() time.Duration {
	if lag := time.Duration(s.maxLag.Load()); lag > 0 {
		return lag + lagRounding
	}
	return 0
}
