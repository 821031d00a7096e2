package boltstore

import (
	"bytes"
	"encoding/binary"
	"errors"
	"fmt"
	"io/fs"
	"maps"
	"os"
	"slices"

	"github.com/sessiongate/sessiongate/store"
)

// ErrSound is the error of Salvage for a store that Open would open.
var ErrSound = errors.New("the store is not damaged")

// Salvaged is the part of a damaged store that can be kept. While it is open no other
// process can use the file. It is not for concurrent use.
type Salvaged struct {
	// Path is the database, every symbolic link resolved.
	Path string
	// Damage is the reason for which Open refuses the store.
	Damage error
	// Entries is how many entries can be kept, and Revocations how many revocations
	// are in them. Each has its checksum, which covers its place on the log.
	Entries, Revocations int
	// Tokens is how many records can be kept of tokens that were learned at a token
	// endpoint. A lost one counts as never learned.
	Tokens int
	// Lost is how many entries are known to be missing. It is 0 if the length of the log
	// is unknown.
	Lost uint64
	// Whole reports whether every revocation of the store can be kept for certain.
	Whole bool

	file *os.File // locked; nil if the file is gone
	kept kept
	base head // what the new store begins with: the bounds, the clock and the retention
}

// Salvage reads what it can reach of the store at o.Path, changes nothing, and locks
// the file until Close is called. It keeps its findings in memory. If a marker is there
// and the file is gone, it finds nothing. It does not keep the records of seen
// sessions: a session is recorded again with its next request.
//
// Its error wraps ErrSound if the store can be opened as it is, store.ErrLocked if
// another process holds the file, store.ErrUnreadable if a newer version wrote it,
// and fs.ErrNotExist if there never was a store.
func Salvage(o Options) (*Salvaged, error) {
	path, err := RealPath(o.Path)
	if err != nil {
		return nil, fmt.Errorf("salvaging store: %w", err)
	}
	s := &Salvaged{Path: path, kept: kept{values: make(map[uint64][]byte)}}
	if err := s.examine(o.withDefaults()); err != nil {
		return nil, fmt.Errorf("salvaging %q: %w", path, errors.Join(err, s.Close()))
	}
	return s, nil
}

// Close releases the file.
func (s *Salvaged) Close() error {
	if s.file == nil {
		return nil
	}
	return s.file.Close()
}

// examine finds out what is wrong, and what can be kept.
func (s *Salvaged) examine(o Options) error {
	m, found, err := readMarker(s.Path)
	if err != nil {
		return err
	}
	s.file, err = os.Open(s.Path)
	switch {
	case errors.Is(err, fs.ErrNotExist) && found:
		s.file, s.Damage = nil, errGone
	case err != nil:
		return err
	default:
		if err := lock(s.file, o.LockTimeout); err != nil {
			return err
		}
		h, err := verify(s.file)
		if err == nil && m.generation != 0 && m.generation != h.generation {
			err = damagef("its marker belongs to another database")
		}
		s.Damage = err
	}
	switch {
	case s.Damage == nil:
		return ErrSound
	case errors.Is(s.Damage, store.ErrUnreadable):
		return fmt.Errorf("%w; it needs a newer gate, and no repair", s.Damage)
	}
	return s.keep(m)
}

// keep reads what it can reach, and counts the entries that are missing up to the end of
// the log. The head and the marker give that end.
func (s *Salvaged) keep(m marker) error {
	certain := false
	if s.file != nil {
		stat, err := s.file.Stat()
		if err != nil {
			return err
		}
		err = salvageFile(s.file, stat.Size(), &s.kept)
		s.base, certain = s.kept.newest()
		certain = certain && err == nil
	}
	if s.base.generation == 0 {
		s.base.generation = m.generation
	}
	revocations, last := s.kept.read(s.base)
	s.Entries, s.Revocations, s.Tokens = len(s.kept.values), revocations, len(s.kept.grants)
	if end := max(s.base.seq, last); s.base.seq > 0 {
		if m.generation == s.base.generation {
			end = max(end, m.seq)
		}
		s.Lost = end - s.base.trimmed - uint64(s.Entries)
	}
	other := m.generation != s.base.generation || m.seq == s.base.seq && m.tag != s.base.tag
	s.Whole = certain && s.Lost == 0 && last <= s.base.seq && !other
	s.base.bounds = s.base.bounds.Join(m.bounds)
	return nil
}

// Restored records that the file at o.Path was put back on purpose, whatever its marker
// says. The next Open raises the floor, and starts the store's own clock again: the wall
// clock has to be right then.
//
// Its error wraps store.ErrLocked if a process holds the file, store.ErrDamaged if the
// file is damaged, and fs.ErrNotExist if there is none.
func Restored(o Options) (err error) {
	defer func() {
		if err != nil {
			err = fmt.Errorf("taking the file %q: %w", o.Path, err)
		}
	}()
	path, err := RealPath(o.Path)
	if err != nil {
		return err
	}
	f, err := os.Open(path)
	if err != nil {
		return err
	}
	defer f.Close()
	if _, err := lockAndVerify(f, o.withDefaults().LockTimeout); err != nil {
		return err
	}
	return writeMarker(path, restoredText)
}

// kept is what a visitor keeps of a damaged file.
//
// Invariant: what is kept was written. The checksum of an entry covers its
// generation and number, and that of a token covers its name.
type kept struct {
	now        string            // the present bucket
	head, seal head              // the two copies, zero if not found
	values     map[uint64][]byte // the entries, by sequence number
	grants     []store.Grant
}

func (k *kept) bucket(name string) error {
	k.now = name
	return nil
}

func (k *kept) pair(key, value []byte) error {
	switch {
	case k.now == bucketHead && bytes.Equal(key, keyHead):
		k.head, _ = unmarshalHead(value)
	case k.now == bucketLog && bytes.Equal(key, keySeal):
		k.seal, _ = unmarshalHead(value)
	case k.now == bucketLog && len(key) == len(keySeal):
		k.values[binary.BigEndian.Uint64(key)] = bytes.Clone(value)
	case k.now == bucketGrants && len(key) == len(store.Key{}):
		if grant, err := unmarshalGrant(store.Key(key), value); err == nil {
			k.grants = append(k.grants, grant)
		}
	}
	return nil
}

// newest returns the head that knows most. It is certain if both copies agree.
func (k *kept) newest() (newest head, certain bool) {
	if k.seal.seq > k.head.seq {
		return k.seal, false
	}
	return k.head, k.head == k.seal && k.head.generation != 0
}

// read removes entries that are damaged or that the head calls trimmed. It returns how
// many revocations the others hold, and the last sequence number.
func (k *kept) read(h head) (revocations int, last uint64) {
	for seq, value := range k.values {
		entry, err := unmarshalEntry(store.Position{Generation: h.generation, Seq: seq}, value)
		if err != nil || seq <= h.trimmed {
			delete(k.values, seq)
			continue
		}
		revocations, last = revocations+len(entry.Revocations), max(last, seq)
	}
	return revocations, last
}

// numbers returns the sequence numbers of the entries, in order.
func (k *kept) numbers() []uint64 { return slices.Sorted(maps.Keys(k.values)) }
