// Package costtest counts the work of a gate in units that do not depend on the
// machine. The test of tests/cost puts calls of it into a copy of the gate's code.
package costtest

import (
	"bytes"
	"strings"
	"sync/atomic"
)

var scanned, hashed atomic.Int64

// Take returns the work since its last call. The first number is how many bytes the
// standard library scanned or copied, plus the number of loop iterations. The second is how
// many bytes were hashed or verified.
func Take() (scannedBytes, hashedBytes int64) { return scanned.Swap(0), hashed.Swap(0) }

// Loop counts one iteration of a loop.
func Loop() { scanned.Add(1) }

// Scan counts an argument of a function that reads it once, and returns it.
func Scan[T any](v T) T {
	scanned.Add(size(v))
	return v
}

// Hash counts an argument of a function that hashes or verifies it, and returns it.
func Hash[T any](v T) T {
	hashed.Add(size(v))
	return v
}

// size returns the number of bytes of a text, and 0 for other arguments.
func size[T any](v T) int64 {
	switch text := any(v).(type) {
	case string:
		return int64(len(text))
	case []byte:
		return int64(len(text))
	}
	return 0
}

// The functions below count the bytes that the functions of the packages strings and bytes
// read before they stop.

// IndexByte is strings.IndexByte.
func IndexByte(s string, c byte) int { return upTo(strings.IndexByte(s, c), s) }

// BytesIndexByte is bytes.IndexByte.
func BytesIndexByte(b []byte, c byte) int {
	index := bytes.IndexByte(b, c)
	if index < 0 {
		scanned.Add(int64(len(b)))
	} else {
		scanned.Add(int64(index + 1))
	}
	return index
}

// Index is strings.Index.
func Index(s, substr string) int { return upTo(strings.Index(s, substr), s) }

// IndexAny is strings.IndexAny.
func IndexAny(s, chars string) int { return upTo(strings.IndexAny(s, chars), s) }

// Contains is strings.Contains.
func Contains(s, substr string) bool { return Index(s, substr) >= 0 }

// ContainsAny is strings.ContainsAny.
func ContainsAny(s, chars string) bool { return IndexAny(s, chars) >= 0 }

// ContainsRune is strings.ContainsRune.
func ContainsRune(s string, r rune) bool { return upTo(strings.IndexRune(s, r), s) >= 0 }

// Cut is strings.Cut.
func Cut(s, sep string) (before, after string, found bool) {
	before, after, found = strings.Cut(s, sep)
	scanned.Add(int64(len(before) + 1))
	return before, after, found
}

// Trim is strings.Trim.
func Trim(s, cutset string) string { return trimmed(s, strings.Trim(s, cutset)) }

// TrimLeft is strings.TrimLeft.
func TrimLeft(s, cutset string) string { return trimmed(s, strings.TrimLeft(s, cutset)) }

// TrimRight is strings.TrimRight.
func TrimRight(s, cutset string) string { return trimmed(s, strings.TrimRight(s, cutset)) }

// EqualFold is strings.EqualFold.
func EqualFold(s, t string) bool {
	scanned.Add(int64(min(len(s), len(t)) + 1))
	return strings.EqualFold(s, t)
}

// upTo counts the bytes that were read up to an index, or to the end.
func upTo(index int, s string) int {
	if index < 0 {
		scanned.Add(int64(len(s)))
	} else {
		scanned.Add(int64(index + 1))
	}
	return index
}

// trimmed counts the bytes that were removed.
func trimmed(before, after string) string {
	scanned.Add(int64(len(before) - len(after) + 1))
	return after
}
