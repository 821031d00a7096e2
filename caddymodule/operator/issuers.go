package operator

import (
	"fmt"
	"strings"
	"time"

	"github.com/sessiongate/sessiongate/caddymodule/keys"
)

// IssuerKeys are the configured keys of one issuer.
type IssuerKeys struct {
	// Issuer is its `iss`.
	Issuer string
	// Source holds the keys.
	Source keys.Source
	// Optional reports whether the gate starts, and is ready, without them (keys_optional).
	Optional bool
}

// Issuer is the state of the keys of one issuer. Nothing in it is secret.
type Issuer struct {
	// Issuer is its `iss`.
	Issuer string `json:"issuer"`
	// Keys is how many keys verify its tokens now. With none, each of its tokens is 503.
	Keys int `json:"keys"`
	// Loaded reports whether the issuer ever had keys here.
	Loaded bool `json:"loaded"`
	// Optional reports whether the issuer has keys_optional.
	Optional bool `json:"keys_optional,omitempty"`
	// Sources are the places of its keys.
	Sources []KeySource `json:"sources"`
}

// KeySource is the state of the keys of one place.
type KeySource struct {
	// Kind is the word of the configuration: jwks, discover, jwks_file, public_key or
	// hmac_secret.
	Kind string `json:"kind"`
	// Place is a URL without its query, the issuer to discover, or the name of a file.
	Place string `json:"place,omitempty"`
	// Keys is how many keys of the place verify tokens now.
	Keys int `json:"keys"`
	// AgeSeconds is the time since the last good fetch. Absent without one, and if the keys
	// are not fetched.
	AgeSeconds *Seconds `json:"age_seconds,omitempty"`
	// Lapsed reports whether the last good keys are too old to be used.
	Lapsed bool `json:"lapsed,omitempty"`
	// Error says why the last fetch failed. Absent if it did not.
	Error string `json:"error,omitempty"`
	// NextSeconds is when the gate fetches again. Absent while it fetches, and if the keys
	// are not fetched.
	NextSeconds *Seconds `json:"next_fetch_seconds,omitempty"`
}

// issuersOf returns the state of the keys of all issuers now.
func issuersOf(configured []IssuerKeys) (all []Issuer) {
	for _, c := range configured {
		issuer := Issuer{Issuer: c.Issuer, Optional: c.Optional}
		for _, status := range keys.StatusOf(c.Source) {
			issuer.Keys += status.Keys
			issuer.Loaded = issuer.Loaded || status.Loaded
			issuer.Sources = append(issuer.Sources, sourceOf(status))
		}
		all = append(all, issuer)
	}
	return all
}

func sourceOf(status keys.Status) KeySource {
	s := KeySource{Kind: string(status.Kind), Place: status.Place, Keys: status.Keys, Lapsed: status.Lapsed, Error: status.Error}
	if status.Fetched && status.Loaded {
		s.AgeSeconds = new(secondsOf(status.Age))
	}
	if !status.Next.IsZero() {
		s.NextSeconds = new(secondsOf(max(0, time.Until(status.Next))))
	}
	return s
}

// fetched reports whether the keys of the place are fetched, and whether there ever were any.
func (s KeySource) fetched() (fetched, loaded bool) {
	return s.Kind == string(keys.KindJWKS) || s.Kind == string(keys.KindDiscover), s.AgeSeconds != nil
}

// String says in words where the keys are, how many there are, and how fresh they are.
func (s KeySource) String() string {
	text := s.Kind
	if s.Place != "" {
		text += " " + s.Place
	}
	text += ": "
	fetched, loaded := s.fetched()
	switch {
	case !fetched:
		return text + counted(s.Keys)
	case !loaded:
		text += "never loaded"
	case s.Lapsed:
		text += fmt.Sprintf("lapsed, fetched %v ago", rounded(*s.AgeSeconds))
	default:
		text += fmt.Sprintf("%s, fetched %v ago", counted(s.Keys), rounded(*s.AgeSeconds))
	}
	if s.NextSeconds == nil {
		return text + ", fetching now"
	}
	return text + fmt.Sprintf(", next try in %v", rounded(*s.NextSeconds))
}

func rounded(s Seconds) time.Duration { return s.Duration().Round(time.Second) }

func counted(n int) string {
	switch n {
	case 0:
		return "no keys"
	case 1:
		return "1 key"
	default:
		return fmt.Sprintf("%d keys", n)
	}
}

// WithoutKeys returns the issuers that have no keys now. Each of their tokens is 503.
func (s State) WithoutKeys() []Issuer {
	return s.issuers(func(i Issuer) bool { return i.Keys == 0 })
}

// Awaited returns the issuers that never had keys, but for those with keys_optional. The gate
// has not started before there is none.
func (s State) Awaited() []Issuer {
	return s.issuers(func(i Issuer) bool { return !i.Loaded && !i.Optional })
}

// Missed returns the issuers that have no keys now, but for those with keys_optional.
func (s State) Missed() []Issuer {
	return s.issuers(func(i Issuer) bool { return i.Keys == 0 && !i.Optional })
}

func (s State) issuers(which func(Issuer) bool) (found []Issuer) {
	for _, issuer := range s.Issuers {
		if which(issuer) {
			found = append(found, issuer)
		}
	}
	return found
}

// maxNamed is how many issuers a sentence names.
const maxNamed = 3

// Names lists issuers in words. The list is bounded.
func Names(issuers []Issuer) string {
	var names []string
	for i, issuer := range issuers {
		if i == maxNamed {
			names = append(names, fmt.Sprintf("%d more", len(issuers)-maxNamed))
			break
		}
		names = append(names, issuer.Issuer)
	}
	if last := len(names) - 1; last > 0 {
		return strings.Join(names[:last], ", ") + " and " + names[last]
	}
	return strings.Join(names, "")
}
