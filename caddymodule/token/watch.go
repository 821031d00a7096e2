package token

import (
	"log/slog"
	"maps"
	"slices"
	"sync"
	"sync/atomic"
)

// watchedTokens is after how many tokens a claim counts as one that no token has.
const watchedTokens = 100

// watch finds names of the configuration that are no claims of the issuers' tokens: a
// misspelt name leaves a header or a placeholder empty, and nothing else tells. It looks at
// the first tokens that are verified, so a cached token costs nothing.
type watch struct {
	over atomic.Bool // there is nothing to look for

	mu     sync.Mutex
	left   map[string]struct{} // the names that no token had yet
	tokens int
}

// add adds names to look for, and begins to count again.
func (w *watch) add(names []string) {
	w.mu.Lock()
	defer w.mu.Unlock()
	if w.left == nil {
		w.left = make(map[string]struct{}, len(names))
	}
	for _, name := range names {
		w.left[name] = struct{}{}
	}
	w.tokens = 0
	w.over.Store(false)
}

// note looks at the claims of a token that was just verified. It warns once of each name that
// none of the first tokens has.
func (w *watch) note(t *Verified, logger *slog.Logger) {
	if w.over.Load() {
		return
	}
	w.mu.Lock()
	defer w.mu.Unlock()
	for _, v := range t.views {
		for i, name := range v.names {
			if v.texts[i].OK {
				delete(w.left, name)
			}
		}
	}
	if w.tokens++; w.tokens < watchedTokens && len(w.left) > 0 {
		return
	}
	for _, name := range slices.Sorted(maps.Keys(w.left)) {
		logger.Warn("none of the first 100 tokens has a claim that identity or claims names; "+
			"its header is not set, and its placeholder is empty; look at a token, and correct the name", "claim", name)
	}
	clear(w.left)
	w.over.Store(true)
}
