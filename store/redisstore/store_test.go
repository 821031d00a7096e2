package redisstore_test

import (
	"crypto/rand"
	"fmt"
	"strconv"
	"testing"
	"time"

	"go.uber.org/goleak"

	"github.com/sessiongate/sessiongate/store"
	"github.com/sessiongate/sessiongate/store/redisstore"
	"github.com/sessiongate/sessiongate/store/redisstore/redistest"
	"github.com/sessiongate/sessiongate/store/storetest"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

func TestContract(t *testing.T) {
	address, _ := redistest.Address(t)
	storetest.Run(t, func(*testing.T) storetest.Place {
		options := redisstore.Options{Addresses: []string{address}, Namespace: rand.Text()}
		return storetest.Place{
			Open:    func(t *testing.T) store.Backend { return open(t, options) },
			Durable: true,
		}
	})
}

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

// The keys of the namespace "test".
const (
	headKey = "{session_gate:test}:head"
	logKey  = "{session_gate:test}:log"
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

func mustRead(tb testing.TB, s store.Store, after store.Position) store.Batch {
	tb.Helper()
	batch, err := s.Read(tb.Context(), after, 0)
	if err != nil {
		tb.Fatalf("Read after %v: %v", after, err)
	}
	return batch
}

// eventually waits until call succeeds.
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

// fill appends to a log of one entry, beside the store, until it has so many.
func fill(tb testing.TB, server *redistest.Server, first store.Position, entries int) {
	tb.Helper()
	payload, err := store.MarshalRevocations([]store.Revocation{revocation("one")})
	if err != nil {
		tb.Fatal(err)
	}
	server.Do("EVAL", `for seq = 2, tonumber(ARGV[1]) do
		redis.call('XADD', KEYS[2], seq .. '-0', 'g', ARGV[2], 't', '00000000000000ff', 'e', ARGV[3], 'p', ARGV[4])
	end
	redis.call('HSET', KEYS[1], 'seq', ARGV[1])`, "2", headKey, logKey, strconv.Itoa(entries),
		fmt.Sprintf("%016x", uint64(first.Generation)), strconv.FormatInt(revocation("").Expires, 10), string(payload))
}
