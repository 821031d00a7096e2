package stores

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"log/slog"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/caddyserver/caddy/v2"

	"github.com/sessiongate/sessiongate/store"
)

// load loads and provisions a store module from members of a JSON object.
func load(t *testing.T, kind, members string) (Module, error) {
	t.Helper()
	ctx, cancel := caddy.NewContext(caddy.Context{Context: t.Context()})
	t.Cleanup(cancel)
	module, err := ctx.LoadModuleByID("session_gate.stores."+kind, json.RawMessage("{"+members+"}"))
	if err != nil {
		return nil, err
	}
	return module.(Module), nil
}

func mustLoad(t *testing.T, kind, members string) Module {
	t.Helper()
	module, err := load(t, kind, members)
	if err != nil {
		t.Fatalf("%s {%s}: %v", kind, members, err)
	}
	return module
}

func quoted(text string) string {
	return fmt.Sprintf("%q", text)
}

// open opens a store, and closes it with the test.
func open(t *testing.T, module Module, leeway time.Duration) (opened store.Backend, log *bytes.Buffer) {
	t.Helper()
	log = new(bytes.Buffer)
	opened, err := module.Open(slog.New(slog.NewTextHandler(log, nil)), leeway)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := opened.Close(); err != nil && !errors.Is(err, store.ErrClosed) {
			t.Errorf("Close: %v", err)
		}
	})
	return opened, log
}

func TestWhatEachStoreIs(t *testing.T) {
	for kind, want := range map[string]struct {
		members, namespace string
		shared             bool
	}{
		"memory": {"", "default", false},
		"bolt":   {"", "default", false},
		"redis":  {`"addresses": ["a:1"]`, "default", true},
	} {
		module := mustLoad(t, kind, want.members)
		if module.Namespace() != want.namespace || module.Shared() != want.shared {
			t.Errorf("%s: namespace %q, shared %t, want %+v", kind, module.Namespace(), module.Shared(), want)
		}
		if !strings.HasPrefix(module.PoolKey(), kind) {
			t.Errorf("%s: the pool key is %q", kind, module.PoolKey())
		}
	}
	if named := mustLoad(t, "redis", `"addresses": ["a:1"], "namespace": "orders"`); named.Namespace() != "orders" {
		t.Errorf("namespace %q, want orders", named.Namespace())
	}
}

// Attack: two configurations spell one file in two ways. If the file was opened twice, it
// would have two sets of revocations, and a reload would wait for the first open.
func TestOneBoltFileHasOnePoolKey(t *testing.T) {
	folder := t.TempDir()
	path := filepath.Join(folder, "revocations.db")
	if err := os.Symlink(folder, filepath.Join(folder, "link")); err != nil {
		t.Fatal(err)
	}
	t.Setenv("SG_FOLDER", folder)
	want := mustLoad(t, "bolt", `"path": `+quoted(path))
	for _, spelling := range []string{folder + "/./revocations.db", folder + "/link/revocations.db", "{env.SG_FOLDER}/revocations.db"} {
		module := mustLoad(t, "bolt", `"path": `+quoted(spelling))
		if module.PoolKey() != want.PoolKey() || module.(*Bolt).File() != want.(*Bolt).File() {
			t.Errorf("%s: the pool key is %q, want %q", spelling, module.PoolKey(), want.PoolKey())
		}
	}
	if other := mustLoad(t, "bolt", `"path": `+quoted(path+"2")); other.PoolKey() == want.PoolKey() {
		t.Errorf("another file has the same pool key %q", other.PoolKey())
	}
	if _, err := os.Stat(path); !errors.Is(err, fs.ErrNotExist) {
		t.Errorf("provisioning made the file, error %v", err)
	}
}

func TestTheDefaultPathOfBolt(t *testing.T) {
	t.Setenv("XDG_DATA_HOME", t.TempDir())
	module := mustLoad(t, "bolt", "").(*Bolt)
	if module.Path != DefaultPath() || !strings.HasSuffix(module.File(), filepath.Join("session_gate", "revocations.db")) {
		t.Errorf("path %q, file %q, want %q", module.Path, module.File(), DefaultPath())
	}
	if _, err := os.Stat(filepath.Dir(module.File())); !errors.Is(err, fs.ErrNotExist) {
		t.Errorf("provisioning made the folder, error %v", err)
	}
}

// Attack: the marker beside a bolt file is removed, so that an older copy of the file
// counts as the newest. The gate must then also refuse tokens of issuers whose clock is
// ahead, as far as its leeway accepts them.
func TestBoltRefusesTokensUpToTheLeewayAfterALoss(t *testing.T) {
	const leeway = 5 * time.Minute
	module := mustLoad(t, "bolt", `"path": `+quoted(filepath.Join(t.TempDir(), "below", "revocations.db")))
	first, _ := open(t, module, leeway)
	revoked := store.Revocation{Kind: store.KindSession, Key: store.NewKey("default", store.KindSession, "iss", "s"), Expires: time.Now().Add(time.Hour).Unix()}
	if _, err := first.Append(t.Context(), revoked); err != nil {
		t.Fatal(err)
	}
	if err := first.Close(); err != nil {
		t.Fatal(err)
	}
	if err := os.Remove(module.(*Bolt).File() + ".init"); err != nil {
		t.Fatal(err)
	}
	before := time.Now().Add(leeway).Unix()
	second, log := open(t, module, leeway)
	batch, err := second.Read(t.Context(), store.Position{}, 0)
	if err != nil {
		t.Fatal(err)
	}
	if floor := batch.Bounds.Floor; floor < before || floor > time.Now().Add(leeway).Unix() {
		t.Errorf("the floor is %d, want the present time and the leeway, %d", floor, before)
	}
	if !strings.Contains(log.String(), "revocations may be lost") {
		t.Errorf("the log is %q", log)
	}
}

func TestBoltOfADamagedFile(t *testing.T) {
	path := filepath.Join(t.TempDir(), "revocations.db")
	if err := os.WriteFile(path, bytes.Repeat([]byte("damaged "), 4096), 0o600); err != nil {
		t.Fatal(err)
	}
	opened, err := mustLoad(t, "bolt", `"path": `+quoted(path)).Open(slog.New(slog.DiscardHandler), 0)
	if !errors.Is(err, store.ErrDamaged) || opened != nil {
		t.Errorf("opened %v, error %v, want %v", opened, err, store.ErrDamaged)
	}
}

// The log warns that revocations are kept in memory, so that no operator learns it only
// after a restart.
func TestMemoryWarns(t *testing.T) {
	_, log := open(t, mustLoad(t, "memory", ""), 0)
	if !strings.Contains(log.String(), "level=WARN") || !strings.Contains(log.String(), "forgotten with this process") {
		t.Errorf("the log is %q", log)
	}
}

// The gate must start, and answer 503, while Redis is unreachable.
func TestRedisDoesNotWaitForTheServer(t *testing.T) {
	opened, _ := open(t, mustLoad(t, "redis", `"addresses": ["127.0.0.1:1"]`), 0)
	if err := opened.Close(); err != nil {
		t.Error(err)
	}
}
