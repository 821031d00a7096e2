package redisstore

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"time"

	"github.com/redis/go-redis/v9"
)

// ErrEviction: this Redis may forget revocations on its own, or does not say whether it
// would. Nothing is read from it and nothing written to it.
var ErrEviction = errors.New("redis may evict revocations")

// ErrReplica: the address is that of a replica, which lags behind.
var ErrReplica = errors.New("redis is a replica")

// examine runs on every new connection before its first use. So it also covers a
// reconnect, a failover and a restart with another configuration.
func (s *Store) examine(ctx context.Context, conn *redis.Conn) error {
	if err := s.examineServer(ctx, conn); err != nil {
		// go-redis strips the outer layer of this error.
		return fmt.Errorf("examining connection: %w", err)
	}
	return nil
}

func (s *Store) examineServer(ctx context.Context, conn *redis.Conn) error {
	info, err := readInfo(ctx, conn)
	if err != nil && !redis.HasErrorPrefix(err, "NOPERM") {
		return err
	}
	switch {
	case info["redis_mode"] == "sentinel":
		return errors.New("this is a sentinel: name the primary that it watches with sentinel_master")
	case info["redis_mode"] != "cluster" && info["role"] == "slave":
		// Invariant: only primaries are read. A Cluster's replicas are only asked for
		// the slots; they redirect everything else.
		return fmt.Errorf("%w: name the primary, or its sentinels with sentinel_master", ErrReplica)
	}
	if err := s.examineEviction(ctx, conn, info["maxmemory_policy"]); err != nil {
		return err
	}
	if err := s.examinePersistence(ctx, conn, info); err != nil {
		return err
	}
	g, err := s.readGuard(ctx, conn)
	if err != nil {
		return err
	}
	return s.judgeGuard(ctx, g, time.Duration(s.lease.Load()))
}

// examineEviction accepts a connection only if Redis keeps what is written.
//
// Invariant: only Trim removes an entry from the log. With any other policy than
// noeviction, Redis acknowledges an append and drops it later in silence.
func (s *Store) examineEviction(ctx context.Context, conn *redis.Conn, policy string) error {
	if policy == "" {
		config, err := conn.ConfigGet(ctx, "maxmemory-policy").Result()
		var refused redis.Error
		if err != nil && !errors.As(err, &refused) {
			return err
		}
		policy = config["maxmemory-policy"]
	}
	return s.judge(ctx, policy)
}

// judge accepts an eviction policy, or AllowEviction. After a refusal the next
// heartbeat asks again, on any connection.
func (s *Store) judge(ctx context.Context, policy string) error {
	switch {
	case policy == "noeviction":
		return nil
	case s.options.AllowEviction:
		s.warnEviction.Do(func() {
			s.log.WarnContext(ctx, "redis may evict revocations, and allow_eviction accepts it", "maxmemory_policy", policy)
		})
		return nil
	}
	s.judged.Store(nil)
	if policy == "" {
		return fmt.Errorf("%w: its policy cannot be read; permit the user +info, or set allow_eviction", ErrEviction)
	}
	return fmt.Errorf("%w: its maxmemory-policy is %q; set noeviction, or allow_eviction here", ErrEviction, policy)
}

// readInfo returns the fields of a section of INFO.
func readInfo(ctx context.Context, conn redis.Cmdable, section ...string) (map[string]string, error) {
	text, err := conn.Info(ctx, section...).Result()
	if err != nil {
		return nil, err
	}
	fields := make(map[string]string)
	for line := range strings.Lines(text) {
		if name, value, ok := strings.Cut(strings.TrimSpace(line), ":"); ok {
			fields[name] = value
		}
	}
	return fields, nil
}
