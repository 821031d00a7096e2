package architecture

import (
	"fmt"
	"os"
	"path"
	"slices"
	"strings"
	"testing"
	"testing/fstest"
)

const module = "github.com/sessiongate/sessiongate"

// owners names the one package that imports a third-party module. What a
// library gets wrong is then mended in one place, and replacing it touches one
// package. A module that is not here is new: choose its owner with care.
var owners = map[string]string{
	"github.com/caddyserver/caddy/v2":     "caddymodule",
	"github.com/dustin/go-humanize":       "caddymodule/config",
	"github.com/prometheus/client_golang": "caddymodule",
	"github.com/spf13/cobra":              "caddymodule",
	"github.com/spf13/pflag":              "caddymodule",
	"go.uber.org/zap":                     "caddymodule",
	"golang.org/x/sys":                    "store/replica",
	"github.com/dgraph-io/ristretto/v2":   "caddymodule/token",
	"github.com/go-jose/go-jose/v4":       "caddymodule/keys",
	"github.com/golang-jwt/jwt/v5":        "caddymodule/keys",
	"github.com/redis/go-redis/v9":        "store/redisstore",
	"go.etcd.io/bbolt":                    "store/boltstore",
}

// adapters are the packages beside caddymodule that import Caddy. Everything below
// them can be tested without linking it.
var adapters = map[string]bool{
	"caddymodule/config": true,
	"caddymodule/stores": true,
}

// rooms lists what packages below caddymodule import of this project.
var rooms = map[string][]string{
	"caddymodule/credential": {"caddymodule/fieldname", "caddymodule/percent"},
	"caddymodule/hub":        {"caddymodule/streams", "store", "store/replica", "store/sessions"},
	"caddymodule/config":     nil,
	"caddymodule/identity":   {"caddymodule/fieldname", "caddymodule/token"},
	"caddymodule/keys":       {"caddymodule/strictjson"},
	"caddymodule/reply":      nil,
	"caddymodule/stores":     {"caddymodule/config", "store", "store/boltstore", "store/memstore", "store/redisstore"},
	"caddymodule/token":      {"caddymodule/credential", "caddymodule/keys", "caddymodule/strictjson", "store"},
}

// plugged are the packages that register modules, which the plugin imports.
var plugged = map[string]bool{
	"caddymodule":        true,
	"caddymodule/stores": true,
}

// testModules may be imported by every test and by nothing else.
var testModules = map[string]bool{
	"github.com/alicebob/miniredis/v2": true,
	"go.uber.org/goleak":               true,
	"pgregory.net/rapid":               true,
}

// importViolations lists the imports that break the direction of the
// dependencies:
//
//	plugin → caddymodule → {caddymodule/*, store/*} → store
func importViolations(files []source) []string {
	var broken []string
	for _, file := range files {
		if isWithin(file.folder(), "tests") {
			// Black-box tests stand outside the house.
			continue
		}
		for _, imported := range file.imports {
			if why := objection(file, imported); why != "" {
				broken = append(broken, fmt.Sprintf("%s imports %q: %s", file.name, imported, why))
			}
		}
	}
	return broken
}

// objection says why the file may not import the package, and nothing if it may.
func objection(file source, imported string) string {
	if isWithin(imported, module) {
		target := strings.TrimPrefix(strings.TrimPrefix(imported, module), "/")
		return ownObjection(file, target)
	}
	if first, _, _ := strings.Cut(imported, "/"); !strings.Contains(first, ".") {
		return "" // The standard library.
	}
	for thirdParty, owner := range owners {
		if isWithin(imported, thirdParty) {
			if thirdParty == "github.com/caddyserver/caddy/v2" && adapters[file.folder()] {
				return ""
			}
			if file.folder() == owner || support(file.folder()) && path.Dir(file.folder()) == owner {
				return ""
			}
			return "only " + owner + " may"
		}
	}
	for thirdParty := range testModules {
		if isWithin(imported, thirdParty) {
			if file.test() {
				return ""
			}
			return "only tests may"
		}
	}
	return "the module has no owner yet"
}

// ownObjection is about imports within the module.
func ownObjection(file source, target string) string {
	from := file.folder()
	room, isRoom := rooms[from]
	switch {
	case support(target) && !file.test():
		return "it serves tests only"
	case target == from:
		return "" // A test of the package from outside.
	case from == ".":
		if !plugged[target] {
			return "the plugin imports what registers modules, and nothing else"
		}
	case target == "" || target == "caddymodule" || isWithin(target, "tests"):
		return "dependencies point the other way"
	case isRoom && !file.test() && !slices.Contains(room, target):
		return "it is not among what this package needs"
	case isWithin(from, "store") && !isWithin(target, "store"):
		return "a store knows nothing of tokens or Caddy"
	case from == "store":
		return "the contract depends on nothing"
	case isWithin(from, "store") && target != "store" && !file.test():
		return "stores and replica know the contract, not each other"
	}
	return ""
}

// isWithin tells whether a path is the folder or below it.
func isWithin(name, folder string) bool {
	return name == folder || strings.HasPrefix(name, folder+"/")
}

func TestImportsKeepTheirDirection(t *testing.T) {
	files, err := sources(os.DirFS(root))
	if err != nil {
		t.Fatal(err)
	}
	if len(files) == 0 {
		t.Fatal("no source file found")
	}
	for _, violation := range importViolations(files) {
		t.Error(violation)
	}
}

