package token

import (
	"fmt"
	"log/slog"
	"slices"
	"sync"
	"sync/atomic"
	"time"

	"github.com/sessiongate/sessiongate/caddymodule/credential"
)

// DefaultMaxTokenLifetime is the longest accepted lifetime of a token, unless Options say
// otherwise.
const DefaultMaxTokenLifetime = 24 * time.Hour

// The size of the longest access token or logout token that is accepted, in bytes: unless
// Options say otherwise, and at most.
const (
	DefaultTokenSize = 8 << 10
	MaxTokenSize     = credential.MaxSize
)

// Options configure a Verifier.
type Options struct {
	// Namespace is the namespace of the fleet. It is part of every revocation key.
	Namespace string
	// Issuers lists the trusted issuers: at least one, each named once.
	Issuers []IssuerOptions
	// Leeway is how far the issuers' clocks may be off. It extends `exp`. `iat` and `nbf`
	// may be ahead by it. It is rounded up to whole seconds. Default: none.
	Leeway time.Duration
	// MaxTokenLifetime bounds exp - iat. Default: DefaultMaxTokenLifetime.
	MaxTokenLifetime time.Duration
	// MaxTokenSize bounds the text of access tokens and logout tokens, in bytes, up to the
	// constant MaxTokenSize. Default: DefaultTokenSize.
	MaxTokenSize int
	// CacheBytes bounds the memory of the cache of verified tokens, at least
	// MinCacheBytes; ristretto's fixed parts take about 1 MiB more. Default:
	// DefaultCacheBytes.
	CacheBytes int64
	// Logger receives a debug line for each refused token. Default: none.
	Logger *slog.Logger
	// Counters count what became of tokens. Default: its own.
	Counters *Counters
}

// Verifier verifies tokens. Its methods may be called concurrently.
type Verifier struct {
	namespace string
	issuers   []*issuer
	named     map[string]*issuer // those without a wildcard
	nameless  *issuer            // the issuer of tokens without `iss`, or nil
	leeway    int64              // seconds
	lifetime  int64              // seconds
	longest   int                // bytes
	cache     *cache
	logger    *slog.Logger
	counters  *Counters

	adding sync.Mutex
	added  atomic.Pointer[added]
	watch  watch
}

// NewVerifier returns a verifier, which the caller has to close. It fails on contradictory
// options: an issuer named twice, or without keys or audience, two issuers of one
// token, or an algorithm that is unknown or that no key of the issuer can verify.
func NewVerifier(options Options) (*Verifier, error) {
	v := &Verifier{
		namespace: options.Namespace,
		named:     make(map[string]*issuer, len(options.Issuers)),
		leeway:    int64((options.Leeway + time.Second - 1) / time.Second),
		lifetime:  int64(options.MaxTokenLifetime / time.Second),
		longest:   options.MaxTokenSize,
		logger:    options.Logger,
		counters:  options.Counters,
	}
	if v.longest == 0 {
		v.longest = DefaultTokenSize
	}
	if v.logger == nil {
		v.logger = slog.New(slog.DiscardHandler)
	}
	if v.counters == nil {
		v.counters = new(Counters)
	}
	if options.MaxTokenLifetime == 0 {
		v.lifetime = int64(DefaultMaxTokenLifetime / time.Second)
	}
	switch {
	case len(options.Issuers) == 0:
		return nil, fmt.Errorf("creating verifier: no issuer")
	case options.Leeway < 0:
		return nil, fmt.Errorf("creating verifier: negative leeway %s", options.Leeway)
	case v.longest < 0 || v.longest > MaxTokenSize:
		return nil, fmt.Errorf("creating verifier: tokens of %d bytes, want %d at most", v.longest, MaxTokenSize)
	case v.lifetime < 1:
		return nil, fmt.Errorf("creating verifier: maximum token lifetime of %s", options.MaxTokenLifetime)
	}
	for _, issuerOptions := range options.Issuers {
		if err := v.addIssuer(issuerOptions); err != nil {
			return nil, fmt.Errorf("creating verifier: %w", err)
		}
	}
	v.added.Store(new(added))
	var err error
	if v.cache, err = newCache(options.CacheBytes); err != nil {
		return nil, fmt.Errorf("creating verifier: %w", err)
	}
	return v, nil
}

