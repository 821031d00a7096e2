package operator

import (
	"encoding/hex"
	"encoding/json"
	"errors"
	"strconv"
	"strings"

	"github.com/sessiongate/sessiongate/caddymodule/strictjson"
	"github.com/sessiongate/sessiongate/store"
)

const (
	// DefaultLines is how many lines a list has if the call has no `limit`.
	DefaultLines = 100
	// maxLines is how many lines a list has at most.
	maxLines = 1000
)

// page is which part of a list is asked for.
type page struct {
	limit int
	// after is what the page before called next: the prefix of a key, and how many
	// lines with that prefix there were already. Empty for the first page. It is in
	// addresses, which are logged, so that it is no whole key.
	after string
	from  store.Key
	skip  int
}

// parameters adds those of a page to others.
func (p *page) parameters(more parameters) parameters {
	p.limit = DefaultLines
	more["limit"] = numberMember(&p.limit, maxLines)
	more["after"] = func(value json.RawMessage) error {
		text, ok := strictjson.Text(value)
		prefix, skip, _ := strings.Cut(text, ".")
		raw, err := hex.DecodeString(prefix)
		if err == nil {
			p.skip, err = strconv.Atoi(skip)
		}
		if !ok || err != nil || len(raw) != prefixSize || p.skip < 1 || p.skip > maxSkip {
			return errors.New("it has to be what the page before calls next")
		}
		p.after = text
		copy(p.from[:], raw)
		return nil
	}
	return more
}

const (
	// prefixSize is how many bytes of a key may be shown.
	prefixSize = 4
	// maxSkip bounds how many lines are skipped that share a prefix.
	maxSkip = 1 << 16
)

// next is what the page after these keys begins after, the last page's beginning
// included.
func (p *page) next(keys []store.Key) string {
	last, n := keys[len(keys)-1], 0
	for _, k := range keys {
		if k.String() == last.String() {
			n++
		}
	}
	if n == len(keys) && p.after != "" && p.from.String() == last.String() {
		n += p.skip
	}
	return last.String() + "." + strconv.Itoa(n)
}
