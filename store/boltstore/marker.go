package boltstore

import (
	"errors"
	"fmt"
	"hash/crc32"
	"io/fs"
	"os"
	"path/filepath"

	"github.com/sessiongate/sessiongate/store"
)

// A marker is text, so that people can read what the file is. Its third line says how
// far the log went, and ends with a checksum. A marker of an earlier version has only
// two lines.
const (
	titleFormat = "Sessiongate created a store beside this file. Keep the two together.\ngeneration %016x\n"
	lineFormat  = "log %016x %016x %016x %016x %016x %016x "
	sumFormat   = "%08x\n"
	// restoredText is the marker of a file that an operator put back or repaired. The
	// next Open raises the floor.
	restoredText = "Sessiongate created a store beside this file. Keep the two together.\nrestored\n"
)

// marker says what the database beside it holds at least: the log up to seq, whose last
// entry has the tag, and the bounds. A marker that is damaged has generation 0.
type marker struct {
	generation store.Generation
	seq, tag   uint64 // the tag is zero if it is not known
	bounds     store.Bounds
	restored   bool // then nothing else is known
}

// markerOf returns the marker of a database with this head.
func markerOf(h head) marker {
	return marker{generation: h.generation, seq: h.seq, tag: h.tag, bounds: h.bounds}
}

// markerPath returns the path of a database's marker.
func markerPath(path string) string { return path + ".init" }

func (m marker) title() string { return fmt.Sprintf(titleFormat, m.generation) }

// text returns the whole marker. It always has the same size, and fits into one sector.
func (m marker) text() string {
	b := m.bounds
	text := m.title() + fmt.Sprintf(lineFormat, m.seq, m.tag, uint64(b.Swept), uint64(b.Forgotten), uint64(b.Floor), uint64(b.Hold))
	return text + fmt.Sprintf(sumFormat, crc32.Checksum([]byte(text), castagnoli))
}

func parseMarker(text string) (m marker) {
	var b [4]uint64
	_, err := fmt.Sscanf(text, titleFormat+lineFormat, &m.generation, &m.seq, &m.tag, &b[0], &b[1], &b[2], &b[3])
	m.bounds = store.Bounds{Swept: int64(b[0]), Forgotten: int64(b[1]), Floor: int64(b[2]), Hold: int64(b[3])}
	switch {
	case err == nil && m.text() == text:
		return m
	case m.title() == text:
		return marker{generation: m.generation}
	default:
		return marker{restored: text == restoredText}
	}
}

// readMarker returns the marker of the store at path, and whether there is one.
func readMarker(path string) (m marker, found bool, err error) {
	text, err := os.ReadFile(markerPath(path))
	if errors.Is(err, fs.ErrNotExist) {
		return m, false, nil
	}
	return parseMarker(string(text)), err == nil, err
}

// writeMarker replaces a marker, durably. It appears whole or not at all, and gets the
// owner of the database.
func writeMarker(path, text string) error {
	built, err := build(path, func(name string) error {
		f, err := os.OpenFile(name, os.O_WRONLY, 0)
		if err != nil {
			return err
		}
		_, err = f.WriteString(text)
		return errors.Join(err, f.Sync(), f.Close())
	})
	if err == nil {
		err = errors.Join(os.Rename(built, markerPath(path)), syncDir(filepath.Dir(path)))
	}
	if err != nil {
		return fmt.Errorf("writing marker: %w", err)
	}
	return nil
}

// advance overwrites the marker if the head has changed. It does not wait for the disk:
// the data outlives the process, and a disk writes a sector as a whole. After a power
// cut the marker is at most older than the database, which was durable before.
func (s *Store) advance(h head) error {
	m := markerOf(h)
	if m == s.marked {
		return nil
	}
	if _, err := s.marker.WriteAt([]byte(m.text()), 0); err != nil {
		return fmt.Errorf("writing marker: %w", err)
	}
	s.marked = m
	return nil
}
