package redisstore_test

import (
	"strings"
	"testing"

	"github.com/sessiongate/sessiongate/store/redisstore"
	"github.com/sessiongate/sessiongate/store/redisstore/redistest"
)

// An operator sees where Redis is, also in errors.
//
// Attack: a password in a URL, or in the options, is shown with the address.
func TestTheAddressHoldsNoCredentials(t *testing.T) {
	for name, test := range map[string]struct {
		options redisstore.Options
		want    string
	}{
		"a host":     {options{Addresses: []string{"redis"}}, "redis:6379"},
		"a URL":      {options{Addresses: []string{"rediss://gate:hunter2@redis:6380/3"}}, "redis:6380, database 3"},
		"a password": {options{Addresses: []string{"redis:6380"}, Username: "gate", Password: "hunter2"}, "redis:6380"},
		"a socket":   {options{Addresses: []string{"unix://gate:hunter2@/run/redis.sock"}}, "/run/redis.sock"},
		"sentinels": {
			options{Addresses: []string{"s1", "s2:1"}, SentinelMaster: "mymaster", SentinelPassword: "hunter2"},
			"master mymaster of sentinel s1:26379, s2:1",
		},
		"a cluster": {
			options{Addresses: []string{"a", "b", "c", "d", "e", "redis://gate:hunter2@f"}},
			"cluster a:6379, b:6379, c:6379, d:6379, 2 more",
		},
		"no address": {options{}, ""},
	} {
		test.options.Namespace = "n"
		if got := test.options.Address(); got != test.want || strings.Contains(got, "hunter2") {
			t.Errorf("%s: the address is %q, want %q", name, got, test.want)
		}
	}
}

// Redis refuses a command, and its answer does not say which Redis it is.
func TestARefusalNamesTheAddress(t *testing.T) {
	server := redistest.Start(t, redistest.Password("hunter3"))
	s := open(t, options{Addresses: []string{"redis://:hunter2@" + server.Addr()}})
	_, err := s.Look(t.Context())
	if want := "looking at redis at " + server.Addr() + ": "; err == nil || !strings.HasPrefix(err.Error(), want) {
		t.Errorf("the error is %v, want it to begin with %q", err, want)
	}
}
