package boltstore

import (
	"errors"
	"fmt"
	"io/fs"
	"os"

	"github.com/sessiongate/sessiongate/store"
)

// ErrSound is that of Salvage for a store that Open would open.
var ErrSound = errors.New("the store is not damaged")

// maxGaps bounds how many gaps a Salvaged lists.
const maxGaps = 100

// Gap is a run of entries that are lost, both ends among them.
type Gap struct{ From, To uint64 }

// Salvaged is what can be kept of a damaged store. While it is open nobody else
// can use the file. It is not for concurrent use.
type Salvaged struct {
	// Path is the database, every symbolic link resolved.
	Path string
	// Damage is why Open refuses the store.
	Damage error
	// Entries is how many entries can be kept, and Revocations how many revocations
	// are in them. Each has its checksum, which covers its place on the log.
	Entries, Revocations int
	// Sessions is how many records of seen sessions can be kept. Those say who may
	// end a session, and never whether one is revoked.
	Sessions int
	// Tokens is how many records of tokens can be kept that were learned at a token
	// endpoint. One that is lost is as one that was never learned.
	Tokens int
	// Lost is how many entries are known to have been there and cannot be kept, and
	// Gaps where, the first hundred of them.
	Lost uint64
	Gaps []Gap
	// EndUnknown says that it cannot be told where the log ended: entries after the
	// last that is known may be lost, too. So it is with a file that is not the one
	// which its marker was written for.
	EndUnknown bool

	file  *os.File // locked
	kept  found
	after uint64 // what is numbered up to here was trimmed
}

// Whole reports whether every revocation that was there can be kept for certain.
func (s *Salvaged) Whole() bool { return s.Lost == 0 && !s.EndUnknown }

// Salvage reads what is left of the store at o.Path, changes nothing, and locks
// the file until Close is called. It reads the file twice, and keeps in memory what
// it finds.
//
// Its error wraps ErrSound if the store can be opened as it is, store.ErrLocked if
// another process holds the file, store.ErrUnreadable if a newer version wrote it,
// store.ErrDamaged if there is no file to salvage from, or nothing in it that could
// be told from garbage, and fs.ErrNotExist if there never was a store.
func Salvage(o Options) (*Salvaged, error) {
	path, err := RealPath(o.Path)
	if err != nil {
		return nil, fmt.Errorf("salvaging store: %w", err)
	}
	timeout := o.LockTimeout
	if timeout <= 0 {
		timeout = defaultLockTimeout
	}
	s, err := salvage(path, func(f *os.File) error { return lock(f, timeout) })
	if err != nil {
		return nil, fmt.Errorf("salvaging %q: %w", path, err)
	}
	return s, nil
}

func salvage(path string, lock func(*os.File) error) (*Salvaged, error) {
	marked, found, markErr := readMarker(path)
	if markErr != nil && !errors.Is(markErr, store.ErrDamaged) {
		return nil, markErr
	}
	file, err := os.Open(path)
	if errors.Is(err, fs.ErrNotExist) && (found || markErr != nil) {
		return nil, damagef("it was created once and is gone, and there is nothing to salvage from")
	}
	if err != nil {
		return nil, err
	}
	s := &Salvaged{Path: path, file: file}
	if err = lock(file); err == nil {
		err = s.examine(marked, found, markErr)
	}
	if err != nil {
		return nil, errors.Join(err, file.Close())
	}
	return s, nil
}

// Close lets go of the file.
func (s *Salvaged) Close() error { return s.file.Close() }

// examine finds out what is wrong, and what can be kept.
func (s *Salvaged) examine(marked store.Generation, found bool, markErr error) error {
	stat, err := s.file.Stat()
	if err != nil {
		return err
	}
	size := stat.Size()
	s.Damage = damageOf(s.file, marked, found, markErr)
	switch {
	case s.Damage == nil:
		return ErrSound
	case errors.Is(s.Damage, store.ErrUnreadable):
		return fmt.Errorf("%w; it needs a newer gate, and no repair", s.Damage)
	case !errors.Is(s.Damage, store.ErrDamaged):
		// The disk cannot read it: what it can is kept.
		s.Damage = fmt.Errorf("%w: %w", s.Damage, store.ErrDamaged)
	}
	end, err := certainHead(s.file, size)
	certain, generation := err == nil, end.generation
	if !certain {
		if generation = marked; generation == 0 {
			generation = scanHeads(s.file, size, 0).generation
		}
	}
	if generation == 0 {
		return damagef("there is nothing in it that could be told from garbage")
	}
	s.kept = scanEntries(s.file, size, generation)
	if !certain {
		end = s.kept.newest
	}
	s.EndUnknown = !certain || found && markErr == nil && generation != marked
	s.count(end)
	return nil
}

// damageOf is why Open would refuse a database beside its marker, or nil.
func damageOf(f *os.File, marked store.Generation, found bool, markErr error) error {
	h, err := verify(f)
	switch {
	case err != nil:
		return err
	case markErr != nil:
		return markErr
	case found && h.generation != marked:
		return damagef("it is another database than its marker was written for")
	default:
		return nil
	}
}

// count counts what is kept, and what is missing up to the end of the log.
func (s *Salvaged) count(end head) {
	s.after = end.trimmed
	s.Sessions, s.Tokens = len(s.kept.sessions), len(s.kept.grants)
	next := end.trimmed + 1
	for _, seq := range s.kept.numbers(s.after) {
		s.Entries++
		revocations, _ := store.UnmarshalRevocations(s.kept.payloads[seq]) // it was read before
		s.Revocations += len(revocations)
		s.miss(next, seq)
		next = seq + 1
	}
	s.miss(next, end.seq+1)
	if next > end.seq+1 {
		s.EndUnknown = true // the head knows less than there is
	}
}

// miss notes that the entries from one up to another are missing.
func (s *Salvaged) miss(from, until uint64) {
	if from >= until {
		return
	}
	s.Lost += until - from
	if len(s.Gaps) < maxGaps {
		s.Gaps = append(s.Gaps, Gap{from, until - 1})
	}
}
