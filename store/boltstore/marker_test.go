package boltstore

import (
	"fmt"
	"strings"
	"testing"
	"time"
)

// Attack: a changed marker, so that an earlier copy of the file is not recognised.
func TestAMarkerThatIsNotSoundRaisesTheFloor(t *testing.T) {
	path, m := freshPath(t), newMachine()
	good := string(m.append(t, path, 1).marker)
	right := parseMarker(good)
	if right.generation == 0 || right.seq != 1 || right.tag == 0 || len(good) >= 512 {
		t.Fatalf("the marker %q is read as %+v", good, right)
	}
	for name, wrong := range map[string]string{
		"empty":              "",
		"cut off":            good[:len(good)-3],
		"with a tail":        good + "\n",
		"of generation 0":    fmt.Sprintf(titleFormat, 0),
		"of something else":  "gone fishing\n",
		"of a shorter log":   strings.Replace(good, "log 0000000000000001", "log 0000000000000000", 1),
		"all but the number": right.title() + "log ",
	} {
		t.Run(name, func(t *testing.T) {
			m.pass(time.Hour)
			mustWrite(t, markerPath(path), []byte(wrong))
			s := m.open(t, path)
			if h := headOf(t, s); h.bounds.Floor != m.wall.Add(testLeeway).Unix() {
				t.Errorf("the head is %+v, want a floor", h)
			}
			mustClose(t, s)
			if now := parseMarker(string(mustRead(t, markerPath(path)))); now.seq != 1 || now.tag != right.tag {
				t.Errorf("after a start the marker is %+v", now)
			}
		})
	}
	empty := freshPath(t)
	mustClose(t, m.open(t, empty))
	mustWrite(t, markerPath(empty), []byte("garbage"))
	if h := headOf(t, m.open(t, empty)); h.bounds.Floor == 0 {
		t.Errorf("an empty store beside garbage has the head %+v, want a floor: it may be another's", h)
	}
	for at := range good {
		changed := []byte(good)
		changed[at] ^= 1
		if k := parseMarker(string(changed)); k.generation != 0 {
			t.Errorf("with byte %d changed, the marker is read as %+v", at, k)
		}
	}
}

// Invariant: the marker is written before an append is confirmed. So an append is not
// confirmed if the marker cannot be written.
func TestAnAppendIsConfirmedAfterTheMarker(t *testing.T) {
	path, m := freshPath(t), newMachine()
	s := m.open(t, path)
	for n := range 5 {
		position := mustAppend(t, s, numbered(n, later()))
		if k := parseMarker(string(mustRead(t, markerPath(path)))); k.seq != position.Seq || k.tag != headOf(t, s).tag {
			t.Errorf("entry %d was confirmed while the marker is %+v", position.Seq, k)
		}
	}
	if err := s.marker.Close(); err != nil {
		t.Fatal(err)
	}
	if position, err := s.Append(t.Context(), numbered(9, later())); err == nil {
		t.Errorf("entry %d was confirmed without a marker", position.Seq)
	}
	_ = s.Close() // the error says that the marker was closed
	if h := headOf(t, m.open(t, path)); h.bounds.Floor != 0 || h.seq != 6 {
		t.Errorf("the head is %+v, want what was committed and no floor", h)
	}
}
