package redisstore

import (
	"context"
	"errors"
	"fmt"
	"net"
	"strings"
	"time"

	"github.com/redis/go-redis/v9"

	"github.com/sessiongate/sessiongate/store"
)

// replyUnreadable is the beginning of the error with which the scripts of this package
// refuse data of a newer version, or of another program.
const replyUnreadable = "UNREADABLE"

const permit = "permit the user the commands and keys that docs/redis.md lists"

// remedies tell what to do about an error reply of Redis, by its beginning (without
// ERR).
var remedies = []struct{ prefix, remedy string }{
	{"NOAUTH", "Redis wants a password: set username and password"},
	{"WRONGPASS", "check username and password"},
	{"AUTH", "Redis has no password set: remove it here or set it there"},
	{"NOPERM", permit},
	{"The user executing the script", permit},
	{"ACL failure in script", permit},
	{"IDENTITY", "permit the user +info; a server that hides its identity cannot prove that it lost nothing"},
	{"CLOCK", "permit the user +time; the clock of the store also decides what has expired"},
	{"OOM", "Redis is full: raise its maxmemory"},
	{"LOADING", "Redis is reading its files, and answers when it has finished"},
	{"READONLY", "this is a replica: name the primary, or its sentinels with sentinel_master"},
	{"MASTERDOWN", "this is a replica that lost its primary: name the primary or its sentinels"},
	{"CLUSTERDOWN", "the Cluster does not serve all slots: check its nodes"},
	{"MISCONF", "Redis cannot write its snapshot and refuses writes: check its disk"},
	{"NOREPLICAS", "too few replicas follow the primary: check min-replicas-to-write"},
	{"MOVED", "this is a node of a Cluster: set cluster"},
	{"WRONGTYPE", "a key of the namespace holds something else: choose another namespace"},
}

// explain turns an error of go-redis into one of the store's contract: its sentinel
// errors, or the caller's context error, with the address and a remedy. It holds nothing that
// was sent.
// doing begins with a gerund.
func (s *Store) explain(ctx context.Context, doing string, err error) error {
	if err == nil {
		return nil
	}
	err = s.redact(err)
	if place := s.place(); place != "" {
		doing += " at " + place
	}
	var network net.Error
	switch {
	case s.closed.Load() || errors.Is(err, redis.ErrClosed):
		return fmt.Errorf("%s: %w", doing, store.ErrClosed)
	case over(ctx) != nil && !errors.Is(err, over(ctx)):
		return fmt.Errorf("%s: %w: %w", doing, over(ctx), err)
	case redis.HasErrorPrefix(err, replyPaused), strings.Contains(err.Error(), " -"+replyPaused+" "):
		return fmt.Errorf("%s: %w", doing, store.ErrPaused)
	case redis.HasErrorPrefix(err, replyUnreadable):
		return fmt.Errorf("%s: %w: %w", doing, store.ErrUnreadable, err)
	case errors.As(err, &network) && network.Timeout(), errors.Is(err, redis.ErrPoolTimeout):
		return fmt.Errorf("%s: %w (Redis did not answer in time)", doing, err)
	}
	if r := remedy(err); r != "" {
		return fmt.Errorf("%s: %w (%s)", doing, err, r)
	}
	return fmt.Errorf("%s: %w", doing, err)
}

// remedy returns what to do about an error reply of Redis, or nothing. Redis 6 puts
// words of its own before an error that a script met.
func remedy(err error) string {
	var reply redis.Error
	if !errors.As(err, &reply) {
		return ""
	}
	for _, r := range remedies {
		if redis.HasErrorPrefix(err, r.prefix) || strings.Contains(err.Error(), " -"+r.prefix+" ") {
			return r.remedy
		}
	}
	return ""
}

// over is ctx.Err, true to the deadline: a socket's deadline may pass an instant
// before the context's timer fires.
func over(ctx context.Context) error {
	if deadline, ok := ctx.Deadline(); ok && !time.Now().Before(deadline) {
		return context.DeadlineExceeded
	}
	return ctx.Err()
}
