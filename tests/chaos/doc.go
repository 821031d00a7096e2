// Package chaos proves the promise of a fleet with real processes: after the 200
// of a DELETE no gate admits a request that starts later, whatever happens to
// Redis, to the network between, or to a gate.
//
// A Fleet is several gates on one Redis, each behind a Link that can lose, delay
// and cut what goes over it. Traffic sends requests and DELETEs at all gates all
// the time, while faults come and go, and an Oracle judges each answer by the
// instants at which its client sent and received.
//
//	go test ./tests/chaos                                       each fault by name, and some by chance
//	go test ./tests/chaos -run 'TestChaos$' -length 30m         many faults at once, drawn from a seed
//	go test ./tests/chaos -run 'TestChaos$' -seed N -length 1s  the faults of one seed
//	go test ./tests/chaos -run '^$' -bench Delete -benchtime 300x
//
// Processes are not deterministic: a seed gives the same faults at the same
// times, not the same interleaving.
package chaos
