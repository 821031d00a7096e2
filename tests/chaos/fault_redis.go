package chaos

import (
	"os"
	"path/filepath"
	"testing"
	"time"

	"github.com/sessiongate/sessiongate/store/redisstore/redistest"
)

// Logged is a Redis that keeps everything when it is killed, but nothing more: its writes
// have reached the kernel before it answers.
func Logged() redistest.Option { return redistest.Config("appendonly yes", "appendfsync no") }

func onRedis(do func(*redistest.Server)) func(testing.TB, *Fleet, int, float64) {
	return func(_ testing.TB, f *Fleet, _ int, _ float64) { do(f.Redis) }
}

func command(words ...string) func(testing.TB, *Fleet, int, float64) {
	return onRedis(func(redis *redistest.Server) { redis.Do(words...) })
}

// faultsOfRedis returns the faults of a Redis that is Logged.
func faultsOfRedis() []Fault {
	return []Fault{
		{Name: "frozen", Begin: onRedis((*redistest.Server).Freeze), End: onRedis((*redistest.Server).Thaw)},
		{Name: "killed", Begin: onRedis((*redistest.Server).Stop), End: onRedis((*redistest.Server).Restart)},
		{Name: "full", Begin: command("CONFIG", "SET", "maxmemory", "1"), End: command("CONFIG", "SET", "maxmemory", "0")},
		{Name: "rid of its clients", Begin: command("CLIENT", "KILL", "TYPE", "normal"), End: nothing},
		{Name: "rid of its scripts", Begin: command("SCRIPT", "FLUSH"), End: nothing},

		{Name: "flushed", Loses: true, Begin: command("FLUSHALL"), End: nothing},
		{Name: "flushed twice", Loses: true, Begin: command("FLUSHALL"), End: command("FLUSHALL")},
		{
			// Redis comes back while one gate still has a lease, and that gate is a
			// witness. Without a witness, and with a gate cut off, all users have to log in
			// again.
			Name: "killed, and back with nothing", Loses: true, End: nothing,
			Begin: func(tb testing.TB, f *Fleet, _ int, size float64) {
				f.Redis.Stop()
				lasts(time.Duration(size * float64(Lease) / 3))
				f.returns(tb, "")
			},
		},
		{
			Name: "killed, and back as it was before", Loses: true,
			Begin: func(tb testing.TB, f *Fleet, _ int, _ float64) { f.copied = f.copyLog(tb) },
			End:   func(tb testing.TB, f *Fleet, _ int, _ float64) { f.returns(tb, f.copied) },
		},
	}
}

// copyLog copies the files of Redis on the disk, as a backup does, and returns the path of
// the copy.
func (f *Fleet) copyLog(tb testing.TB) string {
	tb.Helper()
	backup := tb.TempDir()
	if err := os.CopyFS(backup, os.DirFS(f.logDir)); err != nil {
		tb.Fatalf("copying the log of redis: %v", err)
	}
	return backup
}

// logDir returns the directory of the append-only files of Redis.
func logDir(redis *redistest.Server) string {
	return filepath.Join(redis.Do("CONFIG", "GET", "dir").([]any)[1].(string), "appendonlydir")
}

// returns kills Redis and starts it with a backup, or with nothing.
func (f *Fleet) returns(tb testing.TB, backup string) {
	tb.Helper()
	f.Redis.Stop()
	if err := os.RemoveAll(f.logDir); err != nil {
		tb.Fatalf("emptying redis: %v", err)
	}
	if backup != "" {
		if err := os.CopyFS(f.logDir, os.DirFS(backup)); err != nil {
			tb.Fatalf("restoring redis: %v", err)
		}
	}
	f.Redis.Restart()
}
