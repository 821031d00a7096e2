package metrics

import (
	"sync"
	"time"

	"github.com/sessiongate/sessiongate/caddymodule/keys"
)

// keys shows the keys of the issuers.
func (c *Collector) keys(s sink) {
	for _, issuer := range c.o.Issuers {
		places, fetched := c.o.Counts.fetches.see(issuer)
		held, oldest, loaded := 0, time.Duration(0), true
		for _, place := range places {
			held, oldest, loaded = held+place.Keys, max(oldest, place.Age), loaded && place.Loaded
		}
		s.show(keysHeld, float64(held), issuer.Name)
		if loaded {
			s.show(keysAge, oldest.Seconds(), issuer.Name)
		}
		s.count(keyFetchesTotal, fetched.good, issuer.Name, "ok")
		s.count(keyFetchesTotal, fetched.failed, issuer.Name, "failed")
	}
}

// fetches keeps the counts of fetches of each issuer, as the last scrape saw them. A key set
// counts its own fetches, and begins at zero when a reload brings it back, or moves it to another
// address. The zero fetches are ready. The memory is bounded by what operators configure.
type fetches struct {
	mu sync.Mutex
	of map[string]map[source]*tally
}

// source is one place of keys.
type source struct {
	kind  keys.Kind
	place string
}

// fetched is how many fetches were good, and how many failed.
type fetched struct{ good, failed uint64 }

func (f fetched) plus(more fetched) fetched {
	return fetched{f.good + more.good, f.failed + more.failed}
}

// tally follows the counts of a place, and goes on when they begin at zero again.
type tally struct{ before, last fetched }

func (t *tally) see(now fetched) {
	if now.good < t.last.good || now.failed < t.last.failed {
		t.before = t.before.plus(t.last)
	}
	t.last = now
}

func (t *tally) sum() fetched { return t.before.plus(t.last) }

// see reads the state of the keys of an issuer. It returns it, and the sum of all fetches that
// the issuer ever had. It reads under the lock: what is read earlier must not be taken later.
func (f *fetches) see(i Issuer) (places []keys.Status, sum fetched) {
	f.mu.Lock()
	defer f.mu.Unlock()
	places = keys.StatusOf(i.Keys)
	return places, f.sum(i.Name, places)
}

// sum takes the present counts of an issuer, and returns the sum. The caller holds mu.
func (f *fetches) sum(issuer string, places []keys.Status) (sum fetched) {
	if f.of == nil {
		f.of = make(map[string]map[source]*tally)
	}
	of := f.of[issuer]
	if of == nil {
		of = make(map[source]*tally)
		f.of[issuer] = of
	}
	// Two key sets with different queries have one place.
	now := make(map[source]fetched)
	for _, place := range places {
		if place.Fetched {
			at := source{place.Kind, place.Place}
			now[at] = now[at].plus(fetched{place.Good, place.Failed})
		}
	}
	for at, counts := range now {
		if of[at] == nil {
			of[at] = new(tally)
		}
		of[at].see(counts)
	}
	for _, t := range of {
		sum = sum.plus(t.sum())
	}
	return sum
}
