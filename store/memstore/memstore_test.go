package memstore_test

import (
	"testing"

	"github.com/sessiongate/sessiongate/store"
	"github.com/sessiongate/sessiongate/store/memstore"
	"github.com/sessiongate/sessiongate/store/storetest"
)

func fresh(*testing.T) storetest.Place {
	return storetest.Place{
		Open: func(*testing.T) store.Backend { return memstore.New(nil) },
		Limited: func(_ *testing.T, limits store.SessionLimits) store.Backend {
			return memstore.NewWith(memstore.Options{Sessions: limits})
		},
	}
}

func TestContract(t *testing.T)         { storetest.Run(t, fresh) }
func TestContractOfGrants(t *testing.T) { storetest.RunGrants(t, fresh) }
func TestContractOfLocal(t *testing.T)  { storetest.RunLocal(t, fresh) }
