package boltstore

import (
	"encoding/binary"
	"errors"
	"os"
	"strings"
	"testing"
	"time"

	bolt "go.etcd.io/bbolt"

	"github.com/sessiongate/sessiongate/store"
)

// files are a database and its marker.
type files struct{ database, marker []byte }

func take(t *testing.T, path string) files {
	return files{mustRead(t, path), mustRead(t, markerPath(path))}
}

// append appends to a store that is closed, and closes it again.
func (m *machine) append(t *testing.T, path string, n int) files {
	t.Helper()
	s := m.open(t, path)
	mustAppend(t, s, numbered(n, m.wall.Add(240*time.Hour).Unix()))
	mustClose(t, s)
	return take(t, path)
}

// Attack: replace the file by an older copy, so that tokens revoked since are valid again.
// The test also checks the opposite: without a loss there is no floor, because a floor
// logs every client out.
func TestTheFloorIsRaisedIfRevocationsMayBeLost(t *testing.T) {
	for name, c := range map[string]struct {
		change func(t *testing.T, m *machine, path string, older files)
		raised bool
	}{
		"a restart":                           {func(*testing.T, *machine, string, files) {}, false},
		"a restart after a day":               {func(_ *testing.T, m *machine, _ string, _ files) { m.pass(24 * time.Hour) }, false},
		"a clock a second back":               {func(_ *testing.T, m *machine, _ string, _ files) { m.wall = m.wall.Add(-time.Second) }, false},
		"a clock a day back, nothing trimmed": {func(_ *testing.T, m *machine, _ string, _ files) { m.wall = m.wall.Add(-24 * time.Hour) }, false},
		"a kill between the commit and the marker": {func(t *testing.T, m *machine, path string, older files) {
			mustWrite(t, markerPath(path), older.marker)
		}, false},
		"a marker of an earlier version": {func(t *testing.T, m *machine, path string, older files) {
			mustWrite(t, markerPath(path), []byte(parseMarker(string(older.marker)).title()))
		}, false},
		"an older copy": {func(t *testing.T, _ *machine, path string, older files) {
			mustWrite(t, path, older.database)
		}, true},
		"an older copy in which something else was revoked then": {func(t *testing.T, m *machine, path string, older files) {
			newer := take(t, path)
			mustWrite(t, path, older.database)
			mustWrite(t, markerPath(path), older.marker)
			m.append(t, path, 8)
			mustWrite(t, markerPath(path), newer.marker)
		}, true},
		"an older copy in which more was revoked then": {func(t *testing.T, m *machine, path string, older files) {
			newer := take(t, path)
			mustWrite(t, path, older.database)
			mustWrite(t, markerPath(path), older.marker)
			m.append(t, path, 8)
			m.append(t, path, 9)
			mustWrite(t, markerPath(path), newer.marker)
		}, true},
		"a copy without its marker": {func(t *testing.T, _ *machine, path string, _ files) {
			if err := os.Remove(markerPath(path)); err != nil {
				t.Fatal(err)
			}
		}, true},
	} {
		t.Run(name, func(t *testing.T) {
			path, m := freshPath(t), newMachine()
			older := m.append(t, path, 1)
			m.append(t, path, 2)
			c.change(t, m, path, older)
			want := int64(0)
			if c.raised {
				want = m.wall.Add(testLeeway).Unix()
			}
			m.log.Reset()
			for start := range 3 {
				s := m.open(t, path)
				if floor := headOf(t, s).bounds.Floor; floor != want {
					t.Errorf("at start %d the floor is %d, want %d", start, floor, want)
				}
				mustAppend(t, s, numbered(3, later()))
				mustClose(t, s)
				m.pass(time.Hour)
			}
			if n := strings.Count(m.log.String(), "users have to log in again"); (n == 1) != c.raised || n > 1 {
				t.Errorf("the log output has the message about new logins %d times\n%s", n, m.log.String())
			}
		})
	}
}

// Attack: the clock goes back behind the time by which revocations were forgotten, so that
// the tokens that they named have not expired any more.
func TestAClockBehindWhatWasForgottenRaisesTheFloor(t *testing.T) {
	for name, c := range map[string]struct {
		back   time.Duration
		raised bool
	}{
		"by less than the skew": {testSkew, false},
		"by more":               {testSkew + time.Second, true},
		"by a day":              {24 * time.Hour, true},
	} {
		t.Run(name, func(t *testing.T) {
			path, m := freshPath(t), newMachine()
			s := m.open(t, path)
			mustAppend(t, s, numbered(1, m.wall.Unix()))
			m.sweep(t, s)
			mustClose(t, s)
			swept := m.wall.Unix()
			m.wall = m.wall.Add(-c.back)
			m.log.Reset()
			s = m.open(t, path)
			b := headOf(t, s).bounds
			if (b.Floor == m.wall.Add(testLeeway).Unix()) != c.raised || b.Swept != swept {
				t.Errorf("with a clock that went back by %v: %+v; want a floor: %t, and that it was swept at %d", c.back, b, c.raised, swept)
			}
			mustClose(t, s)
			if says := strings.Contains(m.log.String(), "repair --restored"); says != c.raised {
				t.Errorf("the log output is\n%s", m.log.String())
			}
			// The clock is right, and the operator confirms it.
			if err := Restored(m.options(path)); err != nil {
				t.Fatal(err)
			}
			if b := headOf(t, m.open(t, path)).bounds; b.Swept != 0 || b.Floor != m.wall.Add(testLeeway).Unix() {
				t.Errorf("after the operator confirmed the clock: %+v", b)
			}
		})
	}
}

