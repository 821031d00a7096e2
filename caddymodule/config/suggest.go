package config

import (
	"cmp"
	"fmt"
	"maps"
	"slices"
	"strings"
)

// suggest returns the word that was probably meant, or all words of the block.
func (w Words) suggest(name string) string {
	known := slices.Sorted(maps.Keys(w))
	nearest := slices.MinFunc(known, func(a, b string) int {
		return cmp.Compare(distance(name, a), distance(name, b))
	})
	if distance(name, nearest) <= max(2, len(name)/3) {
		return fmt.Sprintf("did you mean: %s", w[nearest].Usage)
	}
	return "use one of: " + strings.Join(known, ", ")
}

// distance is the number of bytes to insert, delete or replace to turn a into b
// (Levenshtein).
func distance(a, b string) int {
	row := make([]int, len(b)+1)
	for j := range row {
		row[j] = j
	}
	for i := range len(a) {
		diagonal := row[0]
		row[0] = i + 1
		for j := range len(b) {
			replaced := diagonal
			if a[i] != b[j] {
				replaced++
			}
			diagonal = row[j+1]
			row[j+1] = min(replaced, row[j]+1, diagonal+1)
		}
	}
	return row[len(b)]
}
