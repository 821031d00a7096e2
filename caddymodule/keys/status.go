package keys

import (
	"sync/atomic"
	"time"
)

// Kind says what a place of keys is, by the word of the configuration.
type Kind string

// The kinds of places.
const (
	KindJWKS      Kind = "jwks"        // the URL of a key set
	KindDiscover  Kind = "discover"    // an issuer whose discovery document names the key set
	KindJWKSFile  Kind = "jwks_file"   // a file with a key set
	KindPublicKey Kind = "public_key"  // PEM files
	KindSecret    Kind = "hmac_secret" // secrets
)

// Status is the state of the keys of one place, at one moment. Nothing in it is secret.
type Status struct {
	// Kind is what the place is.
	Kind Kind
	// Place is the URL of the key set without its query, the issuer to discover, or the name
	// of the file. "" for PEM files and secrets.
	Place string
	// Keys is how many keys verify signatures now. It is 0 until they were loaded, and again
	// after they have lapsed.
	Keys int
	// Fetched reports whether the keys are fetched. If not, they were read with the
	// configuration and never change: the fields below say nothing but Loaded.
	Fetched bool
	// Loaded reports whether there ever were keys.
	Loaded bool
	// Lapsed reports whether there were keys, and the last good fetch is more than 24 h ago.
	Lapsed bool
	// Age is the time since the last good fetch. A suspend and a wall clock that is set back
	// do not make it shorter. 0 before the first one.
	Age time.Duration
	// Error says why the last fetch failed, in one line for people. "" if it has not.
	Error string
	// Next is when the next fetch begins, unless a token makes it begin earlier. Zero while a
	// fetch is running, before Start and after Close.
	Next time.Time
	// Good and Failed count the fetches that ended, since the source was made.
	Good, Failed uint64
}

// StatusOf returns the state of each place of a source, in the order in which they were
// joined. It returns nothing for sources that this package did not make. It may be called
// concurrently, waits for nothing, and is quick enough for probes.
func StatusOf(source Source) []Status {
	if s, ok := source.(interface{ status() []Status }); ok {
		return s.status()
	}
	return nil
}

// record is what the fetches of a Remote leave for Status. run writes it.
type record struct {
	good, failed atomic.Uint64
	next         atomic.Int64 // when the next fetch begins, in Unix nanoseconds; 0 for none
	confirmed    atomic.Int64 // on the stopwatch: the last good fetch, in nanoseconds
}

// setNext notes when the next fetch begins.
func (r *record) setNext(at time.Time) { r.next.Store(at.UnixNano()) }

// begin notes that a fetch begins, or that there will be none.
func (r *record) begin() { r.next.Store(0) }

// status implements StatusOf.
func (k *Remote) status() []Status {
	s := Status{
		Kind: KindJWKS, Place: k.source(), Fetched: true,
		Error: k.outage.Load().why, Good: k.record.good.Load(), Failed: k.record.failed.Load(),
	}
	if k.options.Discover != "" {
		s.Kind = KindDiscover
	}
	if next := k.record.next.Load(); next != 0 {
		s.Next = time.Unix(0, next)
	}
	// The age is read after the instant from which it counts, so it is never negative.
	confirmed := time.Duration(k.record.confirmed.Load())
	if set := k.current.Load(); set != nil {
		s.Loaded, s.Lapsed, s.Age = true, set.lapsed, k.stopwatch.peek()-confirmed
		if !set.lapsed {
			s.Keys = len(set.keys)
		}
	}
	return []Status{s}
}

// status implements StatusOf.
func (f keyFile) status() []Status {
	return []Status{{Kind: KindJWKSFile, Place: f.place, Keys: len(f.keys), Loaded: true}}
}

// status implements StatusOf.
func (s static) status() []Status {
	kind := KindPublicKey
	if _, secret := s[0].([]byte); secret {
		kind = KindSecret
	}
	return []Status{{Kind: kind, Keys: len(s), Loaded: true}}
}

// status implements StatusOf.
func (j joined) status() (all []Status) {
	for _, p := range j {
		all = append(all, StatusOf(p.Source)...)
	}
	return all
}
