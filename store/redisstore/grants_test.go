package redisstore_test

import (
	"errors"
	"testing"
	"time"

	"github.com/sessiongate/sessiongate/store"
	"github.com/sessiongate/sessiongate/store/redisstore/redistest"
)

// grantOf returns the grant of an access token of some sessions.
func grantOf(token string, families ...string) store.Grant {
	g := store.Grant{
		Token:  store.NewKey("test", store.KindToken, "i", token),
		Access: true, IssuedAt: 1, Expires: time.Now().Add(time.Hour).Unix(),
	}
	for _, family := range families {
		g.Families = append(g.Families, store.NewKey("test", store.KindSession, "i", family))
	}
	return g
}

// Redis' clock decides no expiry, and every key of a token expires.
func TestTokensExpireByOurClock(t *testing.T) {
	server := redistest.Start(t)
	now := time.Now().Add(-30 * 24 * time.Hour) // far behind Redis' clock
	s := open(t, options{Addresses: []string{server.Addr()}, Clock: func() time.Time { return now }})
	grant := grantOf("token", "family")
	grant.Expires = now.Add(time.Hour).Unix()
	if err := s.Learn(t.Context(), grant); err != nil {
		t.Fatalf("Learn: %v", err)
	}
	if members, err := s.Members(t.Context(), grant.Families[0]); err != nil || len(members) != 1 {
		t.Errorf("a token that Redis' clock calls expired: %v, %v", members, err)
	}
	now = now.Add(time.Hour)
	if known, err := s.Known(t.Context(), grant.Token); err != nil || len(known) != 0 {
		t.Errorf("an expired token: %v, %v, want nothing", known, err)
	}
	if members, err := s.Members(t.Context(), grant.Families[0]); err != nil || len(members) != 0 {
		t.Errorf("an expired token is listed: %v, %v", members, err)
	}
	keys := server.Do("KEYS", "*").([]any)
	if len(keys) != 2 {
		t.Errorf("one token has the keys %v", keys)
	}
	for _, key := range keys {
		if ttl := server.Do("TTL", key.(string)).(int64); ttl < 3500 || ttl > 3700 {
			t.Errorf("%s goes after %d s, want an hour and a minute", key, ttl)
		}
	}
}

// Invariant 7: a damaged record of a token is a failure. It does not count as an
// unknown token, which would pass.
func TestADamagedTokenIsNotUnknown(t *testing.T) {
	server := redistest.Start(t)
	s := openAt(t, server)
	grant := grantOf("token", "family")
	const grants, families = "*:grant:*", "*:family:*"
	key := func(pattern string) string { return server.Do("KEYS", pattern).([]any)[0].(string) }
	for name, damage := range map[string]func(){
		"no families":      func() { server.Do("HSET", key(grants), "families", "") },
		"half a family":    func() { server.Do("HSET", key(grants), "families", "0123") },
		"a family of text": func() { server.Do("HSET", key(grants), "families", "zz23456789abcdef0123456789abcdef") },
		"a wrong subject":  func() { server.Do("HSET", key(grants), "subject", "alice") },
		"no expiry":        func() { server.Do("HDEL", key(grants), "expires") },
		"a wrong issue":    func() { server.Do("HSET", key(grants), "issued", "yesterday") },
		"a wrong login":    func() { server.Do("HSET", key(grants), "login", "yesterday") },
		"a login alone": func() {
			server.Do("HSET", key(grants), "login", "1")
			server.Do("HDEL", key(grants), "access", "families", "subject", "issuer", "issued", "expires")
		},
		"another type": func() { server.Do("SET", key(grants), "x") },
	} {
		server.Do("FLUSHALL")
		if err := s.Learn(t.Context(), grant); err != nil {
			t.Fatalf("Learn: %v", err)
		}
		damage()
		if got, err := s.Known(t.Context(), grantOf("other").Token, grant.Token); err == nil {
			t.Errorf("%s: %+v, %v; want a failure", name, got, err)
		}
	}
	server.Do("ZADD", key(families), "9999999999", "nobody")
	if got, err := s.Members(t.Context(), grant.Families[0]); !errors.Is(err, store.ErrUnreadable) {
		t.Errorf("a damaged member: %v, %v; want ErrUnreadable", got, err)
	}
}
