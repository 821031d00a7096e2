package redisstore_test

import (
	"encoding/binary"
	"strconv"
	"testing"
	"time"

	"go.uber.org/goleak"

	"github.com/sessiongate/sessiongate/store"
	"github.com/sessiongate/sessiongate/store/redisstore"
	"github.com/sessiongate/sessiongate/store/redisstore/redistest"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// open opens a store and closes it at the end of the test.
func open(tb testing.TB, options redisstore.Options) *redisstore.Store {
	tb.Helper()
	if options.Namespace == "" {
		options.Namespace = "test"
	}
	s, err := redisstore.Open(options)
	if err != nil {
		tb.Fatalf("Open: %v", err)
	}
	tb.Cleanup(func() { _ = s.Close() }) // the test may have closed it already
	return s
}

// openAt opens a store of the namespace "test" on a server.
func openAt(tb testing.TB, server *redistest.Server) *redisstore.Store {
	tb.Helper()
	return open(tb, redisstore.Options{Addresses: []string{server.Addr()}})
}

// Keys of the namespace "test".
const (
	headKey  = "{session_gate:test}:head"
	logKey   = "{session_gate:test}:log"
	gatesKey = "{session_gate:test}:gates"
	beatsKey = "{session_gate:test}:beats"
)

func revocation(id string) store.Revocation {
	return store.Revocation{
		Kind:    store.KindSession,
		Key:     store.NewKey("test", store.KindSession, "https://issuer.example", id),
		Expires: time.Now().Add(time.Hour).Unix(),
	}
}

func mustAppend(tb testing.TB, s store.Store, ids ...string) (last store.Position) {
	tb.Helper()
	for _, id := range ids {
		position, err := s.Append(tb.Context(), revocation(id))
		if err != nil {
			tb.Fatalf("Append: %v", err)
		}
		last = position
	}
	return last
}

// mustAppendExpired appends a revocation that has expired.
func mustAppendExpired(tb testing.TB, s store.Store, id string) {
	tb.Helper()
	expired := revocation(id)
	expired.Expires = time.Now().Add(-time.Minute).Unix()
	if _, err := s.Append(tb.Context(), expired); err != nil {
		tb.Fatalf("Append: %v", err)
	}
}

func mustRead(tb testing.TB, s store.Store, after store.Position) store.Batch {
	tb.Helper()
	batch, err := s.Read(tb.Context(), after, 0)
	if err != nil {
		tb.Fatalf("Read after %v: %v", after, err)
	}
	return batch
}

// eventually repeats call until it succeeds.
func eventually(tb testing.TB, what string, call func() error) {
	tb.Helper()
	tick := time.NewTicker(10 * time.Millisecond)
	defer tick.Stop()
	limit := time.After(10 * time.Second)
	for {
		err := call()
		if err == nil {
			return
		}
		select {
		case <-tick.C:
		case <-limit:
			tb.Fatalf("waiting for %s: %v", what, err)
		}
	}
}

// expiry is a time at which every revocation of these tests has expired.
func expiry() time.Time { return time.Now().Add(2 * time.Hour) }

// fill appends to a log of one entry, beside the store, until it has the given number of
// entries. Each revokes another session.
func fill(tb testing.TB, server *redistest.Server, first store.Position, entries int) {
	tb.Helper()
	const step = 10_000 // Redis does nothing else while a script adds entries
	record := recordOf(tb, first.Generation, revocation("one"))
	const key = 1 + 8 + 8 + 8 + 4 + 1 + 1 // offset of the key
	for begin := 1; begin < entries; begin += step {
		server.Do("EVAL", `math.randomseed(ARGV[1])
			for seq = ARGV[1] + 1, ARGV[2] do
				local random = function() return math.random(0, 2147483647) end
				redis.call('XADD', KEYS[2], string.format('%.0f-0', seq), 'r',
					ARGV[3] .. struct.pack('>I4I4I4I4', random(), random(), random(), random()) .. ARGV[4])
			end
			redis.call('HSET', KEYS[1], 'seq', ARGV[2], 'entries', ARGV[2], 'tag', '00000000000000ff')`, "2", headKey, logKey,
			strconv.Itoa(begin), strconv.Itoa(min(begin+step, entries)), record[:key], record[key+16:])
	}
}

// recordOf returns an entry's record, as the documentation of the package describes it.
func recordOf(tb testing.TB, generation store.Generation, revocations ...store.Revocation) string {
	tb.Helper()
	payload, err := store.MarshalRevocations(revocations)
	if err != nil {
		tb.Fatal(err)
	}
	record := []byte{3}
	record = binary.BigEndian.AppendUint64(record, uint64(generation))
	record = binary.BigEndian.AppendUint64(record, 0) // the tag of the previous entry is not given
	record = binary.BigEndian.AppendUint64(record, 0xff)
	record = binary.BigEndian.AppendUint32(record, uint32(store.Entry{Revocations: revocations}.Expires()))
	return string(append(record, payload...))
}
