package token_test

import (
	"runtime"
	"strconv"
	"testing"

	"github.com/sessiongate/sessiongate/caddymodule/token"
	"github.com/sessiongate/sessiongate/caddymodule/token/tokentest"
)

func TestClaim(t *testing.T) {
	v, key := hmacVerifier(t)
	verified := mustVerify(t, v, tokentest.Seal(t, key, `{"alg":"HS256"}`, with(t, `"text":"a\"b","empty":"",
		"number":9007199254740993,"fraction":1.50,"yes":true,"no":false,"list":["a",2,false,"c,d"],"none":[],
		"null":null,"object":{"a":1},"nested":["a",["b"]],"holed":["a",null],"https://example.com/role":"admin"`)))
	for name, want := range map[string]string{
		"text": `a"b`, "empty": "", "number": "9007199254740993", "fraction": "1.50", "yes": "true", "no": "false",
		"list": "a,2,false,c,d", "none": "", "https://example.com/role": "admin", "sub": "alice",
	} {
		if got, ok := verified.Claim(name); !ok || got != want {
			t.Errorf("claim %q is %q, %t, want %q", name, got, ok, want)
		}
	}
	for _, name := range []string{"null", "object", "nested", "holed", "missing", "", "SUB"} {
		if got, ok := verified.Claim(name); ok {
			t.Errorf("claim %q is %q, want none", name, got)
		}
	}
}

// Attack: a scope that only resembles, or contains, the scope that lets an operator log out
// everybody.
func TestHasScope(t *testing.T) {
	v, key := hmacVerifier(t)
	for members, want := range map[string]bool{
		`"scope":"sessions:revoke"`:                                 true,
		`"scope":"openid  sessions:revoke email"`:                   true,
		`"scp":"openid sessions:revoke"`:                            true,
		`"scp":["openid","sessions:revoke"]`:                        true,
		`"scope":"openid","scp":["sessions:revoke"]`:                true,
		`"scope":"sessions:revoke:none"`:                            false,
		`"scope":"Sessions:Revoke"`:                                 false,
		`"scope":"x,sessions:revoke"`:                               false,
		`"scope":"x\u00a0sessions:revoke"`:                          false,
		`"scope":"x\tsessions:revoke"`:                              false,
		`"scope":["openid","sessions:revoke"]`:                      true,
		`"scp":["openid sessions:revoke"]`:                          false,
		`"scp":[["sessions:revoke"]]`:                               false,
		`"scp":{"sessions:revoke":true}`:                            false,
		`"scope":null`:                                              false,
		`"Scope":"sessions:revoke","permissions":"sessions:revoke"`: false,
	} {
		verified := mustVerify(t, v, tokentest.Seal(t, key, `{"alg":"HS256"}`, with(t, members)))
		if got := verified.HasScope("sessions:revoke"); got != want {
			t.Errorf("%s: %t, want %t", members, got, want)
		}
		if verified.HasScope("") {
			t.Errorf("%s grants the empty scope", members)
		}
	}
}

func TestView(t *testing.T) {
	v, key := hmacVerifier(t)
	plain := v.AddView(nil)
	index := v.AddView([]string{"email", "groups", "id", "email"})
	if again := v.AddView([]string{"id", "groups", "email"}); again != index || index == plain {
		t.Errorf("indexes %d, %d and %d", plain, index, again)
	}
	verified := mustVerify(t, v, tokentest.Mint(t, key, tokentest.Claims(now, map[string]any{
		"groups": []string{"staff", "admins"}, "id": "root", "jti": nil, "role": "x",
	})))
	lookup := verified.View(index)
	for name, want := range map[string]string{
		// Attack: a claim called "id" passes for the subject.
		"id": "alice", "session_id": "session-1", "token_id": "", "issuer": tokentest.Issuer,
		"email": "", "groups": "staff,admins",
	} {
		if got, ok := lookup("http.auth.user." + name); !ok || got != want {
			t.Errorf("%s is %v, %t, want %q", name, got, ok, want)
		}
	}
	for _, name := range []string{"http.auth.user.role", "http.auth.user.", "http.auth.user", "email", "", "http.request.host"} {
		if got, ok := lookup(name); ok || got != nil {
			t.Errorf("%q is %v, %t, want none", name, got, ok)
		}
	}
	if got, ok := verified.View(plain)("http.auth.user.groups"); ok {
		t.Errorf("another gate's claim is %v", got)
	}
	if n := testing.AllocsPerRun(100, func() { _, _ = verified.View(index)("http.auth.user.groups") }); n != 0 {
		t.Errorf("%v allocations", n)
	}
}

func TestViewsAddedLaterReachCachedTokens(t *testing.T) {
	v, key := hmacVerifier(t)
	raw := tokentest.Mint(t, key, tokentest.Claims(now, nil))
	cacheToken(t, v, raw)
	index := v.AddView([]string{"sid"})
	if got, _ := mustVerify(t, v, raw).View(index)("http.auth.user.sid"); got != "session-1" {
		t.Errorf("view says %v", got)
	}
}

// The bound of the cache is in bytes, so the counted bytes must be the used bytes. That
// must also hold if an issuer lets its users fill a token with as many claims as fit.
func TestSizeIsAccurate(t *testing.T) {
	full := make(map[string]any)
	for i := range 250 {
		full["claim-"+strconv.Itoa(i)] = i
	}
	for name, tt := range map[string]struct {
		many   int
		claims map[string]any
	}{
		"usual": {4000, map[string]any{"email": "alice@example.com", "groups": []string{"staff", "admins"}}},
		"full":  {200, full},
	} {
		t.Run(name, func(t *testing.T) { checkSize(t, tt.many, tt.claims) })
	}
}

func checkSize(t *testing.T, many int, claims map[string]any) {
	v, key := hmacVerifier(t, func(o *token.Options) { o.CacheBytes = token.DefaultCacheBytes })
	v.AddView([]string{"email", "groups"})
	raws := make([]string, many)
	for i := range raws {
		claims["sid"] = "session-" + strconv.Itoa(i)
		raws[i] = tokentest.Mint(t, key, tokentest.Claims(now, claims))
	}
	before := heap()
	for i, raw := range raws {
		mustVerify(t, v, raw)
		if i%1000 == 0 {
			v.WaitForCache()
		}
	}
	v.WaitForCache()
	used := heap() - before
	counted := v.CacheUsed()
	runtime.KeepAlive(raws)
	t.Logf("%d bytes a token, %d counted", used/int64(many), counted/int64(many))
	if len(v.Cached()) != many || used > counted*11/10 || used < counted/2 {
		t.Errorf("%d tokens use %d bytes, counted as %d", len(v.Cached()), used, counted)
	}
}

func heap() int64 {
	runtime.GC()
	runtime.GC()
	var stats runtime.MemStats
	runtime.ReadMemStats(&stats)
	return int64(stats.HeapAlloc)
}
