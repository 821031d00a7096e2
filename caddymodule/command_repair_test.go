package caddymodule

import (
	"bytes"
	"errors"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/sessiongate/sessiongate/store"
	"github.com/sessiongate/sessiongate/store/boltstore"
)

// boltFile makes a store with some revocations, and returns its path.
func boltFile(t *testing.T, n int) string {
	t.Helper()
	path := filepath.Join(t.TempDir(), "revocations.db")
	s, err := boltstore.Open(boltstore.Options{Path: path})
	if err != nil {
		t.Fatal(err)
	}
	for i := range n {
		if _, err := s.Append(t.Context(), store.Revocation{Kind: store.KindSession, Key: store.Key{1, byte(i), byte(i >> 8)}, Expires: 1 << 31}); err != nil {
			t.Fatal(err)
		}
	}
	if err := s.Close(); err != nil {
		t.Fatal(err)
	}
	return path
}

// zero overwrites a part of a file.
func zero(t *testing.T, path string, from, size int64) {
	t.Helper()
	f, err := os.OpenFile(path, os.O_RDWR, 0o600)
	if err == nil {
		_, err = f.WriteAt(make([]byte, size), from)
	}
	if err = errors.Join(err, f.Close()); err != nil {
		t.Fatal(err)
	}
}

// Fault (F23): nothing is replaced unless it was said, and then with all that is
// sound; what may be lost is said, and what that means.
func TestRepairTellsFirstAndReplacesThen(t *testing.T) {
	path := boltFile(t, 500)
	zero(t, path, 0, 4096)
	damaged, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	var printed strings.Builder
	says := func(parts ...string) {
		t.Helper()
		for _, part := range parts {
			if !strings.Contains(printed.String(), part) {
				t.Errorf("it prints\n%s\nwant %q in it", printed.String(), part)
			}
		}
		printed.Reset()
	}
	if err := repair(&printed, path, false, false); !errors.Is(err, errNotReplaced) {
		t.Errorf("without a word: %v", err)
	}
	says("kept    500 entries with 500 revocations", "not known where the log ended", "accepted again until it expires", "--issuer-before")
	if err := repair(&printed, path, true, false); err != nil {
		t.Errorf("dry: %v", err)
	}
	says("kept    500 entries")
	if err := repair(&printed, path, true, true); err == nil {
		t.Error("two words that contradict each other were taken")
	}
	if now, err := os.ReadFile(path); err != nil || !bytes.Equal(now, damaged) {
		t.Errorf("the file was changed (%v)", err)
	}
	if err := repair(&printed, path, false, true); err != nil {
		t.Errorf("replacing: %v", err)
	}
	says("Replaced. The damaged file is kept as " + path + ".damaged-")
	s, err := boltstore.Open(boltstore.Options{Path: path})
	if err != nil {
		t.Fatal(err)
	}
	if batch, err := s.Read(t.Context(), store.Position{}, 0); err != nil || len(batch.Entries) != 500 {
		t.Errorf("%d entries are there (%v)", len(batch.Entries), err)
	}
	if err := repair(&printed, path, false, true); err == nil || !strings.Contains(err.Error(), "stop the gate first") {
		t.Errorf("while it is in use: %v", err)
	}
	if err := s.Close(); err != nil {
		t.Fatal(err)
	}
	if err := repair(&printed, path, false, true); err != nil {
		t.Errorf("of a sound store: %v", err)
	}
	says("is not damaged")
}

func TestRepairNeverMakesAnEmptyStore(t *testing.T) {
	path := boltFile(t, 5)
	if err := os.WriteFile(path, make([]byte, 1<<16), 0o600); err != nil {
		t.Fatal(err)
	}
	var printed strings.Builder
	err := repair(&printed, path, false, true)
	if !errors.Is(err, boltstore.ErrNothingKept) || !strings.Contains(err.Error(), "from a backup") {
		t.Errorf("of zeros: %v\n%s", err, printed.String())
	}
	if err := os.Remove(path); err != nil {
		t.Fatal(err)
	}
	if err := repair(&printed, path, false, true); err == nil || !strings.Contains(err.Error(), "from a backup") {
		t.Errorf("of a deleted file: %v", err)
	}
	if err := repair(&printed, path+".none", false, true); err == nil || !strings.Contains(err.Error(), "--file says where") {
		t.Errorf("of no file: %v", err)
	}
}

func TestRepairListsWhatIsLost(t *testing.T) {
	for want, s := range map[string]*boltstore.Salvaged{
		"nothing":           {},
		"3 entries: 2, 4-5": {Lost: 3, Gaps: []boltstore.Gap{{From: 2, To: 2}, {From: 4, To: 5}}},
		"0 entries; and perhaps more, because it is not known where the log ended": {EndUnknown: true},
	} {
		if got := lost(s); got != want {
			t.Errorf("it says %q, want %q", got, want)
		}
	}
}
