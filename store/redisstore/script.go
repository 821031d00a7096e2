package redisstore

import (
	"context"
	_ "embed" // the scripts

	"github.com/redis/go-redis/v9"
)

// The scripts. Each is one atomic step in Redis. Sequence numbers and
// generations travel as text: Lua's numbers are doubles, exact only below 2^53,
// which a count of revocations does not reach and a generation does.
//
// Rule R6: every script that touches the log begins with the head's.
var (
	//go:embed lua/head.lua
	headSource string
	//go:embed lua/append.lua
	appendSource string
	//go:embed lua/publish.lua
	publishSource string
	//go:embed lua/heartbeat.lua
	heartbeatSource string
	//go:embed lua/lease.lua
	leaseSource string
	//go:embed lua/look.lua
	lookSource string
	//go:embed lua/gates.lua
	gatesSource string
	//go:embed lua/leave.lua
	leaveSource string
	//go:embed lua/merge.lua
	mergeSource string
	//go:embed lua/read.lua
	readSource string
	//go:embed lua/trim.lua
	trimSource string
	//go:embed lua/seen.lua
	seenSource string
	//go:embed lua/pause.lua
	pauseSource string
	//go:embed lua/learn.lua
	learnSource string

	publishScript   = newScript(headSource + appendSource + gatesSource + publishSource)
	heartbeatScript = newScript(headSource + gatesSource + heartbeatSource)
	leaseScript     = newScript(headSource + leaseSource)
	lookScript      = newScript(headSource + gatesSource + lookSource)
	leaveScript     = newScript(headSource + gatesSource + leaveSource)
	mergeScript     = newScript(headSource + appendSource + mergeSource)
	readScript      = newScript(headSource + readSource)
	trimScript      = newScript(headSource + trimSource)
	pauseScript     = newScript(headSource + pauseSource)
	seenScript      = newScript(seenSource)
	learnScript     = newScript(learnSource)
)

type script struct{ source, sum string }

func newScript(source string) script {
	return script{source: source, sum: redis.NewScript(source).Hash()}
}

// once is a command that go-redis never sends twice: neither after a timeout nor after
// a broken connection, nor on a Cluster, where Redis may have applied it.
type once struct{ *redis.Cmd }

// NoRetry implements redis.Cmder.
func (once) NoRetry() bool { return true }

// run runs a script, by its hash if Redis knows it and else by its source.
func (s *Store) run(ctx context.Context, client redis.UniversalClient, sc script, keys []string, args ...any) (any, error) {
	reply, err := eval(ctx, client, "evalsha", sc.sum, keys, args)
	if redis.HasErrorPrefix(err, "NOSCRIPT") {
		reply, err = eval(ctx, client, "eval", sc.source, keys, args)
	}
	if err != nil && s.sentinels != nil {
		s.sentinels.askNow()
	}
	return reply, err
}

func eval(ctx context.Context, client redis.UniversalClient, verb, script string, keys []string, args []any) (any, error) {
	words := make([]any, 0, 3+len(keys)+len(args))
	words = append(words, verb, script, len(keys))
	for _, key := range keys {
		words = append(words, key)
	}
	cmd := once{redis.NewCmd(ctx, append(words, args...)...)}
	cmd.SetFirstKeyPos(3)
	if err := client.Process(ctx, cmd); err != nil {
		return nil, err
	}
	return cmd.Result()
}
