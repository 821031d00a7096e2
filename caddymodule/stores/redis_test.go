package stores

import (
	"os"
	"path/filepath"
	"reflect"
	"strings"
	"testing"
	"time"

	"github.com/sessiongate/sessiongate/store/redisstore"
)

// refusal is a configuration that must not be loaded, and the text of the error.
type refusal struct{ members, want string }

// testRefusals checks that each configuration is refused with an error that names no
// secret.
func testRefusals(t *testing.T, kind string, refusals map[string]refusal) {
	t.Helper()
	for name, test := range refusals {
		t.Run(name, func(t *testing.T) {
			_, err := load(t, kind, test.members)
			if err == nil || !strings.Contains(err.Error(), test.want) {
				t.Fatalf("error\n%v\nwant\n%s", err, test.want)
			}
			for _, secret := range []string{"s3cret", "-----BEGIN"} {
				if strings.Contains(err.Error(), secret) {
					t.Errorf("the error holds a secret: %v", err)
				}
			}
		})
	}
}

func TestRedisRefuses(t *testing.T) {
	testRefusals(t, "redis", map[string]refusal{
		"an unknown word":          {`"addresses": ["a:1"], "blockade": true`, `unknown field "blockade"`},
		"no address":               {`"addresses": []`, "address"},
		"an address from nowhere":  {`"addresses": ["{env.SESSION_GATE_NOT_SET}:1"]`, "resolving store redis addresses: {env.SESSION_GATE_NOT_SET} is missing"},
		"a namespace with a brace": {`"addresses": ["a:1"], "namespace": "or{der"`, `checking namespace "or{der": it holds one of {, } and :`},
		"a namespace with a colon": {`"addresses": ["a:1"], "namespace": "a:b"`, `checking namespace "a:b": it holds one of {, } and :`},
		"a namespace with escapes": {`"addresses": ["a:1"], "namespace": "a\\{b\\}"`, `it holds one of {, } and :`},
		"a password from nowhere": {
			`"addresses": ["a:1"], "password": "{file./nowhere/password}"`, "resolving store redis: {file./nowhere/password} is missing",
		},
		"a password with braces":    {`"addresses": ["a:1"], "password": "a{s3cret}b"`, "a placeholder in it is unknown"},
		"a database of a cluster":   {`"addresses": ["a:1"], "cluster": true, "db": 1`, "a Cluster has only database 0"},
		"half a second of lag":      {`"addresses": ["a:1"], "min_replicas_max_lag": "1500ms"`, "min_replicas_max_lag 1.5s: Redis counts whole seconds"},
		"a bad URL":                 {`"addresses": ["redis://gate:s3cret@%zz:1"]`, "address"},
		"half a client certificate": {`"addresses": ["a:1"], "tls": {"cert": "a.pem"}`, "key"},
	})
}

func TestBoltRefuses(t *testing.T) {
	testRefusals(t, "bolt", map[string]refusal{
		"an unknown word":       {`"sync": false`, `unknown field "sync"`},
		"a path from nowhere":   {`"path": "{file./nowhere/path}"`, "resolving store bolt: {file./nowhere/path} is missing or empty"},
		"a placeholder unknown": {`"path": "{s3cret}"`, "a placeholder in it is unknown"},
	})
}

