package operator

import (
	"encoding/hex"
	"encoding/json"
	"errors"
	"strconv"
	"strings"

	"github.com/sessiongate/sessiongate/caddymodule/strictjson"
)

const (
	// DefaultLines is how many lines a list has if the call has no `limit`.
	DefaultLines = 100
	// maxLines is how many lines a list has at most.
	maxLines = 1000
	// prefixSize is how many bytes of a key may be shown.
	prefixSize = 4
)

// page is the requested part of a list.
type page struct {
	limit int
	// after is the `next` of the previous page: see nextOf. "" is the first page.
	after string
}

// parameters adds the parameters of a page to others.
func (p *page) parameters(more parameters) parameters {
	p.limit = DefaultLines
	more["limit"] = numberMember(&p.limit, maxLines)
	more["after"] = func(value json.RawMessage) error {
		text, ok := strictjson.Text(value)
		prefix, occurrence, _ := strings.Cut(text, ".")
		raw, notHex := hex.DecodeString(prefix)
		n, notNumber := strconv.Atoi(occurrence)
		if !ok || notHex != nil || notNumber != nil || len(raw) != prefixSize || n < 1 {
			return errors.New("want the `next` value of the previous page")
		}
		p.after = text
		return nil
	}
	return more
}

// nextOf returns the `next` of a page whose lines are given as the prefixes of their keys.
// It holds the prefix of the last line, and how many lines up to there have that prefix. It
// occurs in URLs, which Caddy logs, so it holds no whole key.
func nextOf(lines []string) string {
	last, n := lines[len(lines)-1], 0
	for _, line := range lines {
		if line == last {
			n++
		}
	}
	return last + "." + strconv.Itoa(n)
}

// lineOf returns the index of the line that nextOf stands for, and -1 if there is none.
func lineOf(lines []string, next string) int {
	for i, line := range lines {
		if strings.HasPrefix(next, line+".") && nextOf(lines[:i+1]) == next {
			return i
		}
	}
	return -1
}
