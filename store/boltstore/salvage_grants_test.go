package boltstore

import (
	"bytes"
	"fmt"
	"reflect"
	"slices"
	"testing"

	bolt "go.etcd.io/bbolt"

	"github.com/sessiongate/sessiongate/store"
)

// Attack: damage a file, so that a refresh token of an ended session is unknown after the
// repair. The sound records of tokens are kept, whatever else is lost. No record is kept
// that was not written.
func TestARepairedStoreKnowsTheTokensThatItLearned(t *testing.T) {
	path := freshPath(t)
	s := openAt(t, path)
	var names []store.Key
	written := make(map[store.Key]store.Grant)
	for n := range 400 {
		grant := learned(fmt.Sprint("token ", n), later(), fmt.Sprint("family ", n%9))
		names, written[grant.Token] = append(names, grant.Token), grant
		if err := s.Learn(t.Context(), grant); err != nil {
			t.Fatal(err)
		}
	}
	for n := range 20 { // learned again, with another family
		grant := learned(fmt.Sprint("token ", n), later(), "another family")
		if err := s.Learn(t.Context(), grant); err != nil {
			t.Fatal(err)
		}
		written[grant.Token] = grant.After(written[grant.Token])
	}
	mustAppend(t, s, numbered(1, later()))
	m := model{entries: readAll(t, s), pageSize: s.db.Info().PageSize}
	mustClose(t, s)
	m.database, m.marker = mustRead(t, path), mustRead(t, markerPath(path))

	whole, pages := 0, 0
	for i := range len(m.database) / m.pageSize {
		database := bytes.Clone(m.database)
		clear(database[i*m.pageSize : (i+1)*m.pageSize])
		salvaged := m.salvaged(t, m.place(t, database))
		if salvaged == nil || salvaged.Entries == 0 {
			continue
		}
		kept := salvaged.Tokens
		if pages++; kept > len(written)*9/10 {
			whole++
		}
		opened, _ := mustReplace(t, salvaged)
		known, err := opened.Known(t.Context(), names...)
		if err != nil || len(known) != kept {
			t.Fatalf("page %d: %d tokens are known, %d were kept, error %v", i, len(known), kept, err)
		}
		for _, grant := range known {
			// The newest copy of a record may have been on the page.
			want := written[grant.Token]
			if grant.Families = sortedKeys(grant.Families); !subset(grant.Families, want.Families) || grant.Access != want.Access || grant.Subject != want.Subject {
				t.Fatalf("page %d: known as %+v, written as %+v", i, grant, want)
			}
		}
		mustClose(t, opened)
	}
	if whole < pages/2 {
		t.Errorf("with one of %d pages lost, nearly all tokens are kept %d times", pages, whole)
	}
}

func sortedKeys(keys []store.Key) []store.Key {
	return slices.SortedFunc(slices.Values(keys), func(a, b store.Key) int { return bytes.Compare(a[:], b[:]) })
}

func subset(some, all []store.Key) bool {
	return len(some) > 0 && !slices.ContainsFunc(some, func(k store.Key) bool { return !slices.Contains(all, k) })
}

// Attack: the record of a token in a live session replaces that of a token in an ended
// one.
func TestATokenRecordCountsInItsPlaceOnly(t *testing.T) {
	path := freshPath(t)
	s := openAt(t, path)
	over, lives := learned("over", later(), "f1"), learned("lives", later(), "f2")
	if err := s.Learn(t.Context(), over, lives); err != nil {
		t.Fatal(err)
	}
	err := s.db.Update(func(tx *bolt.Tx) error {
		return tx.Bucket([]byte(bucketGrants)).Put(over.Token[:], marshalGrant(lives))
	})
	if err != nil {
		t.Fatal(err)
	}
	if known, err := s.Known(t.Context(), over.Token); err == nil {
		t.Errorf("known as %+v", known)
	}
	if known, err := s.Known(t.Context(), lives.Token); err != nil || !reflect.DeepEqual(known, []store.Grant{lives}) {
		t.Errorf("the other is known as %+v, error %v", known, err)
	}
}
