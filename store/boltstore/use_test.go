package boltstore

import (
	"bytes"
	"context"
	"errors"
	"log/slog"
	"os"
	"strings"
	"testing"

	bolt "go.etcd.io/bbolt"

	"github.com/sessiongate/sessiongate/store"
)

// Fault: the file is removed, replaced or cut off under the running gate. bbolt would keep
// writing to a file that no restart finds. A DELETE must not be confirmed then.
func TestFileTakenAwayWhileInUse(t *testing.T) {
	for name, take := range map[string]func(path string) error{
		"deleted":  os.Remove,
		"replaced": func(path string) error { return errors.Join(os.Remove(path), os.WriteFile(path, nil, 0o600)) },
		"cut off":  func(path string) error { return os.Truncate(path, 0) },
	} {
		t.Run(name, func(t *testing.T) {
			path := freshPath(t)
			s := openAt(t, path)
			position := mustAppend(t, s, numbered(1, later()))
			if err := take(path); err != nil {
				t.Fatal(err)
			}
			for call, err := range callAll(t, s) {
				if !errors.Is(err, store.ErrDamaged) || !strings.Contains(err.Error(), "was "+name) {
					t.Errorf("%s gave %v, want ErrDamaged, %s", call, err, name)
				}
			}
			if _, err := s.Read(t.Context(), position, soon); !errors.Is(err, store.ErrDamaged) {
				t.Errorf("Read after the head gave %v, want ErrDamaged", err)
			}
			mustClose(t, s)
		})
	}
}

// callAll makes every call that uses the file, once.
func callAll(t *testing.T, s *Store) map[string]error {
	ctx := t.Context()
	_, appendErr := s.Append(ctx, numbered(2, later()))
	_, readErr := s.Read(ctx, store.Position{}, 0)
	_, ownerErr := s.Owner(ctx, "i", "s")
	_, ofErr := s.Of(ctx, "i", "u")
	return map[string]error{
		"Append": appendErr, "Read": readErr, "Owner": ownerErr, "Of": ofErr,
		"Trim": s.Trim(ctx, s.options.Clock()), "Seen": s.Seen(ctx, store.Session{Issuer: "i", ID: "s"}),
	}
}

// Fault: the file is cut off between the check and its use, so that bbolt's mapping
// of it faults. By default that ends the whole server.
func TestFaultOfTheMappingIsAnError(t *testing.T) {
	for name, use := range map[string]func(s *Store) error{
		"reading": func(s *Store) error {
			_, err := s.Read(context.Background(), store.Position{}, 0)
			return err
		},
		"writing": func(s *Store) error {
			_, err := s.Append(context.Background(), numbered(2, later()))
			return err
		},
	} {
		t.Run(name, func(t *testing.T) {
			var log bytes.Buffer
			path := freshPath(t)
			s, err := Open(Options{Path: path, Logger: slog.New(slog.NewTextHandler(&log, nil))})
			if err != nil {
				t.Fatal(err)
			}
			mustAppend(t, s, numbered(1, later()))
			size := int64(len(mustRead(t, path)))
			// use does this between its two steps, so the first check sees nothing.
			s.size.Store(0)
			if err := os.Truncate(path, 0); err != nil {
				t.Fatal(err)
			}
			if err := use(s); !errors.Is(err, store.ErrDamaged) {
				t.Errorf("%s gave %v, want ErrDamaged", name, err)
			}
			// The file has its size again, but the state of bbolt is unknown.
			if err := os.Truncate(path, size); err != nil {
				t.Fatal(err)
			}
			for call, err := range callAll(t, s) {
				if !errors.Is(err, store.ErrDamaged) {
					t.Errorf("%s after the fault gave %v, want ErrDamaged", call, err)
				}
			}
			mustClose(t, s)
			if n := strings.Count(log.String(), "store damaged while in use"); n != 1 {
				t.Errorf("the damage is logged %d times, want once: %s", n, log.String())
			}
		})
	}
}

func TestPanicOfATransactionIsAnError(t *testing.T) {
	s := openAt(t, freshPath(t))
	err := s.change(t.Context(), func(*bolt.Tx) error { panic("page 7 already freed") })
	if !errors.Is(err, store.ErrDamaged) || !strings.Contains(err.Error(), "page 7 already freed") {
		t.Errorf("the transaction gave %v, want ErrDamaged and the reason", err)
	}
	if _, err := s.Append(t.Context(), numbered(1, later())); !errors.Is(err, store.ErrDamaged) {
		t.Errorf("Append after it gave %v, want ErrDamaged", err)
	}
	mustClose(t, s)
}

// Fault: the disk answers EIO. EBADF has the same effect here.
func TestWriteErrorIsReturned(t *testing.T) {
	path := freshPath(t)
	s := openAt(t, path)
	position := mustAppend(t, s, numbered(1, later()))
	if err := s.file.Close(); err != nil {
		t.Fatal(err)
	}
	if position, err := s.Append(t.Context(), numbered(2, later())); err == nil {
		t.Errorf("Append without a file gave %v", position)
	}
	if err := s.Close(); err == nil {
		t.Error("Close without a file gave no error")
	}
	entries := readAll(t, openAt(t, path))
	if len(entries) != 1 || entries[0].Position != position {
		t.Errorf("the store holds %v, want the acknowledged entry alone", entries)
	}
}

// Each of these trades an acknowledged revocation for speed.
func TestNothingIsLeftUnsynced(t *testing.T) {
	s := openAt(t, freshPath(t))
	if s.db.NoSync || s.db.NoGrowSync || s.db.NoFreelistSync {
		t.Errorf("NoSync %v, NoGrowSync %v, NoFreelistSync %v, want none of them",
			s.db.NoSync, s.db.NoGrowSync, s.db.NoFreelistSync)
	}
}
