package token

import "strings"

// SetHash replaces the hash of the cache, to make tokens collide.
func (v *Verifier) SetHash(hash func(raw string) uint64) { v.cache.hash = hash }

// WaitForCache waits until the cache has decided about all earlier sets.
func (v *Verifier) WaitForCache() { v.cache.tokens.Wait() }

// CacheUsed returns the cost of the cached tokens, in bytes.
func (v *Verifier) CacheUsed() int64 {
	return v.cache.tokens.MaxCost() - v.cache.tokens.RemainingCost()
}

// Cached returns the verified tokens that the cache holds.
func (v *Verifier) Cached() (cached []*Verified) {
	v.cache.tokens.IterValues(func(t *Verified) (stop bool) {
		cached = append(cached, t)
		return false
	})
	return cached
}

// Size returns the cost of the token in the cache.
func (t *Verified) Size() int64 { return t.size() }

// Cache sets the token in the cache once more.
func (v *Verifier) Cache(t *Verified, now int64) { v.cache.set(v.cache.hash(t.raw), t, now) }

// WaitForSweep waits until the running sweeps have ended.
func (v *Verifier) WaitForSweep() { v.cache.sweeps.Wait() }

// WithRaw returns a token with the same claims and another text.
func (t *Verified) WithRaw(raw string) *Verified {
	return &Verified{
		Issuer: t.Issuer, Subject: t.Subject, SessionID: t.SessionID, TokenID: t.TokenID,
		claims: t.claims, scopes: t.scopes, views: t.views, sites: t.sites, raw: raw, source: t.source,
	}
}

// Raw returns the text of the token.
func (t *Verified) Raw() string { return t.raw }

// Parts holds the parts of a token whose signature may be verified.
type Parts struct {
	Header, Payload, Signature []byte
	Signed, Algorithm, KeyID   string
}

// Parse does the steps that need no key.
func Parse(raw string) (Parts, error) {
	j, err := parseJWS(raw, accessTokenTypes)
	if err != nil {
		return Parts{}, err
	}
	if err := j.header.checkNames(); err != nil {
		return Parts{}, err
	}
	parsed := Parts{Signed: j.signed, Algorithm: j.header.algorithm, KeyID: j.header.keyID}
	header, _, _ := strings.Cut(j.signed, ".")
	for _, part := range []struct {
		encoded string
		decoded *[]byte
	}{{header, &parsed.Header}, {j.payload, &parsed.Payload}, {j.signature, &parsed.Signature}} {
		if *part.decoded, err = decode("part", part.encoded); err != nil {
			return Parts{}, err
		}
	}
	return parsed, nil
}
