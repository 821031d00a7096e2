package redisstore_test

import (
	"errors"
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/sessiongate/sessiongate/store"
	"github.com/sessiongate/sessiongate/store/redisstore/redistest"
)

func sessionOf(id, subject string, last int64) store.Session {
	return store.Session{
		Issuer: "https://issuer.example", ID: id, Subject: subject,
		FirstSeen: last, LastSeen: last, Expires: time.Now().Add(time.Hour).Unix(),
	}
}

// Attack: become the owner of a session through the slowest gate. A late batch does not
// return a session to its former owner.
func TestLateBatchChangesNoOwner(t *testing.T) {
	s := openAt(t, redistest.Start(t))
	for _, session := range []store.Session{sessionOf("s", "bob", 20), sessionOf("s", "alice", 10)} {
		if err := s.Seen(t.Context(), session); err != nil {
			t.Fatalf("Seen: %v", err)
		}
	}
	if owner, err := s.Owner(t.Context(), "https://issuer.example", "s"); err != nil || owner != "bob" {
		t.Errorf("the session is %q's, %v; want bob's", owner, err)
	}
	if of, err := s.Of(t.Context(), "https://issuer.example", "alice"); err != nil || len(of) != 0 {
		t.Errorf("alice has %v, %v", of, err)
	}
	if of, _ := s.Of(t.Context(), "https://issuer.example", "bob"); len(of) != 1 || of[0].FirstSeen != 10 {
		t.Errorf("bob has %v, want one session, first seen at 10", of)
	}
}

// Redis' clock decides no expiry, and every key of a session expires.
func TestSessionsExpireByOurClock(t *testing.T) {
	server := redistest.Start(t)
	now := time.Now().Add(-30 * 24 * time.Hour) // far behind Redis' clock
	s := open(t, options{Addresses: []string{server.Addr()}, Clock: func() time.Time { return now }})
	session := sessionOf("s", "alice", now.Unix())
	session.Expires = now.Add(time.Hour).Unix()
	if err := s.Seen(t.Context(), session); err != nil {
		t.Fatalf("Seen: %v", err)
	}
	if _, err := s.Owner(t.Context(), session.Issuer, "s"); err != nil {
		t.Errorf("a session that Redis' clock calls expired: %v", err)
	}
	now = now.Add(time.Hour)
	if _, err := s.Owner(t.Context(), session.Issuer, "s"); !errors.Is(err, store.ErrUnknownSession) {
		t.Errorf("an expired session: %v, want ErrUnknownSession", err)
	}
	if of, err := s.Of(t.Context(), session.Issuer, "alice"); err != nil || len(of) != 0 {
		t.Errorf("an expired session is listed: %v, %v", of, err)
	}
	for _, key := range server.Do("KEYS", "*").([]any) {
		if ttl := server.Do("TTL", key.(string)).(int64); ttl < 3500 || ttl > 3700 {
			t.Errorf("%s goes after %d s, want an hour and a minute", key, ttl)
		}
	}
}

func TestLongerExpiryWins(t *testing.T) {
	server := redistest.Start(t)
	s := openAt(t, server)
	long, short := sessionOf("s", "alice", 10), sessionOf("s", "alice", 20)
	short.Expires -= 1800
	for _, session := range []store.Session{long, short} {
		if err := s.Seen(t.Context(), session); err != nil {
			t.Fatalf("Seen: %v", err)
		}
	}
	if of, _ := s.Of(t.Context(), long.Issuer, "alice"); len(of) != 1 || of[0].Expires != long.Expires || of[0].LastSeen != 20 {
		t.Errorf("listed %v, want the later expiry %d and the later sight 20", of, long.Expires)
	}
	for _, key := range server.Do("KEYS", "*").([]any) {
		if ttl := server.Do("TTL", key.(string)).(int64); ttl < 3500 {
			t.Errorf("%s goes after %d s already", key, ttl)
		}
	}
}

func TestManySessionsInOneCall(t *testing.T) {
	s := openAt(t, redistest.Start(t))
	var sessions []store.Session
	for i := range 250 { // more than two scripts handle
		sessions = append(sessions, sessionOf(fmt.Sprint("s", i), fmt.Sprint("u", i%5), int64(i)))
	}
	if err := s.Seen(t.Context(), sessions...); err != nil {
		t.Fatalf("Seen: %v", err)
	}
	for i := range 5 {
		if of, err := s.Of(t.Context(), "https://issuer.example", fmt.Sprint("u", i)); err != nil || len(of) != 50 {
			t.Errorf("subject %d has %d sessions, %v; want 50", i, len(of), err)
		}
	}
}

// A session record that is damaged in Redis is unknown until it is seen again. It affects
// no other session.
func TestDamagedSession(t *testing.T) {
	server := redistest.Start(t)
	s := openAt(t, server)
	if err := s.Seen(t.Context(), sessionOf("whole", "alice", 10), sessionOf("damaged", "alice", 20)); err != nil {
		t.Fatalf("Seen: %v", err)
	}
	for _, key := range server.Do("KEYS", "*:session:*").([]any) {
		if key := key.(string); server.Do("HGET", key, "id") == "damaged" {
			server.Do("HSET", key, "last", "yesterday")
		}
	}
	if _, err := s.Owner(t.Context(), "https://issuer.example", "damaged"); !errors.Is(err, store.ErrUnknownSession) {
		t.Errorf("the damaged session: %v", err)
	}
	if of, err := s.Of(t.Context(), "https://issuer.example", "alice"); err != nil || len(of) != 1 || of[0].ID != "whole" {
		t.Errorf("listed %v, %v; want the whole one", of, err)
	}
	mustSee(t, s, sessionOf("damaged", "alice", 30))
	if owner, err := s.Owner(t.Context(), "https://issuer.example", "damaged"); owner != "alice" {
		t.Errorf("the session that was seen again is %q's, %v", owner, err)
	}
}

// Invariant 10: names of keys show no session id and no subject.
func TestKeysHideIDs(t *testing.T) {
	server := redistest.Start(t)
	s := openAt(t, server)
	if err := s.Seen(t.Context(), sessionOf("canary-id", "canary-subject", 10)); err != nil {
		t.Fatalf("Seen: %v", err)
	}
	for _, key := range server.Do("KEYS", "*").([]any) {
		if strings.Contains(key.(string), "canary") {
			t.Errorf("key %q shows an id", key)
		}
	}
}
