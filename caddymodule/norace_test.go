//go:build !race

package caddymodule

// raceAllocations is how many allocations a request may cost for the race
// detector's sake.
const raceAllocations = 0
