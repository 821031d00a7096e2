package keys

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"sync"
	"sync/atomic"
	"time"
)

// RemoteOptions say where an issuer publishes its keys. Exactly one of URL and Discover is
// set.
type RemoteOptions struct {
	// URL is that of a JSON Web Key Set (RFC 7517 §5).
	URL string
	// Discover is the issuer whose OpenID Connect discovery document names the
	// key set. The document's `issuer` has to be exactly this one.
	Discover string
	// InsecureHTTP allows plain http to hosts other than this machine. An attacker on
	// the path can then make tokens. Default: false.
	InsecureHTTP bool
	// CA holds PEM certificates of the authorities that sign the certificates of the
	// issuer's servers. Others are then not trusted. Default: those of the system.
	CA []byte
	// UserAgent is the User-Agent of fetches. Default: that of net/http.
	UserAgent string
	// Logger gets a line when the keys are loaded or change, when fetches begin to
	// fail and when they succeed again, each minute while there never were keys, and when
	// keys are ignored. Default: none.
	Logger *slog.Logger
}

// Remote is a Source of the keys that an issuer publishes. One goroutine fetches them in
// the background. Verify never waits for it; Await does. It fetches:
//
//   - from Start on, again and again after 1 to 30 s until the keys are there;
//   - then every ten minutes, and after a failure within 5 to 30 s. The last good keys
//     stay in force meanwhile;
//   - when a token names an unknown `kid`, at once, but at most once in 5 s however many such
//     tokens come. Await waits for it;
//   - when a token names a known key that did not sign it: at first as quickly, then ever
//     more rarely, down to once a minute, until a key changes. An issuer may therefore
//     replace a key under its old `kid`.
//
// The last good keys stay in force for 24 h and no longer.
//
// Attack: an attacker has a stolen key and keeps the gate away from the issuer, which has
// withdrawn that key. After the 24 h, Verify returns ErrUnavailable for every token of the
// issuer, also for those verified before, until a fetch succeeds. A warning is logged after
// 12 h, and an error at the end. The 24 h begin with the last good fetch. Neither a suspend
// nor a wall clock that is set back makes them longer; a clock that is set forward makes
// them shorter.
//
// A fetch is good if it yields a key set with a usable key. Unusable keys are left out, and
// a warning says why: keys for encryption, weak keys (RSA below 2048 bits), unsupported
// types, curves and sizes (RSA over 4096 bits), and keys that are not strict JSON. A private
// key is left out, and its public key with it, wherever that stands in the set. Certificates
// in a key are not read.
//
// The client uses the proxies that the environment names (HTTPS_PROXY, HTTP_PROXY, NO_PROXY).
// It waits at most 5 s and reads at most 1 MiB, unpacked. It follows at most three redirects,
// on the same host and port and over https only. A discovery document may name a key set at
// another host, if it stays with https, but none on this machine or its links (loopback,
// link-local), unless the issuer is there itself. Behind a proxy the gate judges the text of
// that host, because the proxy resolves the name.
//
// One Remote may serve many verifiers, also across changes of the configuration. Its methods
// may be called concurrently.
type Remote struct {
	options RemoteOptions
	fetcher *fetcher
	logger  *slog.Logger

	current   atomic.Pointer[keySet] // nil until the first load; stored by run only
	failing   atomic.Bool            // the last fetch failed
	outage    atomic.Pointer[outage] // of the last fetch that failed
	fetches   fetches
	waiting   atomic.Int64 // callers in await
	record    record
	stopwatch stopwatch // run looks
	// Hints for run, of capacity 1: a token named an unknown `kid`, or a known key that
	// did not make its signature.
	unknown, mismatch chan struct{}

	lifecycle sync.Mutex
	cancel    context.CancelFunc // set by Start
	done      chan struct{}
	closed    bool

	// The rest belongs to run.
	place    location      // of the key set, once it is known
	ignored  []string      // what the last warning said
	fetched  time.Duration // on the stopwatch: the last fetch
	warned   bool          // whether a warning said that the keys grow old
	reported time.Duration // on the stopwatch: the last error that said that there are no keys
	// mismatchPause is how long after a fetch a mismatch brings the next one.
	mismatchPause time.Duration
}

// NewRemote checks the options. Nothing is fetched before Start.
func NewRemote(options RemoteOptions) (*Remote, error) {
	k := &Remote{
		options: options,
		logger:  options.Logger,

		unknown:       make(chan struct{}, 1),
		mismatch:      make(chan struct{}, 1),
		mismatchPause: minFetchPause,
		stopwatch:     stopwatch{read: readClocks()},
		fetches:       fetches{next: newFetch()},
	}
	var err error
	if k.fetcher, err = newFetcher(options); err != nil {
		return nil, fmt.Errorf("checking remote keys: %w", err)
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
	k.outage.Store(noOutage)
	return k, nil
}

// Start begins to fetch. Further calls, and calls after Close, do nothing.
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

// Close stops the goroutine that fetches and waits for it. The keys that were loaded stay
// usable. Close may be called more than once, and without Start.
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

// Epoch implements Source. It counts how often a key was removed or changed, or all of
// them grew too old.
func (k *Remote) Epoch() uint64 {
	if set := k.current.Load(); set != nil {
		return set.epoch
	}
	return 0
}

// Algorithms implements Source. It lists every algorithm but the symmetric ones: a public
// document holds no secrets.
func (k *Remote) Algorithms() (names []string) {
	for _, a := range algorithms {
		if !a.fits([]byte(nil)) {
			names = append(names, a.name)
		}
	}
	return names
}

// Verify implements Source. A signature without `kid` is verified with the first four keys that
// fit the algorithm.
func (k *Remote) Verify(s Signature) error {
	err := k.verify(s)
	if errors.Is(err, ErrUnknownKey) {
		return &unknownKey{[]expected{k.expect(s.KeyID)}}
	}
	return err
}

// verify is Verify, but returns errUnknownKey for a `kid` that the set does not hold, and does
// not ask the issuer for it.
func (k *Remote) verify(s Signature) error {
	set := k.current.Load()
	switch {
	case set == nil:
		return k.outage.Load().neverLoaded
	case set.lapsed:
		return k.outage.Load().lapsed
	}
	a := algorithmNamed(s.Algorithm)
	found, known := findJWK(set.keys, s.KeyID, a)
	if !known {
		return errUnknownKey
	}
	err := verifyWith(found, a, s)
	if err != nil {
		ask(k.mismatch)
	}
	return err
}

// expect asks the issuer for a `kid` that the set does not hold.
func (k *Remote) expect(id string) expected {
	running, next := k.fetches.now()
	ask(k.unknown)
	return expected{k, id, running, next}
}

// holds reports whether the set in force has a key with this `kid`.
func (k *Remote) holds(id string) bool {
	set := k.current.Load()
	return set != nil && !set.lapsed && holdsID(set.keys, id)
}

// ask gives run a hint. It never waits: a hint that is already there is enough.
func ask(c chan<- struct{}) {
	select {
	case c <- struct{}{}:
	default:
	}
}

// source is the name of the issuer's endpoint in the log.
func (k *Remote) source() string { return shown(k.options.URL + k.options.Discover) }
