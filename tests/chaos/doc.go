// Package chaos proves the promise of a fleet with real processes: after the 200
// of a DELETE no gate admits a request that starts later, whatever happens to
// Redis, to the network between, to a gate, or to a clock.
//
// A Fleet is several gates on one Redis, each behind a Link that can lose, delay
// and cut what goes over it. Traffic sends requests and DELETEs at all gates all
// the time, while faults come and go, and an Oracle judges each answer by the
// instants at which its client sent and received.
//
//	go test ./tests/chaos                                                     each fault by name, and one fleet by chance
//	go test -timeout 40m ./tests/chaos -run 'TestChaos$' -length 30m          many faults at once, drawn from a seed
//	go test -timeout 40m ./tests/chaos -run 'TestChaos$' -seed N -length 1m   the faults of one seed, and of those that follow
//	go test ./tests/chaos -run '^$' -bench Delete -benchtime 300x
//
// TestChaos starts one fleet after the other: on one Redis, which loses what it had, and
// on a primary with two replicas, which a sentinel replaces as planned. The gates of a
// fleet differ in lease, retention, leeway and `acknowledge`, and reloads change that.
// The 200 of a gate with `acknowledge store` counts as no promise. In every other round
// of faults the clock of Redis is stepped, by a second up to days and both ways, and in
// runs of a minute or more those of the gates as well. That takes a second binary, whose
// clock is that of package stepped, and which forgets each second what has expired. A
// gate whose clock is wrong refuses tokens that nobody revoked. Such refusals are
// counted while clocks are wrong and fail the test otherwise; what is admitted after the
// promise fails it always.
//
// Processes are not deterministic: a seed gives the same faults at the same
// times, not the same interleaving.
package chaos