// Attack: a placeholder gives the content of a file instead of its name, and the error
// prints the secret in it.
func TestNoErrorQuotesWhatIsInAFile(t *testing.T) {
	folder := t.TempDir()
	for name, text := range map[string]string{"secret": "s3cret\n", "private.pem": "-----BEGIN PRIVATE KEY-----\ns3cret\n"} {
		if err := os.WriteFile(filepath.Join(folder, name), []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	t.Setenv("SESSION_GATE_PEM", "-----BEGIN PRIVATE KEY-----\ns3cret")
	with := func(member, value string) string {
		return `"addresses": ["a:1"], "tls": {"` + member + `": ` + quoted(value) + `}`
	}
	refusals := map[string]refusal{
		"a key in a variable": {with("key", "{env.SESSION_GATE_PEM}"), "key of store redis: {env.SESSION_GATE_PEM} is not replaced by the name"},
	}
	for _, member := range []string{"ca", "cert", "key"} {
		for _, name := range []string{"secret", "private.pem"} {
			refusals[name+" for "+member] = refusal{with(member, "{file."+filepath.Join(folder, name)+"}"), member + " of store redis: {file."}
		}
	}
	testRefusals(t, "redis", refusals)
}

// An option that does not reach the store would silently disable what the operator meant.
func TestRedisGetsTheConfiguration(t *testing.T) {
	t.Setenv("SG_REDIS", "value")
	module := mustLoad(t, "redis", `
		"addresses": ["{env.SG_REDIS}:1", "b:2"], "username": "u{env.SG_REDIS}", "password": "p{env.SG_REDIS}",
		"sentinel_master": "m{env.SG_REDIS}", "sentinel_username": "su{env.SG_REDIS}", "sentinel_password": "sp{env.SG_REDIS}",
		"db": 3, "namespace": "n{env.SG_REDIS}", "allow_eviction": true, "min_replicas_max_lag": "2s", "allow_split_brain": true,
		"tls": {"ca": "ca.pem", "cert": "cert.pem", "key": "key.pem", "server_name": "s{env.SG_REDIS}"}`).(*Redis)
	want := redisstore.Options{
		Addresses: []string{"value:1", "b:2"}, Username: "uvalue", Password: "pvalue", DB: 3,
		SentinelMaster: "mvalue", SentinelUsername: "suvalue", SentinelPassword: "spvalue",
		Namespace: "nvalue", AllowEviction: true, MinReplicasMaxLag: 2 * time.Second, AllowSplitBrain: true,
		TLS: &redisstore.TLS{CA: []string{"ca.pem"}, Certificate: "cert.pem", Key: "key.pem", ServerName: "svalue"},
	}
	if !reflect.DeepEqual(module.options, want) {
		t.Errorf("the store gets\n%+v\nwant\n%+v", module.options, want)
	}
	if cluster := mustLoad(t, "redis", `"addresses": ["a:1"], "cluster": true`).(*Redis); !cluster.options.Cluster {
		t.Error("the store does not get the option cluster")
	}
}

// A pool key occurs in Caddy's logs and in answers of the admin API.
func TestPoolKeysOfRedis(t *testing.T) {
	config := func(password string) string { return `"addresses": ["a:1"], "password": "` + password + `"` }
	one, same, other := mustLoad(t, "redis", config("s3cret")), mustLoad(t, "redis", config("s3cret")), mustLoad(t, "redis", config("another"))
	if one.PoolKey() != same.PoolKey() || one.PoolKey() == other.PoolKey() {
		t.Errorf("pool keys %q, %q and %q", one.PoolKey(), same.PoolKey(), other.PoolKey())
	}
	if strings.Contains(one.PoolKey(), "s3cret") {
		t.Errorf("the pool key holds the password: %q", one.PoolKey())
	}
}

// A password in a file may be replaced while the gate runs: Caddy ignores an unchanged
// configuration, so that a reload would not read the file again.
func TestAPasswordInAFileIsReadAgain(t *testing.T) {
	file := filepath.Join(t.TempDir(), "password")
	write := func(text string) {
		t.Helper()
		if err := os.WriteFile(file, []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	load := func() *Redis {
		return mustLoad(t, "redis", `"addresses": ["a:1"], "username": "gate", "sentinel_master": "m", "password": `+quoted("p-{file."+file+"}")+
			`, "sentinel_username": "gate", "sentinel_password": `+quoted("s-{file."+file+"}")).(*Redis)
	}
	write("before\n")
	before := load()
	write("after\n")
	for name, read := range map[string]func() (string, error){
		"p-after": before.options.RenewPassword, "s-after": before.options.RenewSentinelPassword,
	} {
		if again, err := read(); again != name || err != nil {
			t.Errorf("read again, the password is %q, %v; want %q", again, err, name)
		}
	}
	if before.options.Password != "p-before" || before.options.SentinelPassword != "s-before" {
		t.Errorf("at first, the passwords are %q and %q", before.options.Password, before.options.SentinelPassword)
	}
	// The open store goes on after a reload.
	if after := load(); after.options.Password != "p-after" || after.PoolKey() != before.PoolKey() {
		t.Errorf("the pool keys %q and %q differ", before.PoolKey(), after.PoolKey())
	}
	write("")
	if again, err := before.options.RenewPassword(); err == nil || !strings.Contains(err.Error(), "{file."+file+"} is missing or empty") {
		t.Errorf("an empty file gives %q, %v", again, err)
	}

	t.Setenv("SG_REDIS", "value")
	if fixed := mustLoad(t, "redis", `"addresses": ["a:1"], "password": "{env.SG_REDIS}"`).(*Redis); fixed.options.RenewPassword != nil {
		t.Error("a variable of the environment is read again")
	}
}
