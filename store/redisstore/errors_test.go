package redisstore

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/redis/go-redis/v9"

	"github.com/sessiongate/sessiongate/store"
)

func TestExplain(t *testing.T) {
	over, cancel := context.WithCancel(t.Context())
	cancel()
	late, cancel := context.WithDeadline(t.Context(), time.Now().Add(-time.Second))
	defer cancel()
	for name, test := range map[string]struct {
		ctx  context.Context
		err  error
		is   error
		says string
	}{
		"full":                    {err: refusal("OOM command not allowed"), says: "raise its maxmemory"},
		"full, as Redis 6 says":   {err: refusal("ERR Error running script (call to f_0): @user_script:9: -OOM command not allowed"), says: "raise its maxmemory"},
		"a replica":               {err: refusal("READONLY You can't write"), says: "name the primary"},
		"a replica, as Redis 6":   {err: refusal("ERR Error running script (call to f_0): @user_script:1: -READONLY You can't"), says: "name the primary"},
		"no right, inside":        {err: refusal("ERR The user executing the script can't run this command"), says: "permit the user"},
		"no right, as Redis 7.2":  {err: refusal("ERR ACL failure in script: User gate has no permissions"), says: "permit the user"},
		"a password too many":     {err: refusal("ERR AUTH <password> called without any password configured"), says: "remove it here"},
		"wrapped":                 {err: fmt.Errorf("connecting: %w", refusal("LOADING Redis is loading")), says: "when it has"},
		"a word of the network's": {err: errors.New("dial -OOM x"), says: "dial -OOM x"},
		"a newer version":         {err: refusal("UNREADABLE head of version 9"), is: store.ErrUnreadable, says: "version 9"},
		"closed":                  {err: redis.ErrClosed, is: store.ErrClosed, says: "closed"},
		"cancelled":               {ctx: over, err: errors.New("i/o timeout"), is: context.Canceled, says: "i/o timeout"},
		"late":                    {ctx: late, err: errors.New("i/o timeout"), is: context.DeadlineExceeded, says: "i/o timeout"},
		"no connection free":      {err: redis.ErrPoolTimeout, is: redis.ErrPoolTimeout, says: "did not answer in time"},
	} {
		t.Run(name, func(t *testing.T) {
			ctx := test.ctx
			if ctx == nil {
				ctx = t.Context()
			}
			err := new(Store).explain(ctx, "asking redis", test.err)
			if err == nil || !strings.HasPrefix(err.Error(), "asking redis: ") || !strings.Contains(err.Error(), test.says) {
				t.Errorf("explained as %v, want %q", err, test.says)
			}
			if test.is != nil && !errors.Is(err, test.is) {
				t.Errorf("explained as %v, want %v", err, test.is)
			}
			if strings.HasPrefix(name, "a word") && strings.Contains(err.Error(), "maxmemory") {
				t.Errorf("an error of the network is explained as a reply of Redis: %v", err)
			}
		})
	}
	if err := new(Store).explain(t.Context(), "asking redis", nil); err != nil {
		t.Errorf("nothing is explained as %v", err)
	}
}

// Behind sentinels, an error names the primary that is followed, once one is known.
func TestExplainNamesTheAddress(t *testing.T) {
	const address = "master mymaster of sentinel s:26379"
	options := Options{SentinelMaster: "mymaster"}
	for want, s := range map[string]*Store{
		"asking redis at a:6379: ":                                 {address: "a:6379"},
		"asking redis at " + address + ": ":                        {address: address, options: options, sentinels: new(sentinels)},
		"asking redis at 10.0.0.1:6379, the primary of mymaster: ": {address: address, options: options, sentinels: &sentinels{primary: "10.0.0.1:6379"}},
	} {
		if err := s.explain(t.Context(), "asking redis", refusal("OOM command not allowed")); !strings.HasPrefix(err.Error(), want) {
			t.Errorf("explained as %v, want it to begin with %q", err, want)
		}
	}
}

// Attack: a proxy quotes the received command in its error, and the password is logged.
func TestExplainLeavesOutPasswords(t *testing.T) {
	s := &Store{target: target{
		ofRedis: newPassword("redis", "", "hunter2", nil, nil), ofSentinels: newPassword("sentinel", "", "hunter3", nil, nil),
	}}
	cause := refusal("ERR bad words: auth 'hunter2' 'hunter3'")
	err := s.explain(t.Context(), "asking redis", cause)
	if err.Error() != "asking redis: ERR bad words: auth '…' '…'" || !errors.Is(err, cause) {
		t.Errorf("explained as %v", err)
	}
	none := &Store{target: target{ofRedis: newPassword("redis", "", "", nil, nil)}}
	if err := none.explain(t.Context(), "asking redis", cause); err.Error() != "asking redis: ERR bad words: auth 'hunter2' 'hunter3'" {
		t.Errorf("without passwords, explained as %v", err)
	}
}
