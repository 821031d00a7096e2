package identity

import "sync/atomic"

// valuesBlock holds field values. A header field needs a slice of its own, because later
// handlers may keep it or write to it. So each place is used once; many slices cut from a
// block cost one allocation.
type valuesBlock struct {
	used   atomic.Int64
	values [256]string
}

var values atomic.Pointer[valuesBlock]

// takeValues returns n empty values that nobody else has. It is safe for
// concurrent use.
func takeValues(n int) []string {
	for {
		block := values.Load()
		if block != nil {
			if end := block.used.Add(int64(n)); end <= int64(len(block.values)) {
				return block.values[end-int64(n) : end : end]
			}
		}
		if n > len(new(valuesBlock).values) {
			return make([]string, n)
		}
		values.CompareAndSwap(block, new(valuesBlock))
	}
}
