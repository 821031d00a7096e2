package percent

import (
	"strconv"
	"testing"
)

// Octet agrees with strconv.ParseUint for all pairs of bytes, except for signs and
// underscores.
func TestTwoDigitsAreAnOctet(t *testing.T) {
	for high := range 256 {
		for low := range 256 {
			want, err := strconv.ParseUint(string([]byte{byte(high), byte(low)}), 16, 8)
			if octet, ok := Octet(byte(high), byte(low)); ok != (err == nil) || uint64(octet) != want {
				t.Fatalf("Octet(%q, %q) = %d, %t, want %d, %v", byte(high), byte(low), octet, ok, want, err)
			}
		}
	}
}
