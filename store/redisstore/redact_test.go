package redisstore_test

import (
	"errors"
	"math"
	"strings"
	"testing"

	"github.com/redis/go-redis/v9"

	"github.com/sessiongate/sessiongate/store"
	"github.com/sessiongate/sessiongate/store/redisstore"
	"github.com/sessiongate/sessiongate/store/redisstore/redistest"
)

// Attack: a hardened server or a proxy does not know a command, and its answer quotes the
// words after it. Then the log would hold names by which a session can be found.
func TestNoErrorQuotesWhatWasSent(t *testing.T) {
	const password = "hunter2-of-redis"
	unknown := func(command string) redistest.Option { return redistest.Config("rename-command " + command + ` ""`) }
	for name, server := range map[string]*redistest.Server{
		"EVALSHA": redistest.Start(t, redistest.Password(password), unknown("EVALSHA")),
		"HMGET":   redistest.Start(t, redistest.Password(password), unknown("HMGET")),
	} {
		s := open(t, redisstore.Options{Addresses: []string{"redis://:" + password + "@" + server.Addr()}})
		refused := 0
		for call, err := range map[string]error{
			"Look":  second(s.Look(t.Context())),
			"Owner": second(s.Owner(t.Context(), "issuer", "a-session")),
			"Seen":  s.Seen(t.Context(), store.Session{Issuer: "issuer", ID: "a-session", Subject: "alice", Expires: math.MaxUint32}),
		} {
			var reply redis.Error
			if errors.As(err, &reply) && strings.Contains(reply.Error(), "unknown command") {
				refused++
			}
			for _, sent := range []string{password, "a-session", "session_gate:"} {
				if err != nil && strings.Contains(err.Error(), sent) {
					t.Errorf("without %s, %s: %q is in %q", name, call, sent, err)
				}
			}
		}
		if refused == 0 {
			t.Errorf("without %s no call was refused for it", name)
		}
	}
}

func second[T any](_ T, err error) error { return err }
