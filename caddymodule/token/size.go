package token

import (
	"strings"
	"unsafe"
)

const (
	// usualSize is what a token of usual claims takes, in bytes.
	usualSize = 2 << 10
	// entrySize is what ristretto takes for an entry: slots of 56 and of 16 bytes
	// in two maps that are two thirds full, and ten counters.
	entrySize = 144
	// textSize is the header of a string. Boxing a string takes another one.
	textSize = int64(unsafe.Sizeof(""))
)

// size is what the token takes in memory while it is cached, in bytes.
func (t *Verified) size() int64 {
	size := entrySize + allocated(int64(unsafe.Sizeof(*t))) + allocated(int64(len(t.raw))) +
		allocated(int64(len(t.Subject))) + allocated(int64(len(t.SessionID))) + allocated(int64(len(t.TokenID)))
	size += allocated(int64(cap(t.claims)) * int64(unsafe.Sizeof(claim{})))
	for i := range t.claims {
		size += allocated(int64(len(t.claims[i].name))) + allocated(int64(len(t.claims[i].text)))
	}
	size += allocated(int64(cap(t.scopes)) * textSize)
	for _, scope := range t.scopes {
		size += allocated(int64(len(scope)))
	}
	return size + t.viewsSize()
}

// allocated is what the allocator takes for n bytes: its size classes waste an
// eighth at most.
func allocated(n int64) int64 { return (n + n/8 + 15) &^ 15 }

// own copies text, so that what is kept does not hold on to a whole request.
func own(text string) string { return strings.Clone(text) }