// Attack: replace the file by that of another store. If an operator declares that this was
// intended, the floor refuses the tokens that it does not know.
func TestARestoredFileRaisesTheFloor(t *testing.T) {
	m := newMachine()
	path, foreign := freshPath(t), freshPath(t)
	older := m.append(t, path, 1)
	m.append(t, path, 2)
	other := m.append(t, foreign, 3)
	for name, database := range map[string][]byte{"an earlier copy": older.database, "another store's": other.database} {
		mustWrite(t, path, database)
		m.pass(time.Hour)
		if err := Restored(m.options(path)); err != nil {
			t.Fatal(err)
		}
		mustClose(t, m.open(t, path))
		want := m.wall.Add(testLeeway).Unix()
		m.pass(time.Hour)
		s := m.open(t, path)
		if h := headOf(t, s); h.bounds.Floor != want || h.seq != 1 {
			t.Errorf("%s: the head is %+v, want the floor %d", name, h, want)
		}
		mustClose(t, s)
	}
}

// Attack: the file is put back as it was before the floor was raised. The marker still
// says how high it is.
func TestTheMarkerCarriesTheBounds(t *testing.T) {
	path, m := freshPath(t), newMachine()
	before := m.append(t, path, 1)
	s := m.open(t, path)
	for _, retention := range []time.Duration{time.Hour, 2 * time.Hour} {
		if _, _, err := s.Retain(t.Context(), retention, 0); err != nil {
			t.Fatal(err)
		}
	}
	want := headOf(t, s).bounds
	mustClose(t, s)
	mustWrite(t, path, before.database)
	if got := headOf(t, m.open(t, path)).bounds; got != want || want.Hold == 0 {
		t.Errorf("the bounds are %+v, want %+v", got, want)
	}
}

// An operator lowers the floor for good, not until the next restart. Another loss
// raises it again.
func TestALoweredFloorStaysLow(t *testing.T) {
	path, m := freshPath(t), newMachine()
	older := m.append(t, path, 1)
	m.append(t, path, 2)
	for loss := range 2 {
		mustWrite(t, path, older.database)
		s := m.open(t, path)
		if h := headOf(t, s); h.bounds.Floor != m.wall.Add(testLeeway).Unix() {
			t.Fatalf("after loss %d the head is %+v", loss, h)
		}
		if err := s.LowerFloor(t.Context()); err != nil {
			t.Fatal(err)
		}
		mustClose(t, s)
		s = m.open(t, path)
		if h := headOf(t, s); h.bounds.Floor != 0 {
			t.Errorf("after loss %d and a restart the head is %+v, want no floor", loss, h)
		}
		mustAppend(t, s, numbered(3, later()))
		mustClose(t, s)
		m.pass(time.Hour)
	}
}

// A first start is logged, because the file does not show that it was not the first.
func TestANewStoreIsLogged(t *testing.T) {
	path, m := freshPath(t), newMachine()
	mustClose(t, m.open(t, path))
	if !strings.Contains(m.log.String(), "a new store was created") {
		t.Errorf("the log output is\n%s", m.log.String())
	}
	m.log.Reset()
	m.open(t, path)
	if m.log.Len() != 0 {
		t.Errorf("at the second start the log output is\n%s", m.log.String())
	}
}

// A file of version 1 is opened and upgraded.
func TestAFileOfVersionOneIsUpgraded(t *testing.T) {
	path, m := freshPath(t), newMachine()
	m.append(t, path, 1)
	db, err := bolt.Open(path, 0o600, nil)
	if err != nil {
		t.Fatal(err)
	}
	err = db.Update(func(tx *bolt.Tx) error {
		h, err := loadHead(tx)
		value := append(make([]byte, sumSize), 1)
		for _, n := range []uint64{uint64(h.generation), h.trimmed, h.seq} {
			value = binary.BigEndian.AppendUint64(value, n)
		}
		value = sealed(value)
		return errors.Join(err, tx.Bucket([]byte(bucketHead)).Put(keyHead, value), tx.Bucket([]byte(bucketLog)).Put(keySeal, value))
	})
	if err := errors.Join(err, db.Close()); err != nil {
		t.Fatal(err)
	}
	mustWrite(t, markerPath(path), []byte(parseMarker(string(mustRead(t, markerPath(path)))).title()))
	s := m.open(t, path)
	if h := headOf(t, s); h.bounds != (store.Bounds{}) || h.clock != m.wall.Unix() || h.seq != 1 {
		t.Errorf("the head is %+v", h)
	}
	mustClose(t, s)
	marker := mustRead(t, markerPath(path)) // it does not know the tag of the last entry
	m.append(t, path, 2)
	mustWrite(t, markerPath(path), marker) // as after a kill
	s = m.open(t, path)
	if h, n := headOf(t, s), len(readAll(t, s)); n != 2 || h.bounds.Floor != 0 {
		t.Errorf("%d entries are there, want 2, and the head is %+v", n, h)
	}
}