// TokenSize returns the size of the longest access token that is accepted, in bytes.
func (v *Verifier) TokenSize() int { return v.longest }

// parse is parseJWS for a token that may not be longer than those that the gate accepts.
//
// Attack: a token of 60 KiB at each request, which the gate has to hash and to decode.
func (v *Verifier) parse(raw string, types []string) (jws, error) {
	if len(raw) > v.longest {
		return jws{}, fmt.Errorf("splitting token: %d bytes, more than max_token_size %d: %w", len(raw), v.longest, ErrMalformed)
	}
	return parseJWS(raw, types)
}

// AddView adds the placeholders of one gate: the standard ones, and one for each of the
// named claims. A name is that of a top-level claim, or else a dotted path to a claim, such as
// `realm_access.roles`. The verifier warns of names that no token has. AddView returns the
// index of the view for Verified.View and Verified.Texts. The same claims, in any order, have
// the same index. Tokens that Verify returned before do not have the view, so add views before
// serving requests.
func (v *Verifier) AddView(claims []string) int {
	wanted := slices.Clone(claims)
	slices.Sort(wanted)
	wanted = slices.Compact(wanted)

	v.adding.Lock()
	defer v.adding.Unlock()
	old := v.added.Load()
	for i, claims := range old.views {
		if slices.Equal(claims, wanted) {
			return i
		}
	}
	grown := old.grow()
	grown.views = append(grown.views, wanted)
	grown.reads.add(wanted...)
	v.added.Store(grown)
	v.watch.add(wanted)
	return len(old.views)
}

// Lookup returns the token that Verify would find in its cache, or nil. It checks nothing, so it
// is for people who watch, and decides nothing.
func (v *Verifier) Lookup(raw string) *Verified {
	if t := v.cache.get(v.cache.hash(raw), raw); t != nil && t.fresh(v.added.Load()) {
		return t
	}
	return nil
}

// Verify returns the verified token of a credential, or an error that wraps ErrMalformed,
// ErrInvalid, ErrExpired or ErrUnavailable. ErrExpired means that only the time is wrong.
// ErrUnavailable means that the keys are not available now. The error of a token that one of the
// issuers has signed is a *SignedError, and that of another one that names it a *ClaimedError.
//
// It never waits. A cached token costs a hash, a look-up and a comparison, and no
// allocation; for others, a signature is verified. After Close it works without the cache.
func (v *Verifier) Verify(raw string, now time.Time) (*Verified, error) {
	t, err := v.accept(raw, now)
	if err != nil {
		v.counters.refused.Add(1)
	}
	return t, err
}

// accept is Verify without the count of refused tokens.
func (v *Verifier) accept(raw string, now time.Time) (*Verified, error) {
	added := v.added.Load()
	hash := v.cache.hash(raw)
	if t := v.cache.get(hash, raw); t != nil && t.fresh(added) {
		if err := t.checkTime(now.Unix()); err != nil {
			return nil, t.refused(err)
		}
		v.counters.hit(hash)
		return t, nil
	}
	t, err := v.verify(raw, now.Unix(), nil)
	if err != nil {
		v.logger.Debug("token refused", "error", err)
		return nil, err
	}
	v.counters.verified.Add(1)
	v.watch.note(t, v.logger)
	t.noteSession(v.logger)
	v.cache.set(hash, t, now.Unix())
	return t, nil
}

// Close ends the verifier's goroutines and empties its cache. It does not close the sources of
// keys. It may be called more than once.
func (v *Verifier) Close() { v.cache.close() }
