package token

import "unsafe"

const (
	// usualSize is the size of a token with the usual claims in the cache, in bytes.
	usualSize = 2 << 10
	// entrySize is the memory that ristretto needs for an entry: slots of 56 and of 16 bytes
	// in two maps that are two thirds full, and ten counters.
	entrySize = 144
	// textSize is the header of a string. Boxing a string takes another one.
	textSize = int64(unsafe.Sizeof(""))
)

// size returns how much memory the cached token needs, in bytes.
func (t *Verified) size() int64 {
	size := entrySize + allocated(int64(unsafe.Sizeof(*t))) + allocated(int64(len(t.raw))) +
		allocated(int64(len(t.Subject))) + allocated(int64(len(t.SessionID))) + allocated(int64(len(t.TokenID)))
	if t.SessionID == "" {
		size += allocated(int64(len(t.Session)))
	}
	size += allocated(int64(cap(t.claims)) * int64(unsafe.Sizeof(claim{})))
	for i := range t.claims {
		size += allocated(int64(len(t.claims[i].name))) + allocated(int64(len(t.claims[i].text)))
	}
	size += allocated(int64(cap(t.scopes)) * textSize)
	for _, scope := range t.scopes {
		size += allocated(int64(len(scope)))
	}
	return size + allocated(int64(cap(t.sites))) + t.viewsSize()
}

// allocated returns how many bytes the allocator uses for n bytes: its size classes waste
// at most an eighth.
func allocated(n int64) int64 { return (n + n/8 + 15) &^ 15 }