// A rule that catches nothing is worse than none: each wall is broken once.
func TestEachBrokenImportIsFound(t *testing.T) {
	const own = module + "/"
	cases := map[string]struct{ file, imported string }{
		"contract imports a library":       {"store/store.go", "go.etcd.io/bbolt"},
		"contract imports its store":       {"store/store.go", own + "store/memstore"},
		"store imports Caddy":              {"store/redisstore/store.go", "github.com/caddyserver/caddy/v2"},
		"store imports the adapter":        {"store/redisstore/store.go", own + "caddymodule"},
		"store imports tokens":             {"store/redisstore/store.go", own + "caddymodule/token"},
		"store imports another store":      {"store/redisstore/store.go", own + "store/boltstore"},
		"replica imports Redis":            {"store/replica/replica.go", "github.com/redis/go-redis/v9"},
		"replica imports a store":          {"store/replica/replica.go", own + "store/redisstore"},
		"copying imports Caddy":            {"caddymodule/copying/place.go", "github.com/caddyserver/caddy/v2"},
		"token imports Caddy":              {"caddymodule/token/verify.go", "github.com/caddyserver/caddy/v2/modules/caddyhttp"},
		"token imports Caddy in a test":    {"caddymodule/token/verify_test.go", "github.com/caddyserver/caddy/v2"},
		"token imports the adapter":        {"caddymodule/token/verify.go", own + "caddymodule"},
		"token imports hub":                {"caddymodule/token/verify.go", own + "caddymodule/hub"},
		"token verifies signatures itself": {"caddymodule/token/verify.go", "github.com/golang-jwt/jwt/v5"},
		"keys imports Caddy":               {"caddymodule/keys/remote.go", "github.com/caddyserver/caddy/v2"},
		"keys imports tokens":              {"caddymodule/keys/remote.go", own + "caddymodule/token"},
		"keys imports the store":           {"caddymodule/keys/remote.go", own + "store"},
		"identity imports paths":           {"caddymodule/identity/identity.go", own + "caddymodule/paths"},
		"identity imports configuration":   {"caddymodule/identity/config.go", own + "caddymodule/config"},
		"identity imports Caddy":           {"caddymodule/identity/config.go", "github.com/caddyserver/caddy/v2"},
		"reply imports tokens":             {"caddymodule/reply/denial.go", own + "caddymodule/token"},
		"reply imports Caddy":              {"caddymodule/reply/denial.go", "github.com/caddyserver/caddy/v2"},
		"config imports tokens":            {"caddymodule/config/words.go", own + "caddymodule/token"},
		"config imports a store":           {"caddymodule/config/words.go", own + "store"},
		"config imports the adapter":       {"caddymodule/config/words.go", own + "caddymodule"},
		"a store module imports tokens":    {"caddymodule/stores/redis.go", own + "caddymodule/token"},
		"a store module reads the set":     {"caddymodule/stores/redis.go", own + "store/replica"},
		"a store module imports Redis":     {"caddymodule/stores/redis.go", "github.com/redis/go-redis/v9"},
		"a store module needs the adapter": {"caddymodule/stores/redis.go", own + "caddymodule"},
		"adapter reads sizes itself":       {"caddymodule/gate.go", "github.com/dustin/go-humanize"},
		"hub imports Caddy":                {"caddymodule/hub/hub.go", "github.com/caddyserver/caddy/v2"},
		"hub imports Caddy in a test":      {"caddymodule/hub/hub_test.go", "github.com/caddyserver/caddy/v2"},
		"hub imports the adapter":          {"caddymodule/hub/hub.go", own + "caddymodule"},
		"hub imports tokens":               {"caddymodule/hub/hub.go", own + "caddymodule/token"},
		"hub imports a store":              {"caddymodule/hub/hub.go", own + "store/memstore"},
		"credential imports Caddy":         {"caddymodule/credential/extract.go", "github.com/caddyserver/caddy/v2"},
		"credential imports tokens":        {"caddymodule/credential/extract.go", own + "caddymodule/token"},
		"adapter parses tokens itself":     {"caddymodule/gate.go", "github.com/golang-jwt/jwt/v5"},
		"adapter talks to Redis itself":    {"caddymodule/gate.go", "github.com/redis/go-redis/v9"},
		"product imports test support":     {"caddymodule/gate.go", own + "caddymodule/token/tokentest"},
		"product imports a test module":    {"caddymodule/gate.go", "go.uber.org/goleak"},
		"plugin imports more":              {"plugin.go", own + "store"},
		"adapter imports the plugin":       {"caddymodule/gate.go", module},
		"somebody imports a new module":    {"caddymodule/gate.go", "example.com/new"},
		"twin of an owned module's name":   {"caddymodule/keys/algorithm.go", "github.com/golang-jwt/jwt/v5x"},
		"support of another owner's kind":  {"store/redisstore/redistest/server.go", "go.etcd.io/bbolt"},
	}
	for name, c := range cases {
		found, err := sources(fstest.MapFS{c.file: {Data: []byte("package p\n\nimport _ \"" + c.imported + "\"\n")}})
		if err != nil {
			t.Fatal(err)
		}
		if len(importViolations(found)) != 1 {
			t.Errorf("%s: not found", name)
		}
	}
}
