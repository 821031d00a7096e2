package redisstore_test

import (
	"strings"
	"testing"
	"time"

	"github.com/sessiongate/sessiongate/store"
	"github.com/sessiongate/sessiongate/store/redisstore"
)

type options = redisstore.Options

func addresses(addresses ...string) options {
	return options{Addresses: addresses, Namespace: "default"}
}

func TestValidateAccepts(t *testing.T) {
	tests := map[string]options{
		"host and port":            addresses("redis:6379"),
		"host alone":               addresses("redis"),
		"IPv6":                     addresses("[::1]:6379"),
		"IPv6 alone":               addresses("::1"),
		"a URL":                    addresses("redis://gate:secret@redis:6380/3"),
		"a URL of a host alone":    addresses("redis://redis"),
		"TLS by URL":               addresses("rediss://redis"),
		"a unix socket":            addresses("unix:///run/redis.sock?db=2"),
		"a Cluster of several":     addresses("a:1", "b:2"),
		"a Cluster behind one":     {Addresses: []string{"a:1"}, Namespace: "n", Cluster: true},
		"sentinels":                {Addresses: []string{"a", "b"}, Namespace: "n", SentinelMaster: "m", DB: 2},
		"a password given twice":   {Addresses: []string{"redis://u:p@a"}, Namespace: "n", Username: "u", Password: "p"},
		"a client certificate":     {Addresses: []string{"a"}, Namespace: "n", TLS: &redisstore.TLS{Certificate: "c", Key: "k"}},
		"a namespace with a blank": {Addresses: []string{"a"}, Namespace: "my orders"},
		"the longest namespace":    {Addresses: []string{"a"}, Namespace: strings.Repeat("n", 128)},
	}
	for name, o := range tests {
		t.Run(name, func(t *testing.T) {
			if err := o.Validate(); err != nil {
				t.Errorf("Validate: %v", err)
			}
		})
	}
}

func TestValidateRefuses(t *testing.T) {
	const hidden = "hunter2"
	tests := map[string]struct {
		options options
		want    string
	}{
		"no address":              {addresses(), "there is none"},
		"an empty address":        {addresses(""), "want host:port"},
		"a path":                  {addresses("/run/redis.sock"), "want host:port"},
		"port 0":                  {addresses("a:0"), "port"},
		"a word for a port":       {addresses("a:redis"), "port"},
		"another scheme":          {addresses("http://a"), "scheme"},
		"credentials without URL": {addresses("u:" + hidden + "@a:1"), "want host:port"},
		// Attack: in a malformed address the password is at the place of another part, and
		// the error is logged.
		"a password for a port":    {addresses("u:" + hidden + "@a"), "its port is not"},
		"a password for a path":    {addresses("redis://u:1/" + hidden + "@a:1"), "its database is not a number"},
		"a password for a scheme":  {addresses(hidden + "://a:1"), "its scheme is not"},
		"a broken URL":             {addresses("redis://u:" + hidden + "@a:b:c/%zz"), "not a URL"},
		"a database that is none":  {addresses("redis://a/orders"), "not a number"},
		"a negative database":      {options{Addresses: []string{"a"}, Namespace: "n", DB: -1}, "negative"},
		"skipping verification":    {addresses("rediss://a?skip_verify=true"), "parameters"},
		"a socket on a host":       {addresses("unix://a/redis.sock"), "unix:///"},
		"a socket among hosts":     {addresses("a:1", "unix:///s"), "do not mix"},
		"a Cluster's socket":       {options{Addresses: []string{"unix:///s"}, Namespace: "n", Cluster: true}, "one server"},
		"a Cluster's database":     {options{Addresses: []string{"a"}, Namespace: "n", Cluster: true, DB: 1}, "only database 0"},
		"a Cluster with sentinels": {options{Addresses: []string{"a"}, Namespace: "n", Cluster: true, SentinelMaster: "m"}, "no sentinels"},
		"two users":                {options{Addresses: []string{"redis://u:p@a"}, Namespace: "n", Username: "v"}, "username differs"},
		"two passwords":            {options{Addresses: []string{"redis://:" + hidden + "@a"}, Namespace: "n", Password: "p"}, "password differs"},
		"two databases":            {options{Addresses: []string{"redis://a/1"}, Namespace: "n", DB: 2}, "differs from"},
		"a user without password":  {options{Addresses: []string{"a"}, Namespace: "n", Username: "u"}, "without a password"},
		"a sentinel's user alone":  {options{Addresses: []string{"a"}, Namespace: "n", SentinelMaster: "m", SentinelUsername: "u"}, "without a password"},
		"a sentinel's password":    {options{Addresses: []string{"a"}, Namespace: "n", SentinelPassword: hidden}, "for sentinels"},
		"a lag of half a second":   {options{Addresses: []string{"a"}, Namespace: "n", MinReplicasMaxLag: time.Second / 2}, "whole seconds"},
		"half a certificate":       {options{Addresses: []string{"a"}, Namespace: "n", TLS: &redisstore.TLS{Key: "k"}}, "certificate"},
		// Attack: a URL left over from a test turns TLS off without notice.
		"TLS on a plain URL": {options{Addresses: []string{"redis://a"}, Namespace: "n", TLS: &redisstore.TLS{}}, "rediss://"},
		"no namespace":       {options{Addresses: []string{"a"}}, "empty"},
		"a long namespace":   {options{Addresses: []string{"a"}, Namespace: strings.Repeat("n", 129)}, "at most 128"},
		// Attack: a namespace that closes the hash tag, or that names another's keys.
		"a brace":             {options{Addresses: []string{"a"}, Namespace: "a}b"}, "holds one of"},
		"a colon":             {options{Addresses: []string{"a"}, Namespace: "a:b"}, "holds one of"},
		"a control character": {options{Addresses: []string{"a"}, Namespace: "a\nb"}, "control"},
		"not UTF-8":           {options{Addresses: []string{"a"}, Namespace: "a\xff"}, "UTF-8"},
	}
	for name, test := range tests {
		t.Run(name, func(t *testing.T) {
			err := test.options.Validate()
			if err == nil || !strings.Contains(err.Error(), test.want) {
				t.Fatalf("Validate gave %v, want an error with %q", err, test.want)
			}
			if strings.Contains(err.Error(), hidden) {
				t.Errorf("the error shows the password: %v", err)
			}
			if _, openErr := redisstore.Open(test.options); openErr == nil {
				t.Error("Open accepts the options anyway")
			}
		})
	}
}

