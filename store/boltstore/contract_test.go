package boltstore_test

import (
	"path/filepath"
	"testing"

	"github.com/sessiongate/sessiongate/store"
	"github.com/sessiongate/sessiongate/store/boltstore"
	"github.com/sessiongate/sessiongate/store/storetest"
)

// fresh returns a new place with a file of its own.
func fresh(t *testing.T) storetest.Place {
	path := filepath.Join(t.TempDir(), "revocations.db")
	open := func(t *testing.T, limits store.SessionLimits) store.Backend {
		s, err := boltstore.Open(boltstore.Options{Path: path, Sessions: limits})
		if err != nil {
			t.Fatalf("Open: %v", err)
		}
		return s
	}
	return storetest.Place{
		Open:    func(t *testing.T) store.Backend { return open(t, store.SessionLimits{}) },
		Limited: open,
		Durable: true,
	}
}

func TestContract(t *testing.T)          { storetest.Run(t, fresh) }
func TestContractOfGrants(t *testing.T)  { storetest.RunGrants(t, fresh) }
func TestContractOfLocal(t *testing.T)   { storetest.RunLocal(t, fresh) }
func TestContractOfMovable(t *testing.T) { storetest.RunMovable(t, fresh) }
