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

// owners names the one package that may import each third-party module. So a fault of a
// library is worked around in one place, and replacing it changes one package. To add a
// module, choose its owner with care.
var owners = map[string]string{
	"github.com/caddyserver/caddy/v2":     "caddymodule",
	"github.com/dustin/go-humanize":       "caddymodule/config",
	"github.com/prometheus/client_golang": "caddymodule/metrics",
	"github.com/spf13/cobra":              "caddymodule/command",
	"github.com/spf13/pflag":              "caddymodule/command",
	"go.opentelemetry.io/otel":            "caddymodule",
	"go.uber.org/zap":                     "caddymodule",
	"golang.org/x/sys":                    "store/replica",
	"github.com/dgraph-io/ristretto/v2":   "caddymodule/token",
	"github.com/go-jose/go-jose/v4":       "caddymodule/keys",
	"github.com/golang-jwt/jwt/v5":        "caddymodule/keys",
	"github.com/redis/go-redis/v9":        "store/redisstore",
	"go.etcd.io/bbolt":                    "store/boltstore",
}

// adapters are the packages that may import Caddy, besides caddymodule. All packages below
// them can be tested without linking it.
var adapters = map[string]bool{
	"caddymodule/command":  true,
	"caddymodule/config":   true,
	"caddymodule/operator": true,
	"caddymodule/stores":   true,
}

// rooms lists what each package below caddymodule may import of this project.
var rooms = map[string][]string{
	"caddymodule/caller": {
		"caddymodule/credential", "caddymodule/fieldname", "caddymodule/hub", "caddymodule/reply", "caddymodule/token",
		"store", "store/replica", "store/sessions",
	},
	"caddymodule/command": {
		"caddymodule/copying", "caddymodule/operator", "caddymodule/stores", "caddymodule/token",
		"store", "store/boltstore",
	},
	"caddymodule/config":     nil,
	"caddymodule/credential": {"caddymodule/fieldname", "caddymodule/percent"},
	"caddymodule/ending":     {"caddymodule/hub", "caddymodule/token", "store", "store/replica"},
	"caddymodule/hub":        {"caddymodule/streams", "store", "store/replica", "store/sessions"},
	"caddymodule/identity":   {"caddymodule/fieldname", "caddymodule/token"},
	"caddymodule/keys":       {"caddymodule/strictjson"},
	"caddymodule/logout":     {"caddymodule/hub", "caddymodule/reply", "caddymodule/token", "store"},
	"caddymodule/metrics": {
		"caddymodule/hub", "caddymodule/keys", "caddymodule/logout", "caddymodule/token", "caddymodule/tokenendpoint",
		"store", "store/replica",
	},
	"caddymodule/navigation": {"caddymodule/fieldname"},
	"caddymodule/operator": {
		"caddymodule/caller", "caddymodule/copying", "caddymodule/ending", "caddymodule/hub", "caddymodule/keys", "caddymodule/reply", "caddymodule/strictjson", "caddymodule/token",
		"store", "store/replica",
	},
	"caddymodule/refusals": nil,
	"caddymodule/reply":    nil,
	"caddymodule/sessionapi": {
		"caddymodule/caller", "caddymodule/ending", "caddymodule/hub", "caddymodule/paths", "caddymodule/reply", "caddymodule/strictjson", "caddymodule/token",
		"store", "store/replica",
	},
	"caddymodule/stores": {"caddymodule/config", "store", "store/boltstore", "store/memstore", "store/redisstore"},
	"caddymodule/token":  {"caddymodule/credential", "caddymodule/keys", "caddymodule/strictjson", "store"},
	"caddymodule/tokenendpoint": {
		"caddymodule/caller", "caddymodule/hub", "caddymodule/oauth", "caddymodule/paths", "caddymodule/reply", "caddymodule/token",
		"store", "store/replica",
	},
	"caddymodule/webhook": nil,
}

// plugged are the packages that register modules, and that the plugin imports.
var plugged = map[string]bool{
	"caddymodule":          true,
	"caddymodule/command":  true,
	"caddymodule/operator": true,
	"caddymodule/stores":   true,
}

