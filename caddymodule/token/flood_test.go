package token_test

import (
	"crypto/rand"
	"errors"
	"fmt"
	"runtime"
	"strings"
	"testing"

	"github.com/sessiongate/sessiongate/caddymodule/token"
	"github.com/sessiongate/sessiongate/caddymodule/token/tokentest"
)

const (
	// crowdSize is how many users go on while the verifier is flooded, each with a
	// token of his own. Theirs take half of crowdCache.
	crowdSize, crowdCache = 2_000, 6 << 20
	// leastHits is which part of the crowd's requests the cache must answer, in
	// percent.
	leastHits = 95
	// floodHeap is how much the heap may grow at its peak, in bytes. Measured were
	// 12 MiB, which the collector lets lie about between two of its rounds; the
	// tokens of a flood take twenty times as much together.
	floodHeap = 32 << 20
)

// crowd are users whose tokens the cache knows.
type crowd struct {
	*token.Verifier
	raws        []string
	last        []*token.Verified // what each was answered before
	asked, hits int
}

func newCrowd(t *testing.T, v *token.Verifier, key *tokentest.Key) *crowd {
	t.Helper()
	c := &crowd{Verifier: v, raws: make([]string, crowdSize), last: make([]*token.Verified, crowdSize)}
	for i := range c.raws {
		c.raws[i] = tokentest.Mint(t, key, tokentest.Claims(now, map[string]any{
			"sub": fmt.Sprint("user-", i), "sid": fmt.Sprint("session-", i), "email": "somebody@example.com",
		}))
		c.last[i] = cacheToken(t, v, c.raws[i])
	}
	// They have been here for a while.
	for range 2 * crowdSize {
		c.request(t)
	}
	c.asked, c.hits = 0, 0
	return c
}

// request is one of the next user. It is a hit if the cache answers with the same
// token as before.
func (c *crowd) request(t *testing.T) {
	t.Helper()
	i := c.asked % crowdSize
	verified := mustVerify(t, c.Verifier, c.raws[i])
	c.asked++
	if verified == c.last[i] {
		c.hits++
	}
	c.last[i] = verified
	// The cache counts uses in a goroutine of its own, and drops what it has no time for.
	runtime.Gosched()
}

// check fails the test if the crowd was held up, or the cache is over its bound.
func (c *crowd) check(t *testing.T) {
	t.Helper()
	c.WaitForCache()
	rate := 100 * float64(c.hits) / float64(c.asked)
	t.Logf("the cache answered %.2f %% of the crowd's %d requests, and holds %d of %d bytes", rate, c.asked, c.CacheUsed(), crowdCache)
	if rate < leastHits {
		t.Errorf("the cache answered %.2f %% of the crowd's requests, want %d %%", rate, leastHits)
	}
	if c.CacheUsed() > crowdCache {
		t.Errorf("the cache holds %d bytes, want %d at most", c.CacheUsed(), crowdCache)
	}
}

// heapPeak is how much was taken from the system for the heap so far, in bytes.
func heapPeak() int64 {
	var stats runtime.MemStats
	runtime.ReadMemStats(&stats)
	return int64(stats.HeapSys)
}

// forgery is one way to make any number of tokens that are refused.
type forgery struct {
	make func(i int) string
	want error
}

// forgeries are those that are refused before a signature, under their names.
func forgeries(victim string) map[string]forgery {
	const part = 86 // of a signature of ES256
	noise := strings.Repeat(rand.Text()+rand.Text(), 400)
	random := func(i, size int) string {
		at := i * 31 % (len(noise) - size)
		return noise[at : at+size]
	}
	ours := fmt.Sprintf(`{"iss":%q,"aud":%q,"iat":%d,"exp":%d,"sid":"%%d"}`, tokentest.Issuer, tokentest.Audience, now.Unix(), now.Unix()+300)
	forged := func(header, payload string) func(i int) string {
		header = b64([]byte(header)) + "."
		return func(i int) string { return header + b64(fmt.Appendf(nil, payload, i)) + "." + random(i, part) }
	}
	invalid, malformed := token.ErrInvalid, token.ErrMalformed
	return map[string]forgery{
		"random octets":  {func(i int) string { return random(i, i%300+1) }, malformed},
		"dots":           {func(i int) string { return strings.Repeat(".", max(1, i*i%token.MaxTokenSize>>(i%8))) }, malformed},
		"two parts":      {func(i int) string { return "a." + random(i, part) }, malformed},
		"four parts":     {func(i int) string { return victim + "." + random(i, part) }, malformed},
		"wrong alg":      {forged(`{"alg":"RS256"}`, ours), invalid},
		"alg none":       {forged(`{"alg":"none"}`, ours), invalid},
		"unknown issuer": {forged(`{"alg":"HS256"}`, `{"iss":"https://%d.example"}`), invalid},
		"no issuer":      {forged(`{"alg":"HS256"}`, `{"sid":"%d"}`), invalid},
		"deep":           {forged(`{"alg":"HS256"}`, `{"x%d":`+strings.Repeat("[", 100)), invalid},
		"logout token":   {forged(`{"alg":"HS256","typ":"logout+jwt"}`, ours), invalid},
	}
}

