package redisstore_test

import (
	"crypto/rand"
	"strconv"
	"testing"

	"github.com/sessiongate/sessiongate/store"
	"github.com/sessiongate/sessiongate/store/redisstore"
	"github.com/sessiongate/sessiongate/store/redisstore/redistest"
	"github.com/sessiongate/sessiongate/store/storetest"
)

func TestContract(t *testing.T) {
	address, _ := redistest.Address(t)
	storetest.Run(t, func(*testing.T) storetest.Place {
		options := redisstore.Options{Addresses: []string{address}, Namespace: rand.Text()}
		return storetest.Place{
			Open: func(t *testing.T) store.Backend { return open(t, options) },
			Limited: func(t *testing.T, limits store.SessionLimits) store.Backend {
				limited := options
				limited.Sessions = limits
				return open(t, limited)
			},
			Durable: true,
		}
	})
}

func TestContractOfGrants(t *testing.T) {
	address, _ := redistest.Address(t)
	storetest.RunGrants(t, func(*testing.T) storetest.Place {
		options := redisstore.Options{Addresses: []string{address}, Namespace: rand.Text()}
		return storetest.Place{
			Open:    func(t *testing.T) store.Backend { return open(t, options) },
			Durable: true,
		}
	})
}

func TestContractOfMovable(t *testing.T) {
	address, _ := redistest.Address(t)
	storetest.RunMovable(t, func(*testing.T) storetest.Place {
		options := redisstore.Options{Addresses: []string{address}, Namespace: "[a-z]*?^" + rand.Text()}
		return storetest.Place{
			Open:    func(t *testing.T) store.Backend { return open(t, options) },
			Durable: true,
		}
	})
}

func TestContractOfAFleet(t *testing.T) {
	server := redistest.Start(t, redistest.Config("appendonly yes", "appendfsync no"))
	runFleet(t, server, server.Restart, func(t *testing.T) *redisstore.Store { return openAt(t, server) })
}

// runFleet runs the contract of fleets on a server.
func runFleet(t *testing.T, server *redistest.Server, restart func(), open func(*testing.T) *redisstore.Store) {
	t.Helper()
	storetest.RunFleet(t, func(*testing.T) storetest.FleetPlace {
		server.Do("FLUSHALL")
		return storetest.FleetPlace{
			Open:      func(t *testing.T) store.Fleet { return open(t) },
			Flush:     func() { server.Do("FLUSHALL") },
			Restart:   restart,
			Keep:      func() func() { return keep(server) },
			LoseLog:   func() { server.Do("DEL", logKey) },
			LoseHead:  func() { server.Do("DEL", headKey) },
			LoseGates: func() { server.Do("DEL", gatesKey, beatsKey) },
			LoseEntry: func(seq uint64) {
				server.Do("XDEL", logKey, strconv.FormatUint(seq, 10)+"-0")
			},
		}
	})
}

// keep saves all data of a server, and returns a function that restores it.
func keep(server *redistest.Server) (back func()) {
	held := map[string]string{}
	for _, key := range server.Do("KEYS", "*").([]any) {
		held[key.(string)] = server.Do("DUMP", key.(string)).(string)
	}
	return func() {
		server.Do("FLUSHALL")
		for key, value := range held {
			server.Do("RESTORE", key, "0", value)
		}
	}
}