// testModules may be imported by every test and by no other code.
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
			// These rules do not apply to black-box tests.
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

// objection returns why the file may not import the package, or "" if it may.
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
			if thirdParty == "github.com/caddyserver/caddy/v2" && (adapters[file.folder()] || support(file.folder()) && adapters[path.Dir(file.folder())]) {
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

// ownObjection is objection for imports within the module.
func ownObjection(file source, target string) string {
	from := file.folder()
	room, isRoom := rooms[from]
	switch {
	case support(target) && !file.test():
		return "it serves tests only"
	case target == from:
		return "" // An external test of the package.
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

// isWithin reports whether a path is the folder or below it.
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

// This test breaks each rule once, to check that the rules find faults.
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
		"logout imports Caddy":             {"caddymodule/logout/logout.go", "github.com/caddyserver/caddy/v2"},
		"logout imports Caddy in a test":   {"caddymodule/logout/logout_test.go", "github.com/caddyserver/caddy/v2"},
		"logout asks who calls":            {"caddymodule/logout/logout.go", own + "caddymodule/caller"},
		"refusals imports Caddy":           {"caddymodule/refusals/refusals.go", "github.com/caddyserver/caddy/v2"},
		"refusals reads denials":           {"caddymodule/refusals/refusals.go", own + "caddymodule/reply"},
		"logout imports the adapter":       {"caddymodule/logout/logout.go", own + "caddymodule"},
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
		"caller imports Caddy":             {"caddymodule/caller/caller.go", "github.com/caddyserver/caddy/v2"},
		"caller imports Caddy in a test":   {"caddymodule/caller/caller_test.go", "github.com/caddyserver/caddy/v2"},
		"caller imports the adapter":       {"caddymodule/caller/caller.go", own + "caddymodule"},
		"caller imports paths":             {"caddymodule/caller/origins.go", own + "caddymodule/paths"},
		"caller imports test support":      {"caddymodule/caller/caller.go", own + "caddymodule/caller/callertest"},
		"navigation imports Caddy":         {"caddymodule/navigation/page.go", "github.com/caddyserver/caddy/v2"},
		"navigation decides":               {"caddymodule/navigation/redirect.go", own + "caddymodule/caller"},
		"operator needs the adapter":       {"caddymodule/operator/app.go", own + "caddymodule"},
		"operator imports a store module":  {"caddymodule/operator/app.go", own + "caddymodule/stores"},
		"operator imports a store":         {"caddymodule/operator/copy.go", own + "store/boltstore"},
		"operator reads flags":             {"caddymodule/operator/app.go", "github.com/spf13/cobra"},
		"command needs the adapter":        {"caddymodule/command/copy.go", own + "caddymodule"},
		"command revokes itself":           {"caddymodule/command/revoke.go", own + "caddymodule/hub"},
		"command opens a Redis":            {"caddymodule/command/copy.go", own + "store/redisstore"},
		"somebody else needs the command":  {"caddymodule/operator/app.go", own + "caddymodule/command"},
		"the adapter reads flags":          {"caddymodule/app.go", "github.com/spf13/cobra"},
		"credential imports Caddy":         {"caddymodule/credential/extract.go", "github.com/caddyserver/caddy/v2"},
		"credential imports tokens":        {"caddymodule/credential/extract.go", own + "caddymodule/token"},
		"sessionapi imports Caddy":         {"caddymodule/sessionapi/api.go", "github.com/caddyserver/caddy/v2"},
		"sessionapi finds tokens itself":   {"caddymodule/sessionapi/api.go", own + "caddymodule/credential"},
		"sessionapi imports the gate":      {"caddymodule/sessionapi/api.go", own + "caddymodule"},
		"tokenendpoint imports Caddy":      {"caddymodule/tokenendpoint/endpoint.go", "github.com/caddyserver/caddy/v2"},
		"tokenendpoint imports the gate":   {"caddymodule/tokenendpoint/endpoint.go", own + "caddymodule"},
		"tokenendpoint reads forms itself": {"caddymodule/tokenendpoint/request.go", own + "caddymodule/strictjson"},
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
