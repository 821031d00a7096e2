package boltstore

import (
	"errors"
	"strconv"
	"testing"
	"time"

	bolt "go.etcd.io/bbolt"

	"github.com/sessiongate/sessiongate/store"
)

func learned(token string, expires int64, families ...string) store.Grant {
	g := store.Grant{Token: store.NewKey("test", store.KindToken, issuer, token), Access: true, IssuedAt: 1, Expires: expires}
	for _, family := range families {
		g.Families = append(g.Families, store.NewKey("test", store.KindSession, issuer, family))
	}
	return g
}

func mustLearn(t testing.TB, s *Store, grants ...store.Grant) {
	t.Helper()
	if err := s.Learn(t.Context(), grants...); err != nil {
		t.Fatalf("Learn: %v", err)
	}
}

// countGrants returns how many keys each bucket of the tokens has.
func countGrants(t *testing.T, s *Store) (keys [3]int) {
	t.Helper()
	err := s.view(t.Context(), func(tx *bolt.Tx) error {
		b := grantBucketsOf(tx)
		for i, bucket := range []*bolt.Bucket{b.grants, b.families, b.expiries} {
			keys[i] = bucket.Stats().KeyN
		}
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
	return keys
}

func TestTokenHasOneKeyInEachIndex(t *testing.T) {
	s := openAt(t, freshPath(t))
	for i := range int64(20) {
		mustLearn(t, s, learned("t", later()+i%5, "f1", "f2"))
		if keys := countGrants(t, s); keys != [3]int{1, 2, 1} {
			t.Fatalf("after %d times, one token of two sessions has %v keys", i+1, keys)
		}
	}
}

func TestExpiredTokensLeaveNothing(t *testing.T) {
	s := openAt(t, freshPath(t))
	now := time.Now()
	for i := range int64(forgetSessions + 2) {
		mustLearn(t, s, learned(strconv.FormatInt(i, 10), now.Unix()-i%100, "f"+strconv.FormatInt(i%9, 10)))
	}
	mustLearn(t, s, learned("lives", now.Unix()+1, "f1"))
	if err := s.Trim(t.Context(), now); err != nil {
		t.Fatal(err)
	}
	if keys := countGrants(t, s); keys != [3]int{1, 1, 1} {
		t.Errorf("one token is left, and %v keys", keys)
	}
}

// Fault: a bucket of this version is missing, which no version has written.
func TestAFileWithSomeOfTheBucketsIsDamaged(t *testing.T) {
	for _, name := range []string{bucketGrants, bucketFamilies, bucketSubjects} {
		path := freshPath(t)
		s := openAt(t, path)
		if err := s.update(func(tx *bolt.Tx) error { return tx.DeleteBucket([]byte(name)) }); err != nil {
			t.Fatal(err)
		}
		mustClose(t, s)
		wantDamaged(t, path, "buckets")
	}
}

func TestGrantRecord(t *testing.T) {
	whole := learned("t", 1<<32-1, "f1", "f2", "f3")
	whole.Subject, whole.Issuer, whole.AuthTime = store.Key{1}, store.Key{2}, 1<<32-1
	for _, want := range []store.Grant{learned("t", 1, "f"), whole, {Token: store.Key{9}, Families: []store.Key{{8}}, Expires: 300}} {
		value := marshalGrant(want)
		got, err := unmarshalGrant(want.Token, value)
		if err != nil || string(marshalGrant(got)) != string(value) || got.Token != want.Token || got.Access != want.Access ||
			got.AuthTime != want.AuthTime {
			t.Errorf("read back %+v, %v; want %+v", got, err, want)
		}
		for n := range value {
			for _, cut := range [][]byte{value[:n], sealed(append([]byte(nil), value[:max(n, sumSize)]...))} {
				if got, err := unmarshalGrant(want.Token, cut); !errors.Is(err, store.ErrDamaged) {
					t.Fatalf("a record that ends after %d bytes reads as %+v, %v", n, got, err)
				}
			}
		}
		if got, err := unmarshalGrant(want.Token, sealed(append(value, 0))); !errors.Is(err, store.ErrDamaged) {
			t.Errorf("a record with a tail read as %+v, %v", got, err)
		}
	}
}

// Attack, or a bad disk: the session in a record has changed, so that the token would
// survive the logout. That is a failure, not an unknown token.
func TestDamagedGrantIsNotUnknown(t *testing.T) {
	s := openAt(t, freshPath(t))
	grant := learned("t", later(), "f")
	mustLearn(t, s, grant)
	err := s.change(t.Context(), func(tx *bolt.Tx) error {
		bucket := tx.Bucket([]byte(bucketGrants))
		value := append([]byte(nil), bucket.Get(grant.Token[:])...)
		value[len(value)-20] ^= 1
		return bucket.Put(grant.Token[:], value)
	})
	if err != nil {
		t.Fatal(err)
	}
	if got, err := s.Known(t.Context(), grant.Token); !errors.Is(err, store.ErrDamaged) {
		t.Errorf("learned %+v, %v; want ErrDamaged", got, err)
	}
}
