package redisstore

import (
	"context"
	"encoding/hex"
	"errors"
	"fmt"
	"strconv"
	"strings"

	"github.com/redis/go-redis/v9"

	"github.com/sessiongate/sessiongate/store"
)

// replyPaused is the beginning of the error with which the scripts refuse while the
// namespace is paused.
const replyPaused = "PAUSED"

// scanStep is how many keys Redis looks at in one step of Memory.
const scanStep = 512

// literal quotes the characters that have a meaning in a pattern of Redis.
var literal = strings.NewReplacer(`\`, `\\`, `*`, `\*`, `?`, `\?`, `[`, `\[`, `]`, `\]`)

// Memory implements store.Movable. A place is the cursor of a SCAN, which is valid on
// one server: after a failover, a caller starts again.
func (s *Store) Memory(ctx context.Context, from string) (part store.Memory, next string, err error) {
	const doing = "reading sessions and tokens in redis"
	bounded, cancel, err := s.begin(ctx, doing, callBudget)
	if err != nil {
		return part, "", err
	}
	defer cancel()
	var cursor uint64
	if from != "" {
		if cursor, err = strconv.ParseUint(from, 10, 64); err != nil {
			return part, "", fmt.Errorf("%s: the place %q is unknown", doing, from)
		}
	}
	server, err := s.server(bounded)
	if err != nil {
		return part, "", s.explain(ctx, doing, err)
	}
	keys, cursor, err := server.Scan(bounded, cursor, literal.Replace(s.prefix)+"*", scanStep).Result()
	if err == nil {
		part, err = s.remembered(bounded, server, keys)
	}
	if err != nil {
		return store.Memory{}, "", s.explain(ctx, doing, err)
	}
	if cursor != 0 {
		next = strconv.FormatUint(cursor, 10)
	}
	return part, next, nil
}

// server returns the server that has the keys of the namespace. On a Cluster all are in
// one slot, and a SCAN goes to one node.
func (s *Store) server(ctx context.Context) (redis.Cmdable, error) {
	if cluster, ok := s.writer.(*redis.ClusterClient); ok {
		return cluster.MasterForKey(ctx, s.keys[0])
	}
	return s.writer, nil
}

// remembered reads those of the keys that belong to sessions and tokens. Sessions are
// soft state: a damaged record counts as none. A damaged record of a token is a
// failure.
func (s *Store) remembered(ctx context.Context, server redis.Cmdable, keys []string) (part store.Memory, err error) {
	replies := make([]*redis.SliceCmd, len(keys))
	_, err = server.Pipelined(ctx, func(pipe redis.Pipeliner) error {
		for i, key := range keys {
			switch {
			case strings.HasPrefix(key, s.prefix+"session:"):
				replies[i] = pipe.HMGet(ctx, key, sessionFields...)
			case strings.HasPrefix(key, s.prefix+"grant:"):
				replies[i] = pipe.HMGet(ctx, key, grantFields...)
			}
		}
		return nil
	})
	if err != nil && !errors.Is(err, redis.Nil) {
		return part, err
	}
	for i, key := range keys {
		if replies[i] == nil {
			continue
		}
		if strings.HasPrefix(key, s.prefix+"session:") {
			if session, whole := parseSession(replies[i].Val()); whole {
				part.Sessions = append(part.Sessions, session)
			}
			continue
		}
		name, err := hex.DecodeString(strings.TrimPrefix(key, s.prefix+"grant:"))
		if err != nil || len(name) != len(store.Key{}) {
			return part, fmt.Errorf("a token's name: %w", store.ErrUnreadable)
		}
		grant, known, err := parseGrant(store.Key(name), replies[i].Val())
		if err != nil {
			return part, err
		}
		if known {
			part.Grants = append(part.Grants, grant)
		}
	}
	return part, nil
}

// Pause implements store.Movable. The scripts refuse new entries, whichever gate runs
// them.
func (s *Store) Pause(ctx context.Context, on bool) error {
	_, err := s.call(ctx, "pausing redis", pauseScript, candidate(), flag(on))
	return err
}

// Paused implements store.Movable.
func (s *Store) Paused(ctx context.Context) (bool, error) {
	const doing = "asking redis whether it is paused"
	bounded, cancel, err := s.begin(ctx, doing, callBudget)
	if err != nil {
		return false, err
	}
	defer cancel()
	fields, err := s.writer.HMGet(bounded, s.keys[0], "paused").Result()
	if err != nil {
		return false, s.explain(ctx, doing, err)
	}
	return fields[0] != nil, nil
}

var _ store.Movable = (*Store)(nil)
