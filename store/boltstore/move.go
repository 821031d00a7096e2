package boltstore

import (
	"bytes"
	"context"
	"encoding/hex"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strings"

	bolt "go.etcd.io/bbolt"

	"github.com/sessiongate/sessiongate/store"
)

// memoryPart is how many sessions or tokens Memory returns at most.
const memoryPart = 128

// Memory implements store.Movable. The tokens come first, and then the sessions. A
// place is the name of a bucket and, in hex, the key after which the next part begins.
func (s *Store) Memory(ctx context.Context, from string) (part store.Memory, next string, err error) {
	name, text, _ := strings.Cut(from, " ")
	if name == "" {
		name = bucketGrants
	}
	after, err := hex.DecodeString(text)
	if err != nil || name != bucketGrants && name != bucketSessions {
		return part, "", fmt.Errorf("reading sessions and tokens: the place %q is unknown", from)
	}
	err = s.view(ctx, func(tx *bolt.Tx) error {
		cursor := tx.Bucket([]byte(name)).Cursor()
		key, value := cursor.Seek(after)
		if bytes.Equal(key, after) {
			key, value = cursor.Next()
		}
		for n := 0; key != nil; key, value = cursor.Next() {
			if err := remembered(&part, name, key, value); err != nil {
				return err
			}
			if n++; n == memoryPart {
				next = name + " " + hex.EncodeToString(key)
				return nil
			}
		}
		if name == bucketGrants {
			next = bucketSessions
		}
		return nil
	})
	if err != nil {
		return store.Memory{}, "", fmt.Errorf("reading sessions and tokens: %w", err)
	}
	return part, next, nil
}

// remembered adds the content of a record.
func remembered(part *store.Memory, bucket string, key, value []byte) error {
	if bucket == bucketSessions {
		session, err := unmarshalSession(value)
		part.Sessions = append(part.Sessions, session)
		return err
	}
	grant, err := unmarshalGrant(store.Key(key), value)
	part.Grants = append(part.Grants, grant)
	return err
}

// pausePath is the path of a file beside a paused store. It survives a restart of the
// gate, so that the gate accepts no logouts that the copy lacks.
func pausePath(path string) string { return path + ".paused" }

const pauseText = "The Sessiongate store beside this file was copied to another one, or is being copied, and takes no logouts.\n" +
	"Start the gates on the copy. To use this store again, run: caddy session-gate copy --resume --from <Caddyfile>\n"

// Pause implements store.Movable. The writer runs it, so that no commit is under way.
func (s *Store) Pause(ctx context.Context, on bool) error {
	err := s.change(ctx, func(*bolt.Tx) error {
		if err := s.notePause(on); err != nil {
			return err
		}
		s.paused.Store(on)
		return errUnchanged
	})
	if err != nil && !errors.Is(err, errUnchanged) {
		return fmt.Errorf("pausing the store: %w", err)
	}
	return nil
}

func (s *Store) notePause(on bool) error {
	path := pausePath(s.options.Path)
	if !on {
		if err := os.Remove(path); err != nil && !errors.Is(err, fs.ErrNotExist) {
			return err
		}
		return syncDir(filepath.Dir(path))
	}
	built, err := build(s.options.Path, func(name string) error {
		return os.WriteFile(name, []byte(pauseText), 0o600)
	})
	if err != nil {
		return err
	}
	return errors.Join(os.Rename(built, path), syncDir(filepath.Dir(path)))
}

// Paused implements store.Movable.
func (s *Store) Paused(ctx context.Context) (bool, error) { return s.paused.Load(), ctx.Err() }

// accepts returns an error if the store accepts nothing new. Only the writer calls it.
func (s *Store) accepts() error {
	if s.paused.Load() {
		return store.ErrPaused
	}
	return nil
}

// Raise raises the floor and Bounds.Forgotten to those of another store that was copied
// to this one.
func (s *Store) Raise(ctx context.Context, b store.Bounds) error {
	if _, err := s.amend(ctx, func(h *head) { h.bounds = h.bounds.Join(b) }); err != nil {
		return fmt.Errorf("raising the floor: %w", err)
	}
	return nil
}

var _ store.Movable = (*Store)(nil)
