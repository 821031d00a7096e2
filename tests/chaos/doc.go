// Package chaos proves the promise of a fleet with real processes: after the 200 of a
// DELETE, no gate admits a request that starts later. The promise holds whatever happens to
// Redis, to the network between, to a gate, or to a clock.
//
// A Fleet is several gates on one Redis. Each gate is behind a Link that can lose, delay
// and cut its traffic. Traffic sends requests and DELETEs to all gates all the time, while
// faults come and go. An Oracle checks each answer by the instants at which its client sent
// and received.
//
//	go test ./tests/chaos                                                     each fault by name, and one fleet at random
//	go test -timeout 40m ./tests/chaos -run 'TestChaos$' -length 30m          many faults at once, drawn from a seed
//	go test -timeout 40m ./tests/chaos -run 'TestChaos$' -seed N -length 1m   the faults of one seed, and of the following seeds
//	go test ./tests/chaos -run '^$' -bench Delete -benchtime 300x
//
// TestChaos starts one fleet after the other. Some are on one Redis, which loses its data.
// Others are on a primary with two replicas, which a sentinel replaces by a planned
// failover. The gates of a fleet differ in lease, retention, leeway and `acknowledge`, and
// reloads change that. The 200 of a gate with `acknowledge store` counts as no promise.
//
// In every other round of faults the clock of Redis is stepped, by a second up to days and
// both ways. In runs of a minute or more the clocks of the gates are stepped, too. That
// takes a second binary with the clock of package stepped, which forgets expired entries
// every second. A gate with a wrong clock refuses tokens that nobody revoked. Such refusals
// are counted while clocks are wrong, and fail the test otherwise. A request that is
// admitted after the promise always fails the test.
//
// Processes are not deterministic: a seed gives the same faults at the same times, not the
// same interleaving.
package chaos
