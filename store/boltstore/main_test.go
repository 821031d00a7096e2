package boltstore

import (
	"flag"
	"fmt"
	"os"
	"path/filepath"
	"strconv"
	"testing"
	"time"

	"go.uber.org/goleak"

	"github.com/sessiongate/sessiongate/store"
)

// soon is far longer than any wait of a test takes.
const soon = 20 * time.Second

// childEnv names the function that a child process of a test runs.
const childEnv = "BOLTSTORE_TEST_CHILD"

func TestMain(m *testing.M) {
	flag.Parse()
	if part, ok := children[os.Getenv(childEnv)]; ok {
		if err := part(os.Getenv(childEnv + "_PATH")); err != nil {
			fmt.Fprintln(os.Stderr, err)
			os.Exit(1)
		}
		os.Exit(0)
	}
	goleak.VerifyTestMain(m)
}

// children are the functions that a child process can run.
var children = map[string]func(path string) error{
	"append": appendUntilKilled,
	"create": createUntilKilled,
	"hold":   holdUntilKilled,
}

// freshPath returns a path where a store can be created.
func freshPath(t testing.TB) string {
	t.Helper()
	return filepath.Join(t.TempDir(), "revocations.db")
}

// openAt opens the store at path and closes it at the end of the test.
func openAt(t testing.TB, path string) *Store {
	t.Helper()
	s, err := Open(Options{Path: path})
	if err != nil {
		t.Fatalf("Open: %v", err)
	}
	t.Cleanup(func() { _ = s.Close() }) // the test may have closed it already
	return s
}

func mustClose(t testing.TB, s *Store) {
	t.Helper()
	if err := s.Close(); err != nil {
		t.Fatalf("Close: %v", err)
	}
}

// later returns an expiry after the end of every test.
func later() int64 { return time.Now().Add(time.Hour).Unix() }

// numbered returns the revocation of a session that is named by a number.
func numbered(n int, expires int64) store.Revocation {
	key := store.NewKey("boltstore", store.KindSession, "https://issuer.example", strconv.Itoa(n))
	return store.Revocation{Kind: store.KindSession, Key: key, Expires: expires}
}

func mustAppend(t testing.TB, s *Store, revocations ...store.Revocation) store.Position {
	t.Helper()
	position, err := s.Append(t.Context(), revocations...)
	if err != nil {
		t.Fatalf("Append: %v", err)
	}
	return position
}

// readAll reads the whole log.
func readAll(t testing.TB, s *Store) []store.Entry {
	t.Helper()
	var all []store.Entry
	for after := (store.Position{}); ; after = all[len(all)-1].Position {
		batch, err := s.Read(t.Context(), after, 0)
		if err != nil {
			t.Fatalf("Read: %v", err)
		}
		if len(batch.Entries) == 0 {
			return all
		}
		all = append(all, batch.Entries...)
	}
}
