package redisstore_test

import (
	"errors"
	"strconv"
	"testing"
	"time"

	"github.com/sessiongate/sessiongate/store"
	"github.com/sessiongate/sessiongate/store/redisstore/redistest"
)

// Attack: someone with write access adds data to the log that gates do not understand, to
// make them skip it, or all that follows. The log is unreadable as long as the data is
// there, and nothing is lost when it is gone.
func TestPoisonIsNotSkipped(t *testing.T) {
	one := []store.Revocation{revocation("poison")}
	payload, err := store.MarshalRevocations(one)
	if err != nil {
		t.Fatal(err)
	}
	expires := strconv.FormatInt(one[0].Expires, 10)
	server := redistest.Start(t)
	for name, fields := range map[string]func(generation store.Generation) []string{
		"a record of a newer version": func(g store.Generation) []string { return []string{"r", "\x04" + recordOf(t, g, one...)[1:]} },
		"a record of nothing":         func(store.Generation) []string { return []string{"r", ""} },
		"a record cut short":          func(g store.Generation) []string { return []string{"r", recordOf(t, g, one...)[:40]} },
		"a payload of a newer version": func(g store.Generation) []string {
			record := []byte(recordOf(t, g, one...))
			record[29] = 9
			return []string{"r", string(record)}
		},
		"an expiry that is another's": func(g store.Generation) []string {
			record := []byte(recordOf(t, g, one...))
			record[28] ^= 1
			return []string{"r", string(record)}
		},
		"a record of no generation": func(store.Generation) []string { return []string{"r", recordOf(t, 0, one...)} },
		"no known field":            func(store.Generation) []string { return []string{"x", "y"} },
		"an entry of version 1": func(store.Generation) []string {
			return []string{"g", "00000000000000aa", "t", "00000000000000ff", "e", expires, "p", string(payload)}
		},
	} {
		t.Run(name, func(t *testing.T) {
			server.Do("FLUSHALL")
			s := openAt(t, server)
			position := mustAppend(t, s, "1", "2", "3")
			server.Do(append([]string{"XADD", logKey, "4-0"}, fields(position.Generation)...)...)
			server.Do("HSET", headKey, "seq", "4", "entries", "4")
			for _, after := range []store.Position{position, {}} {
				for _, wait := range []time.Duration{0, time.Millisecond} {
					if batch, err := s.Read(t.Context(), after, wait); !errors.Is(err, store.ErrUnreadable) {
						t.Errorf("reading after %d gave %+v, %v; want ErrUnreadable", after.Seq, batch, err)
					}
				}
			}
			mustAppend(t, s, "5") // revoking still works
			server.Do("XDEL", logKey, "4-0")
			if left := mustRead(t, s, store.Position{}); len(left.Entries) != 4 || left.Head.Seq != 5 {
				t.Errorf("without the unreadable entry, read %+v", left)
			}
		})
	}
}

// Trimming stops at an entry without a readable expiry.
func TestTrimStopsAtPoison(t *testing.T) {
	server := redistest.Start(t)
	for _, fields := range [][]string{{"r", "\x04" + recordOf(t, 0xaa, revocation("x"))[1:]}, {"r", "\x02"}, {"r", "\x03"}, {"r", ""}, {"x", "y"}} {
		server.Do("FLUSHALL")
		s := openAt(t, server)
		mustAppendExpired(t, s, "1")
		server.Do(append([]string{"XADD", logKey, "2-0"}, fields...)...)
		mustAppend(t, s, "3")
		if err := s.Trim(t.Context(), expiry()); err != nil {
			t.Errorf("%q: Trim: %v", fields, err)
		}
		if length := server.Do("XLEN", logKey); length != int64(2) {
			t.Errorf("%q: after trimming, %v entries are left, want the unreadable entry and those after it", fields, length)
		}
	}
}

