package operator

import (
	"bytes"
	"errors"
	"fmt"
	"io/fs"
	"net"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/sessiongate/sessiongate/tests/harness"
)

// Fault: a configuration is validated on a build machine, or beside the running gate, and
// the validation connects to production systems.
//
// Invariant 11: `caddy validate` opens no socket and no file of the store.
func TestValidateTouchesNothing(t *testing.T) {
	t.Parallel()
	t.Run("of redis and issuers", func(t *testing.T) {
		redis, issuer := listen(t), listen(t)
		g := harness.Prepare(t, harness.Config{
			Store: "store redis " + redis.Addr().String(),
			Issuers: fmt.Sprintf("issuer http://%[1]s {\ndiscover\naudience a\n}\n"+
				"issuer https://id.example.com {\njwks http://%[1]s/jwks.json\naudience a\n}", issuer.Addr()),
		})
		checkValid(t, g)
		checkUntouched(t, redis)
		checkUntouched(t, issuer)
	})
	t.Run("of a file that is not there", func(t *testing.T) {
		g := harness.Prepare(t, harness.Config{Store: "store bolt {$GATE_DIR}/new/revocations.db"})
		checkValid(t, g)
		if _, err := os.Stat(filepath.Join(g.Dir(), "new")); !errors.Is(err, fs.ErrNotExist) {
			t.Errorf("looking for the folder of the store: %v, want an error that it does not exist", err)
		}
	})
	t.Run("of a file that a running gate holds", func(t *testing.T) {
		g := harness.Start(t, harness.Config{})
		checkValid(t, g)
		harness.CheckAdmitted(t, harness.Get(t, g, g.Token(nil)))
	})
	t.Run("of a file that is damaged", func(t *testing.T) {
		g := harness.Prepare(t, harness.Config{Store: "store bolt {$GATE_DIR}/damaged.db"})
		path, content := filepath.Join(g.Dir(), "damaged.db"), []byte("not what a store wrote")
		if err := os.WriteFile(path, content, 0o400); err != nil {
			t.Fatal(err)
		}
		checkValid(t, g)
		if now, err := os.ReadFile(path); err != nil || !bytes.Equal(now, content) {
			t.Errorf("the file holds %q, want %q, error %v", now, content, err)
		}
		if beside, err := filepath.Glob(path + ".*"); err != nil || len(beside) > 0 {
			t.Errorf("beside the file are %q, error %v", beside, err)
		}
	})
}

func checkValid(t *testing.T, g *harness.Gate) {
	t.Helper()
	if got := g.Command(t, "validate"); got.Code != 0 {
		t.Errorf("validate exits with %d:\n%s", got.Code, got.Output)
	}
}

// listen listens on loopback, and accepts nothing by itself.
func listen(t *testing.T) net.Listener {
	t.Helper()
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = listener.Close() })
	return listener
}

// checkUntouched fails the test if anything has connected: connections are accepted in
// their order, so the first one must be the test's.
func checkUntouched(t *testing.T, listener net.Listener) {
	t.Helper()
	own, err := net.DialTimeout("tcp", listener.Addr().String(), time.Minute)
	if err != nil {
		t.Fatal(err)
	}
	defer own.Close()
	first, err := listener.Accept()
	if err != nil {
		t.Fatal(err)
	}
	defer first.Close()
	if first.RemoteAddr().String() != own.LocalAddr().String() {
		t.Errorf("%s was connected to", listener.Addr())
	}
}

// Attack: with a secret that is not mounted, anybody could sign tokens for the gate. The
// error must not show the secrets that are present.
func TestValidateRefusesWhatIsMissing(t *testing.T) {
	t.Parallel()
	const short, password = "only-31-bytes-are-in-this-one!!", "pa55word-of-redis"
	redis := "store redis 127.0.0.1:1 {\n%s\n}"
	for name, c := range map[string]struct {
		config harness.Config
		want   []string
	}{
		"a variable that is not set": {
			harness.Config{Issuers: harness.IssuerOf("hmac_secret {env.SESSION_GATE_NOT_SET}")},
			[]string{"hmac_secret of issuer", "{env.SESSION_GATE_NOT_SET} is missing or empty", "is the variable set"},
		},
		"a variable that is empty": {
			harness.Config{Issuers: harness.IssuerOf("hmac_secret {env.SESSION_GATE_EMPTY}")}, []string{"{env.SESSION_GATE_EMPTY} is missing or empty"},
		},
		"a file that is not there": {
			harness.Config{Issuers: harness.IssuerOf("hmac_secret {file./nonexistent/hmac}")},
			[]string{"{file./nonexistent/hmac} is missing or empty", "the file there and readable"},
		},
		"the second of two secrets": {
			harness.Config{Issuers: harness.IssuerOf("hmac_secret {file.{$GATE_DIR}/hmac_secret} {env.SESSION_GATE_NOT_SET}")},
			[]string{"{env.SESSION_GATE_NOT_SET} is missing or empty"},
		},
		"a secret that is short": {
			harness.Config{Issuers: harness.IssuerOf("hmac_secret {env.SESSION_GATE_SHORT}")},
			[]string{"31 bytes", "32"},
		},
		"a public key that is not there": {
			harness.Config{Issuers: harness.IssuerOf("public_key /nonexistent/key.pem")}, []string{"/nonexistent/key.pem", "no such file"},
		},
		"a public key that is none": {
			harness.Config{Issuers: harness.IssuerOf("public_key {$GATE_DIR}/hmac_secret")}, []string{"issuer", "PEM"},
		},
		"an issuer": {harness.Config{Issuers: " "}, []string{"no issuer", "session_gate { issuer"}},
		"keys":      {harness.Config{Issuers: harness.IssuerOf("session_claim sid")}, []string{"no source of keys", "jwks, discover, jwks_file, public_key, hmac_secret"}},
		"the password of redis": {
			harness.Config{Store: fmt.Sprintf(redis, "password {env.SESSION_GATE_NOT_SET}")}, []string{"store redis", "{env.SESSION_GATE_NOT_SET} is missing"},
		},
		"the user of a password": {
			harness.Config{Store: fmt.Sprintf(redis, "username {env.SESSION_GATE_NOT_SET}\npassword {env.SESSION_GATE_PASSWORD}")},
			[]string{"{env.SESSION_GATE_NOT_SET} is missing"},
		},
		"keys that come over a network that anybody can change": {
			harness.Config{Issuers: harness.IssuerOf("jwks http://id.example.com/jwks.json")}, []string{"https", "insecure_http"},
		},
	} {
		t.Run(name, func(t *testing.T) {
			g := harness.Prepare(t, c.config)
			got := g.Command(t, "validate", "SESSION_GATE_EMPTY=", "SESSION_GATE_SHORT="+short, "SESSION_GATE_PASSWORD="+password)
			if got.Code == 0 {
				t.Errorf("validate exits with 0:\n%s", got.Output)
			}
			for _, want := range c.want {
				if !strings.Contains(got.Output, want) {
					t.Errorf("validate says\n%s\nwant %q in it", got.Output, want)
				}
			}
			for _, secret := range []string{short, password, string(g.Key.Secret)} {
				if strings.Contains(got.Output, secret) {
					t.Errorf("validate shows a secret:\n%s", got.Output)
				}
			}
		})
	}
}
