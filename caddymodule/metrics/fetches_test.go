package metrics

import (
	"testing"

	"github.com/sessiongate/sessiongate/caddymodule/keys"
)

// Fault: a reload moves the key set of an issuer to another address, and the count of its fetches
// falls, which reads as a restart of the gate.
func TestFetchesAreCountedOverAddresses(t *testing.T) {
	var f fetches
	see := func(good, failed uint64, place ...keys.Status) {
		t.Helper()
		if sum := f.sum("https://a", place); sum != (fetched{good, failed}) {
			t.Errorf("fetched %+v, want %d and %d", sum, good, failed)
		}
	}
	at := func(place string, good, failed uint64) keys.Status {
		return keys.Status{Kind: keys.KindJWKS, Place: place, Fetched: true, Good: good, Failed: failed}
	}
	see(0, 0)
	see(3, 1, at("old", 3, 1))
	see(5, 1, at("old", 3, 1), at("new", 2, 0))
	see(6, 1, at("new", 3, 0))
	see(7, 2, at("new", 3, 0), at("old", 1, 1)) // the old one was made again
	see(7, 2, keys.Status{Kind: keys.KindSecret, Loaded: true})
	// Two addresses that differ in their query are one place.
	see(7+2+3, 2, at("twice", 2, 0), at("twice", 3, 0))
}
