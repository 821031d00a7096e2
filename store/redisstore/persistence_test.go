package redisstore_test

import (
	"bytes"
	"log/slog"
	"strings"
	"testing"

	"github.com/sessiongate/sessiongate/store/redisstore/redistest"
)

// Fault: Redis and the gates restart together, and Redis keeps nothing. An operator hears of
// that before it happens, and of nothing if Redis keeps its data or does not say.
func TestARedisWithoutPersistenceIsNamedOnce(t *testing.T) {
	for name, c := range map[string]struct {
		config   []string
		user     string
		warnings int
	}{
		"nothing is kept":      {nil, "", 1},
		"an append-only file":  {[]string{"appendonly yes"}, "", 0},
		"snapshots":            {[]string{"save 3600 1"}, "", 0},
		"CONFIG is not for it": {nil, "gate", 0},
	} {
		t.Run(name, func(t *testing.T) {
			server := redistest.Start(t, redistest.Config(c.config...))
			server.Do("ACL", "SETUSER", "gate", "on", ">secret", "~*", "+@all", "-config")
			var log bytes.Buffer
			o := options{Addresses: []string{server.Addr()}, Logger: slog.New(slog.NewTextHandler(&log, nil))}
			if c.user != "" {
				o.Username, o.Password = c.user, "secret"
			}
			s := open(t, o)
			mustAppend(t, s, "one")
			server.Do("CLIENT", "KILL", "TYPE", "normal", "SKIPME", "yes")
			eventually(t, "a new connection", func() error {
				_, err := s.Append(t.Context(), revocation("two"))
				return err
			})
			if n := strings.Count(log.String(), "redis keeps nothing on disk"); n != c.warnings {
				t.Errorf("%d warnings, want %d:\n%s", n, c.warnings, &log)
			}
		})
	}
}
