// Package strictjsontest holds the reference for the depth of JSON that tests compare
// readers with. It uses encoding/json, and nothing of strictjson.
package strictjsontest

import (
	"encoding/json"
	"strings"
)

// Depth returns how deep a document is nested, up to its first fault: 0 for a scalar.
func Depth(doc string) int {
	decoder := json.NewDecoder(strings.NewReader(doc))
	deepest, level := 0, 0
	for {
		switch part, err := decoder.Token(); {
		case err != nil:
			return deepest
		case part == json.Delim('{') || part == json.Delim('['):
			level++
			deepest = max(deepest, level)
		case part == json.Delim('}') || part == json.Delim(']'):
			level--
		}
	}
}
