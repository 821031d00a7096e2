package redisstore_test

import (
	"errors"
	"strconv"
	"strings"
	"testing"

	"github.com/sessiongate/sessiongate/store"
	"github.com/sessiongate/sessiongate/store/redisstore/redistest"
)

func TestStoresShareALog(t *testing.T) {
	server := redistest.Start(t)
	a, b := openAt(t, server), openAt(t, server)
	first := mustAppend(t, a, "one")
	second := mustAppend(t, b, "two")
	if second.Generation != first.Generation || second.Seq != first.Seq+1 {
		t.Errorf("the second append is at %v, after %v", second, first)
	}
	if batch := mustRead(t, a, first); len(batch.Entries) != 1 || batch.Head != second {
		t.Errorf("one store reads %+v of the other's append at %v", batch, second)
	}
}

// Attack: a client with write access to one fleet's namespace tries to revoke, or to make
// gates forget, in another namespace.
func TestNamespacesAreApart(t *testing.T) {
	server := redistest.Start(t)
	orders := open(t, options{Addresses: []string{server.Addr()}, Namespace: "orders"})
	billing := open(t, options{Addresses: []string{server.Addr()}, Namespace: "billing"})
	mustAppend(t, orders, "one", "two")
	position := mustAppend(t, billing, "three")
	if position.Seq != 1 {
		t.Errorf("the first append of a namespace is number %d", position.Seq)
	}
	if err := billing.Trim(t.Context(), expiry()); err != nil {
		t.Fatalf("Trim: %v", err)
	}
	session := store.Session{Issuer: "i", ID: "s", Subject: "alice", FirstSeen: 1, LastSeen: 1, Expires: revocation("").Expires}
	if err := orders.Seen(t.Context(), session); err != nil {
		t.Fatalf("Seen: %v", err)
	}
	if batch := mustRead(t, orders, store.Position{}); len(batch.Entries) != 2 {
		t.Errorf("trimming another namespace left %d of 2 entries", len(batch.Entries))
	}
	if _, err := billing.Owner(t.Context(), "i", "s"); !errors.Is(err, store.ErrUnknownSession) {
		t.Errorf("the other namespace knows the session: %v", err)
	}
	for _, key := range server.Do("KEYS", "*").([]any) {
		if !strings.HasPrefix(key.(string), "{session_gate:orders}:") && !strings.HasPrefix(key.(string), "{session_gate:billing}:") {
			t.Errorf("key %q is outside the namespaces", key)
		}
	}
}

// Reading more than one page: a full page must report the head correctly. Otherwise its
// reader would count as fresh while it is behind.
func TestReadPages(t *testing.T) {
	const entries = 4096 + 500
	server := redistest.Start(t)
	s := openAt(t, server)
	head := mustAppend(t, s, "first")
	fill(t, server, head, entries)
	head.Seq = entries
	for name, after := range map[string]store.Position{"the beginning": {}, "an entry": {Generation: head.Generation, Seq: 1}} {
		read := 0
		for seq := after.Seq; seq < entries; seq = after.Seq {
			batch := mustRead(t, s, after)
			if len(batch.Entries) == 0 || len(batch.Entries) > 4096 || batch.Head.Seq != head.Seq {
				t.Fatalf("from %s, after %d: %d entries, head %v; want some and %v", name, seq, len(batch.Entries), batch.Head, head)
			}
			read += len(batch.Entries)
			after = batch.Entries[len(batch.Entries)-1].Position
		}
		if read < entries-1 {
			t.Errorf("from %s: %d entries", name, read)
		}
	}
}

func TestTrimIsBoundedAndExact(t *testing.T) {
	server := redistest.Start(t)
	s := openAt(t, server)
	var ids []string
	for i := range 600 { // more than two scripts handle
		ids = append(ids, strconv.Itoa(i))
	}
	for _, id := range ids {
		mustAppendExpired(t, s, id)
	}
	last := mustAppend(t, s, "late")
	if err := s.Trim(t.Context(), expiry()); err != nil {
		t.Fatalf("Trim: %v", err)
	}
	batch := mustRead(t, s, store.Position{})
	if len(batch.Entries) != 1 || batch.Entries[0].Position != last {
		t.Errorf("after trimming, %d entries; want the last only", len(batch.Entries))
	}
	if trimmed, entries := server.Do("HGET", headKey, "trimmed"), server.Do("HGET", headKey, "entries"); trimmed != "600" || entries != "1" {
		t.Errorf("the head counts %v trimmed entries and %v left, want 600 and 1", trimmed, entries)
	}
}
