package stores

import (
	"encoding/json"
	"strings"
	"testing"

	"github.com/caddyserver/caddy/v2/caddyconfig/caddyfile"
)

// read reads a line `store …` with its block, as the app does, and returns the JSON.
func read(to caddyfile.Unmarshaler, line string) (string, error) {
	d := caddyfile.NewTestDispenser(line)
	d.Next()    // store
	d.NextArg() // the kind of store
	if err := to.UnmarshalCaddyfile(d.NewFromNextSegment()); err != nil {
		return "", err
	}
	text, err := json.Marshal(to)
	return string(text), err
}

func TestCaddyfileOfEachStore(t *testing.T) {
	for line, test := range map[string]struct {
		to   caddyfile.Unmarshaler
		want string
	}{
		"store bolt":                     {new(Bolt), `{}`},
		"store bolt /data/revocations":   {new(Bolt), `{"path":"/data/revocations"}`},
		"store memory":                   {new(Memory), `{}`},
		"store redis a:1":                {new(Redis), `{"addresses":["a:1"]}`},
		"store redis a:1 {\ntls\n}":      {new(Redis), `{"addresses":["a:1"],"tls":{}}`},
		"store redis a:1 b:2 {\ndb 4\n}": {new(Redis), `{"addresses":["a:1","b:2"],"db":4}`},
		"store redis a:1 {\nmin_replicas_max_lag 2s\ntls {\nca ca.pem\nserver_name a\n}\nallow_split_brain\n}": {
			new(Redis), `{"addresses":["a:1"],"tls":{"ca":"ca.pem","server_name":"a"},"min_replicas_max_lag":2000000000,"allow_split_brain":true}`,
		},
	} {
		if got, err := read(test.to, line); err != nil || got != test.want {
			t.Errorf("%q is read as\n%s, error %v, want\n%s", line, got, err, test.want)
		}
	}
}

func TestCaddyfileRefuses(t *testing.T) {
	for line, test := range map[string]struct {
		to   caddyfile.Unmarshaler
		want string
	}{
		"store bolt a b":                       {new(Bolt), "parsing store bolt: 2 paths, want at most one"},
		`store bolt ""`:                        {new(Bolt), "parsing store bolt: an empty path; leave it out for the default"},
		"store bolt a {\nsync\n}":              {new(Bolt), `unrecognized subdirective "sync"; store bolt has no block`},
		"store memory a":                       {new(Memory), "parsing store memory: 1 values, want none"},
		"store memory {\na\n}":                 {new(Memory), `unrecognized subdirective "a"; store memory has no block`},
		"store redis":                          {new(Redis), "parsing store redis: no address; write: store redis <host:port>"},
		"store redis a:1 {\npasword x\n}":      {new(Redis), `unrecognized subdirective "pasword"; did you mean: password`},
		"store redis a:1 {\ndb -1\n}":          {new(Redis), `parsing db: "-1" is not the number of a database; write: db <number>`},
		"store redis a:1 {\ntls yes\n}":        {new(Redis), "parsing tls: values before the block; write: tls [{ ca <file> … }]"},
		"store redis a:1 {\ntls {\nca a b\n}}": {new(Redis), "parsing ca: 2 values, want one that is not empty; write: ca <file>"},
	} {
		_, err := read(test.to, line)
		if err == nil || !strings.HasPrefix(err.Error(), test.want) || strings.Count(err.Error(), ", at ") != 1 {
			t.Errorf("%q: error\n%v\nwant\n%s", line, err, test.want)
		}
	}
}

func TestPasswordIn(t *testing.T) {
	for address, want := range map[string]string{
		"redis-0:6379":                  "",
		"redis://redis-0:6379":          "",
		"redis://gate@redis-0:6379":     "",
		"redis://gate:pass@redis-0:1":   "pass",
		"redis://:pass@redis-0":         "pass",
		"rediss://gate:p@ss@redis-0":    "p@ss",
		"redis://gate:p:ss@redis-0":     "p:ss",
		"gate:pass@redis-0":             "pass",
		"redis://gate:pass@{env.A}:1":   "pass",
		"redis://gate:{env.A}@redis-0":  "{env.A}",
		"unix:///run/redis.sock":        "",
		"unix://gate:pass@/run/redis.s": "pass",
		"":                              "",
	} {
		if got := passwordIn(address); got != want {
			t.Errorf("%q: %q, want %q", address, got, want)
		}
	}
}
