package model_test

import (
	"testing"

	"github.com/sessiongate/sessiongate/store"
	"github.com/sessiongate/sessiongate/store/storetest"
	"github.com/sessiongate/sessiongate/store/storetest/model"
)

// batch is small, so that even a short log takes several reads.
const batch = 3

func TestContract(t *testing.T) {
	storetest.Run(t, func(*testing.T) storetest.Place {
		s := model.NewServer(1, batch)
		return storetest.Place{
			Open: func(*testing.T) store.Backend { return s.Connect(nil) },
			Limited: func(_ *testing.T, limits store.SessionLimits) store.Backend {
				s.Limit(limits)
				return s.Connect(nil)
			},
			Durable: true,
		}
	})
}

func TestContractOfAFleet(t *testing.T) {
	storetest.RunFleet(t, func(*testing.T) storetest.FleetPlace {
		s := model.NewServer(1, batch)
		return storetest.FleetPlace{
			Open:    func(*testing.T) store.Fleet { return s.Connect(nil) },
			Flush:   s.Flush,
			Restart: s.Restart,
			LoseLog: s.DropLog,
			Keep: func() func() {
				dump := s.Dump()
				return func() { s.RollBack(dump) }
			},
			LoseHead:  s.DropHead,
			LoseGates: s.DropGates,
			LoseEntry: s.DropEntry,
		}
	})
}
