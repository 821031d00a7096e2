package redisstore

import (
	"testing"
	"time"

	"github.com/redis/go-redis/v9"
	"github.com/redis/go-redis/v9/maintnotifications"
)

// Several defaults of go-redis are harmful here: a frozen Redis would hang requests for
// seconds, appends would happen twice, or replicas would be read.
func TestClientOptions(t *testing.T) {
	for _, test := range []struct {
		name   string
		target target
		check  func(t *testing.T, o *redis.UniversalOptions)
	}{
		{"one server", target{network: "tcp", addresses: []string{"a:1"}, db: 3}, func(t *testing.T, o *redis.UniversalOptions) {
			simple := o.Simple()
			if !simple.ContextTimeoutEnabled || simple.MaxRetries != -1 || simple.DB != 3 || simple.Addr != "a:1" {
				t.Errorf("options of one server: %+v", simple)
			}
		}},
		{"a Cluster", target{network: "tcp", addresses: []string{"a:1", "b:1"}, cluster: true}, func(t *testing.T, o *redis.UniversalOptions) {
			cluster := o.Cluster()
			if !cluster.ContextTimeoutEnabled || cluster.MaxRetries != -1 || cluster.MaxRedirects != 3 ||
				cluster.ReadOnly || cluster.RouteByLatency || cluster.RouteRandomly {
				t.Errorf("options of a Cluster: %+v", cluster)
			}
		}},
	} {
		t.Run(test.name, func(t *testing.T) {
			writer := test.target.writerOptions(nil)
			reader := test.target.readerOptions(nil)
			test.check(t, writer)
			test.check(t, reader)
			checkCommon(t, "writer", writer)
			checkCommon(t, "reader", reader)
			if writer.ReadTimeout != 500*time.Millisecond || writer.PoolSize != 8 || writer.MinIdleConns != 1 {
				t.Errorf("writer: read timeout %v, pool of %d", writer.ReadTimeout, writer.PoolSize)
			}
			if reader.ReadTimeout != 150*time.Second+500*time.Millisecond || reader.PoolSize != 4 || reader.MinIdleConns != 0 {
				t.Errorf("reader: read timeout %v, pool of %d", reader.ReadTimeout, reader.PoolSize)
			}
		})
	}
}

func checkCommon(t *testing.T, name string, o *redis.UniversalOptions) {
	t.Helper()
	if o.DialTimeout != 500*time.Millisecond || o.WriteTimeout != 500*time.Millisecond ||
		o.PoolTimeout != 500*time.Millisecond || o.DialerRetries != 1 {
		t.Errorf("%s: timeouts %v %v %v, %d dials", name, o.DialTimeout, o.WriteTimeout, o.PoolTimeout, o.DialerRetries)
	}
	if o.Protocol != 2 || o.ClientName != "session_gate" || o.PipelinePoolSize != -1 {
		t.Errorf("%s: protocol %d, name %q, pipeline pool of %d", name, o.Protocol, o.ClientName, o.PipelinePoolSize)
	}
	if o.MaintNotificationsConfig == nil || o.MaintNotificationsConfig.Mode != maintnotifications.ModeDisabled {
		t.Errorf("%s: maintenance notifications are not disabled: %+v", name, o.MaintNotificationsConfig)
	}
	if !o.DisableIdentity {
		t.Errorf("%s: CLIENT SETINFO is sent, which the documented user may not", name)
	}
	if o.ClientSideCacheConfig != nil || o.ClientSideCache != nil {
		t.Errorf("%s: client-side caching is on", name)
	}
	if o.MaxActiveConns <= 0 || o.ConnMaxLifetime != 10*time.Minute || o.ConnMaxIdleTime <= 0 {
		t.Errorf("%s: %d connections, for %v", name, o.MaxActiveConns, o.ConnMaxLifetime)
	}
}

// go-redis repeats a command whose outcome is unknown, on a Cluster even with MaxRetries
// -1. A script must declare that it may not be repeated.
func TestScriptsAreSentOnce(t *testing.T) {
	if !(once{}).NoRetry() {
		t.Error("a script may be sent twice")
	}
}
