package redisstore

import (
	"context"
	"errors"

	"github.com/redis/go-redis/v9"
)

// examinePersistence warns if Redis keeps nothing on disk. It asks until it has an answer, and not
// for each connection. Without persistence, a restart of Redis while no gate runs loses every
// revocation. INFO names the append-only file; only CONFIG tells whether there are snapshots. If
// Redis does not say, there is no warning.
func (s *Store) examinePersistence(ctx context.Context, conn *redis.Conn, info map[string]string) error {
	if info["aof_enabled"] != "0" || s.examinedPersistence.Load() {
		return nil
	}
	config, err := conn.ConfigGet(ctx, "save").Result()
	var refused redis.Error
	if err != nil && !errors.As(err, &refused) {
		return err
	}
	if schedule, known := config["save"]; !s.examinedPersistence.Swap(true) && known && schedule == "" {
		s.log.WarnContext(ctx, "redis keeps nothing on disk: after its restart, only revocations that a running gate holds come back; set appendonly yes, or save")
	}
	return nil
}
