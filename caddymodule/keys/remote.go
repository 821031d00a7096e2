package keys

import (
	"context"
	"fmt"
	"log/slog"
	"sync"
	"sync/atomic"
	"time"
)

// RemoteOptions say where an issuer publishes its keys. Exactly one of URL and
// Discover is given.
type RemoteOptions struct {
	// URL is that of a JSON Web Key Set (RFC 7517 §5).
	URL string
	// Discover is the issuer whose OpenID Connect discovery document names the
	// key set. The document's `issuer` has to be exactly this one.
	Discover string
	// InsecureHTTP allows plain http to hosts other than this machine. Whoever
	// is on the way can then make tokens. Default: false.
	InsecureHTTP bool
	// Logger gets a line when keys were loaded first or changed, when fetching
	// begins to fail, and for keys that are ignored. Default: none.
	Logger *slog.Logger
}

// Remote are the keys that an issuer publishes. They are fetched in the
// background, by one goroutine, and no request ever waits for it:
//
//   - from Start on, again and again after 1 to 30 s until they are there;
//   - then every ten minutes, and after a failure within 5 to 30 s; meanwhile
//     the last good keys stay in force;
//   - when a token names an unknown `kid`, at most once in 5 s however many
//     there are. That token is refused; the next one finds the new key;
//   - and when a token names a key that is known and did not sign it: at first
//     as quickly, then ever more rarely, down to once a minute, until a key
//     changes. So an issuer may replace a key under its old `kid`.
//
// The last good keys stay in force for 24 h and no longer: whoever keeps the
// gate away from the issuer must not keep alive a key that the issuer has
// withdrawn. Then Verify returns ErrUnavailable for every token of the issuer,
// also for those verified before, until a fetch succeeds. A warning is logged
// after 12 h, and an error at the end. The 24 h begin with the last good fetch,
// and neither a suspend nor a step of the wall clock back makes them longer; a
// step forward makes them shorter.
//
// A fetch is good if it yields a key set with a usable key. Unusable keys are
// left out, and a warning names why: keys for encryption, weak ones (RSA below
// 2048 bits), types and curves that are not supported (RSA over 4096 bits is
// one), keys that are not strict JSON. A private key is left out, and the public
// key that belongs to it is withdrawn with it, wherever it stands.
//
// The client uses no proxy and none of the environment's settings, waits 5 s
// at most and reads 1 MiB at most, unpacked; redirects are followed on the same
// host and port, three at most, and over https only. A discovery document may
// name a key set at another host (as long as it stays with https), but none on
// this machine or its links (loopback, link-local) unless the issuer is there
// itself.
//
// One Remote may serve many verifiers, also across changes of the
// configuration. Its methods may be called concurrently.
type Remote struct {
	options RemoteOptions
	fetcher *fetcher
	logger  *slog.Logger

	current atomic.Pointer[keySet] // nil until the first load; stored by run only
	failing atomic.Bool            // the last fetch failed
	// Hints for run, of capacity 1: a token named an unknown `kid`, or a known key that
	// did not make its signature.
	unknown, mismatch chan struct{}

	lifecycle sync.Mutex
	cancel    context.CancelFunc // set by Start
	done      chan struct{}
	closed    bool

	// The rest belongs to run.
	place     location // of the key set, once it is known
	ignored   string   // what the last warning said
	stopwatch stopwatch
	fetched   time.Duration // on the stopwatch: the last fetch
	confirmed time.Duration // on the stopwatch: the last good fetch
	warned    bool          // that the keys grow old
	// mismatchPause is how long after a fetch a mismatch brings the next one.
	mismatchPause time.Duration
}

// NewRemote checks the options. Nothing is fetched before Start.
func NewRemote(options RemoteOptions) (*Remote, error) {
	k := &Remote{
		options: options,
		fetcher: newFetcher(options.InsecureHTTP),
		logger:  options.Logger,

		unknown:       make(chan struct{}, 1),
		mismatch:      make(chan struct{}, 1),
		mismatchPause: minFetchPause,
		stopwatch:     stopwatch{read: readClocks()},
	}
	if k.logger == nil {
		k.logger = slog.New(slog.DiscardHandler)
	}
	if (options.URL == "") == (options.Discover == "") {
		return nil, fmt.Errorf("checking remote keys: exactly one of a key set's URL and an issuer to discover is needed")
	}
	u, err := k.fetcher.checkURL(options.URL + options.Discover)
	if err != nil {
		return nil, fmt.Errorf("checking remote keys: %w", err)
	}
	if options.Discover != "" && (u.RawQuery != "" || u.ForceQuery) {
		return nil, fmt.Errorf("checking remote keys: issuer %q has a query", shown(options.Discover))
	}
	k.place = location{options.URL, k.fetcher.named}
	return k, nil
}

// Start begins to fetch, once; further calls, and calls after Close, do
// nothing.
func (k *Remote) Start() {
	k.lifecycle.Lock()
	defer k.lifecycle.Unlock()
	if k.cancel != nil || k.closed {
		return
	}
	ctx, cancel := context.WithCancel(context.Background())
	k.cancel, k.done = cancel, make(chan struct{})
	go k.run(ctx)
}

// Close ends fetching and waits for its goroutine. The keys loaded so far stay
// usable. It may be called more than once, and without Start.
func (k *Remote) Close() {
	k.lifecycle.Lock()
	defer k.lifecycle.Unlock()
	k.closed = true
	if k.cancel != nil {
		k.cancel()
		<-k.done
	}
}

// Loaded reports whether there are keys.
func (k *Remote) Loaded() bool { return k.current.Load() != nil }

// Epoch counts how often a key was removed or changed, or all of them grew too old.
func (k *Remote) Epoch() uint64 {
	if set := k.current.Load(); set != nil {
		return set.epoch
	}
	return 0
}

// Algorithms lists every algorithm but the symmetric ones: a public document holds no
// secrets.
func (k *Remote) Algorithms() (names []string) {
	for _, a := range algorithms {
		if !a.fits([]byte(nil)) {
			names = append(names, a.name)
		}
	}
	return names
}

// Verify implements Source. Where `kid` is missing, the one key that fits the algorithm is
// meant, and none if several do.
func (k *Remote) Verify(s Signature) error {
	set := k.current.Load()
	switch {
	case set == nil:
		return errNeverLoaded
	case set.lapsed:
		return errLapsed
	}
	a := algorithmNamed(s.Algorithm)
	found, known := findJWK(set.keys, s.KeyID, a)
	if !known {
		ask(k.unknown)
		// Invariant 7: while the issuer cannot be asked, nobody knows whether the key
		// is wrong or new.
		if k.failing.Load() {
			return errMayBeNew
		}
		return errUnknownKey
	}
	err := errNoMatch
	for _, key := range found {
		if a.verifies(s, key) {
			return nil
		}
		err = errSignature
	}
	ask(k.mismatch)
	return err
}

// ask never waits, and asking twice is asking once.
func ask(c chan<- struct{}) {
	select {
	case c <- struct{}{}:
	default:
	}
}

// source is what the log calls the issuer's endpoint.
func (k *Remote) source() string { return shown(k.options.URL + k.options.Discover) }