func TestPoolKey(t *testing.T) {
	base := options{Addresses: []string{"a:6379"}, Namespace: "n", Username: "u", Password: "hunter2"}
	same := map[string]options{
		"itself":         base,
		"a default port": {Addresses: []string{"a"}, Namespace: "n", Username: "u", Password: "hunter2"},
		"a URL":          {Addresses: []string{"redis://u:hunter2@a"}, Namespace: "n"},
		"default limits": {
			Addresses: []string{"a"}, Namespace: "n", Username: "u", Password: "hunter2",
			Sessions: store.SessionLimits{Subject: store.MaxSessionsOf, Total: store.MaxSessions},
		},
	}
	for name, o := range same {
		if o.PoolKey() != base.PoolKey() {
			t.Errorf("%s: another key, want the same", name)
		}
	}
	change := func(change func(*options)) options { o := base; change(&o); return o }
	seen := map[string]string{base.PoolKey(): "the base"}
	for name, o := range map[string]options{
		"another address":           change(func(o *options) { o.Addresses = []string{"b"} }),
		"another password":          change(func(o *options) { o.Password = "hunter3" }),
		"another user":              change(func(o *options) { o.Username = "v" }),
		"another namespace":         change(func(o *options) { o.Namespace = "m" }),
		"another database":          change(func(o *options) { o.DB = 1 }),
		"a Cluster":                 change(func(o *options) { o.Cluster = true }),
		"sentinels":                 change(func(o *options) { o.SentinelMaster = "m"; o.Addresses = []string{"a:6379"} }),
		"sentinels with a password": change(func(o *options) { o.SentinelMaster, o.SentinelPassword = "m", "p"; o.Addresses = []string{"a:6379"} }),
		"TLS":                       change(func(o *options) { o.TLS = &redisstore.TLS{} }),
		"a private CA":              change(func(o *options) { o.TLS = &redisstore.TLS{CA: []string{"ca.pem"}} }),
		"eviction allowed":          change(func(o *options) { o.AllowEviction = true }),
		"a split brain allowed":     change(func(o *options) { o.AllowSplitBrain = true }),
		"another max-lag":           change(func(o *options) { o.MinReplicasMaxLag = time.Second }),
		"a lower limit":             change(func(o *options) { o.Sessions.Subject = 10 }),
		"another lower limit":       change(func(o *options) { o.Sessions.Total = 10 }),
		"shifted quotes":            change(func(o *options) { o.Username, o.Password = `u" "hunter2`, "x" }),
		"not valid":                 change(func(o *options) { o.Addresses = []string{"a", "http://b"} }),
		"not valid, too":            change(func(o *options) { o.Addresses = []string{"a", "http://c"} }),
	} {
		key := o.PoolKey()
		if other, taken := seen[key]; taken {
			t.Errorf("%s has the key of %s", name, other)
		}
		if strings.Contains(key, "hunter2") {
			t.Errorf("%s: the key %q shows the password", name, key)
		}
		seen[key] = name
	}
}