// An entry with a generation that this log never had is not a revocation of its gates.
func TestEntryOfAnotherGeneration(t *testing.T) {
	server := redistest.Start(t)
	s := openAt(t, server)
	position := mustAppend(t, s, "1", "2", "3")
	server.Do("XADD", logKey, "4-0", "r", recordOf(t, 0xaa, revocation("x")))
	server.Do("HSET", headKey, "seq", "4", "entries", "4")
	for _, after := range []store.Position{position, {}} {
		if batch, err := s.Read(t.Context(), after, 0); !errors.Is(err, store.ErrUnreadable) {
			t.Errorf("reading after %d gave %+v, %v; want ErrUnreadable", after.Seq, batch, err)
		}
	}
}

// Fault: a newer version writes the head. Every call reports that, and changes nothing.
func TestHeadOfANewerVersion(t *testing.T) {
	server := redistest.Start(t)
	s := openAt(t, server)
	position := mustAppend(t, s, "1")
	server.Do("HSET", headKey, "version", "4")
	server.Do("XTRIM", logKey, "MAXLEN", "0")
	for name, call := range logCalls(s, position) {
		if err := call(t.Context()); !errors.Is(err, store.ErrUnreadable) {
			t.Errorf("%s gave %v, want ErrUnreadable", name, err)
		}
	}
	if version, length := server.Do("HGET", headKey, "version"), server.Do("XLEN", logKey); version != "4" || length != int64(0) {
		t.Errorf("the head is of version %v, the log has %v entries", version, length)
	}
}

// If a log holds ids of another form, and its head is lost or does not match, its numbers
// cannot continue.
func TestIdsOfAnotherForm(t *testing.T) {
	server := redistest.Start(t)
	for _, id := range []string{"6-1", "18446744073709551615-0", "1000000000000000-0"} {
		server.Do("FLUSHALL")
		s := openAt(t, server)
		mustAppend(t, s, "1")
		server.Do("XADD", logKey, id, "x", "y")
		for name, call := range logCalls(s, store.Position{}) {
			if err := call(t.Context()); !errors.Is(err, store.ErrUnreadable) {
				t.Errorf("id %s: %s gave %v, want ErrUnreadable", id, name, err)
			}
		}
	}
}

// Version 2 wrote records without the tag of the previous entry. A gate of this version
// reads and trims them, and begins a new generation with them. Gates of version 2, which
// do not see its list of gates, refuse the new head.
func TestEntriesOfVersion2(t *testing.T) {
	server := redistest.Start(t)
	s := openAt(t, server)
	for _, id := range []string{"1", "2"} {
		record := recordOf(t, 0xaa, revocation(id))
		server.Do("XADD", logKey, id+"-0", "r", "\x02"+record[1:9]+record[17:])
	}
	server.Do("HSET", headKey, "version", "2", "store", "ab:cd", "generation", "00000000000000aa", "state", "settled",
		"seq", "2", "trimmed", "0", "born", "0", "entries", "2", "count", "7", "lease", "3000000", "gate:00000000000000ff", "2 7")
	next := mustAppend(t, s, "new")
	batch := mustRead(t, s, store.Position{})
	if next.Seq != 3 || next.Generation == 0xaa || len(batch.Entries) != 3 || batch.Born != 2 || batch.Head != next {
		t.Fatalf("appended at %v, read %+v", next, batch)
	}
	if e := batch.Entries[1]; e.Position.Tag != 0xff || e.Revocations[0].Key != revocation("2").Key || e.Position.Seq != 2 {
		t.Errorf("an entry of version 2 reads as %+v", e)
	}
	for _, e := range batch.Entries[:2] {
		if on := mustRead(t, s, e.Position); len(on.Entries) != 3-int(e.Position.Seq) || on.Born != 2 {
			t.Errorf("reading on after %v gave %+v", e.Position, on)
		}
	}
	if head := mustBeat(t, s, 1, next); head.Generation != next.Generation || head.Lease != 3*time.Second || head.Count != 8 {
		t.Errorf("the heartbeat was answered %+v", head)
	}
	if err := s.Trim(t.Context(), expiry()); err != nil {
		t.Fatalf("Trim: %v", err)
	}
	if batch := mustRead(t, s, next); len(batch.Entries) != 0 || batch.Head != next {
		t.Errorf("after trimming, read %+v", batch)
	}
}