// Attack (P11, F37): a million forged tokens of many kinds, none of them twice, so
// that the cache forgets the users, the memory is gone, or the processor is busy
// with signatures. The cache answers the users as if nothing was; the heap stays
// what it was; and only those are verified that claim to be of our issuer and
// algorithm (invariant 12).
func TestFloodOfForgeriesLeavesTheCacheToItsUsers(t *testing.T) {
	const flood = 1_000_000
	v, key := hmacVerifier(t, func(o *token.Options) { o.CacheBytes = crowdCache })
	c := newCrowd(t, v, key)
	cached := len(v.Cached())
	kinds := forgeries(c.raws[0])
	names := make([]string, 0, len(kinds))
	for name := range kinds {
		names = append(names, name)
	}
	signatures := token.CountSignatures(t)
	used, peak := heap(), heapPeak()
	for i := range flood {
		kind := kinds[names[i%len(names)]]
		if verified, err := v.Verify(kind.make(i/len(names)), now); verified != nil || !errors.Is(err, kind.want) {
			t.Fatalf("%s: got token %t, error %v, want %v", names[i%len(names)], verified != nil, err, kind.want)
		}
		if i%20 == 0 {
			c.request(t)
		}
	}
	used, peak = heap()-used, heapPeak()-peak
	t.Logf("the heap grew by %d bytes, and by %d at its peak", used, peak)
	if used > floodHeap || peak > floodHeap {
		t.Errorf("the heap grew by %d bytes, and by %d at its peak, want %d at most", used, peak, floodHeap)
	}
	if n := signatures(); n > 0 {
		t.Errorf("%d signatures were verified", n)
	}
	c.check(t)
	if len(v.Cached()) != cached {
		t.Errorf("the cache holds %d tokens, want %d", len(v.Cached()), cached)
	}
}

// ownClaims are claims of our issuer, for a session of that number.
func ownClaims(subject string, session int) string {
	return fmt.Sprintf(`{"iss":%q,"aud":%q,"sub":%q,"sid":"%d","iat":%d,"exp":%d}`,
		tokentest.Issuer, tokentest.Audience, subject, session, now.Unix(), now.Unix()+300)
}

// Attack: forged tokens of our issuer and algorithm, half of them with a signature
// of their own and half with that of a user, by whose end the cache finds the
// user's token. Each is verified and refused, and the user's stays where it is.
func TestFloodOfForgedSignaturesLeavesTheCacheToItsUsers(t *testing.T) {
	const flood = 100_000
	v, key := hmacVerifier(t, func(o *token.Options) { o.CacheBytes = crowdCache })
	c := newCrowd(t, v, key)
	used := v.CacheUsed()
	signatures := token.CountSignatures(t)
	header, noise := b64([]byte(`{"alg":"HS256"}`))+".", strings.Repeat(rand.Text(), 100)
	for i := range flood {
		victim := c.raws[i%crowdSize]
		signature := victim[strings.LastIndex(victim, "."):]
		if i%2 == 0 {
			at := i % (len(noise) - 42)
			signature = "." + noise[at:at+42] + "A"
		}
		mustRefuse(t, v, header+b64([]byte(ownClaims("mallory", i)))+signature, token.ErrInvalid)
		if i%10 == 0 {
			c.request(t)
		}
	}
	if n := signatures(); n != flood {
		t.Errorf("%d signatures were verified, want %d", n, flood)
	}
	c.check(t)
	if v.CacheUsed() != used {
		t.Errorf("the cache holds %d bytes, want %d as before", v.CacheUsed(), used)
	}
}

// Attack: one account, and an issuer that gives it a new token as often as it asks:
// five genuine ones, used once each, for each request of all others together.
// While there is room they get it; then they push out few, and the regular users'
// tokens stay.
func TestFloodOfOneAccountLeavesTheCacheToTheOthers(t *testing.T) {
	const flood = 50_000
	v, key := hmacVerifier(t, func(o *token.Options) { o.CacheBytes = crowdCache })
	c := newCrowd(t, v, key)
	header := b64([]byte(`{"alg":"HS256"}`)) + "."
	for i := range flood {
		signed := header + b64([]byte(ownClaims("mallory", i)))
		mustVerify(t, v, signed+"."+b64(key.Sign(t, signed)))
		if i%5 == 0 {
			c.request(t)
		}
		// Without it the cache drops what it is offered, which would be no attack.
		if i%100 == 0 {
			v.WaitForCache()
		}
	}
	c.check(t)
	if used := v.CacheUsed(); used < crowdCache*9/10 {
		t.Errorf("the cache holds %d bytes, want nearly %d: the account did not get the room that there was", used, crowdCache)
	}
}
