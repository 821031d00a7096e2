package redisstore

import (
	"context"
	"errors"
	"fmt"
	"net"
	"strconv"
	"sync"
	"syscall"
	"time"

	"github.com/redis/go-redis/v9"
)

const (
	// askEvery is how often all sentinels are asked. After a call that failed they are
	// asked at once, but not more often than every askPause.
	askEvery, askPause = 500 * time.Millisecond, 50 * time.Millisecond
	// discoverEvery is how often the sentinels are asked for other sentinels.
	discoverEvery = time.Minute
)

// sentinels find the primary: the one in the newest configuration of any sentinel.
//
// Attack: go-redis uses one sentinel. If that sentinel misses a failover, its gate stays
// with the old primary.
type sentinels struct {
	target target
	bell   chan struct{}
	end    context.CancelFunc
	ended  chan struct{}

	asking     sync.Mutex // held by the goroutine that asks; guards these
	clients    map[string]*redis.SentinelClient
	discovered time.Time

	mu      sync.Mutex // guards all below
	primary string
	epoch   uint64
	err     error // why some sentinels did not answer
	conns   map[*primaryConn]struct{}
}

// named is the answer of a sentinel: the primary in its configuration of that epoch.
type named struct {
	primary string
	epoch   uint64
	others  []string // sentinels
	err     error
}

// watch starts asking the sentinels that the target names.
func (t target) watch() *sentinels {
	ctx, cancel := context.WithCancel(context.Background())
	w := &sentinels{
		target: t, bell: make(chan struct{}, 1), end: cancel, ended: make(chan struct{}),
		clients: make(map[string]*redis.SentinelClient), conns: make(map[*primaryConn]struct{}),
	}
	w.know(t.addresses...)
	go func() {
		defer close(w.ended)
		for w.pause(ctx, w.bell, askEvery) {
			w.ask(ctx)
			w.pause(ctx, nil, askPause)
		}
	}()
	return w
}

// pause waits for the bell or for d, and reports false if ctx ended first.
func (*sentinels) pause(ctx context.Context, bell chan struct{}, d time.Duration) bool {
	select {
	case <-bell:
	case <-time.After(d):
	case <-ctx.Done():
	}
	return ctx.Err() == nil
}

// askNow makes the sentinels be asked at once.
func (w *sentinels) askNow() {
	select {
	case w.bell <- struct{}{}:
	default:
	}
}

func (w *sentinels) close() {
	w.end()
	<-w.ended
	w.asking.Lock()
	defer w.asking.Unlock()
	w.know()
}

// know keeps a client for each of these sentinels, and for no other.
func (w *sentinels) know(addresses ...string) {
	known := make(map[string]*redis.SentinelClient)
	for _, address := range addresses {
		if known[address] = w.clients[address]; known[address] == nil {
			target := w.target
			target.ofRedis = target.ofSentinels
			o := target.writerOptions(nil).Simple()
			o.Addr, o.DB, o.PoolSize, o.MinIdleConns = address, 0, 1, 0
			o.ReadBufferSize, o.WriteBufferSize = 4<<10, 4<<10 // answers are short
			known[address] = redis.NewSentinelClient(o)
		}
	}
	for address, client := range w.clients {
		if known[address] == nil {
			_ = client.Close() // it only asked questions
		}
	}
	w.clients = known
}

// ask asks all sentinels, and follows the newest configuration. A configuration older
// than the followed one counts only if most sentinels have answered: then all were set
// up again.
func (w *sentinels) ask(ctx context.Context) {
	w.asking.Lock()
	defer w.asking.Unlock()
	discover := time.Since(w.discovered) >= discoverEvery
	answers := make(chan named, len(w.clients))
	for address, client := range w.clients {
		go func() { answers <- w.askOne(ctx, address, client, discover) }()
	}
	var newest named
	var errs []error
	others, heard, following := w.target.addresses, 0, w.following()
	for range len(w.clients) {
		a := <-answers
		if a.err != nil {
			errs = append(errs, a.err)
			continue
		}
		heard++
		others = append(others[:len(others):len(others)], a.others...)
		if heard == 1 || a.epoch > newest.epoch || a.epoch == newest.epoch && a.primary == following {
			newest = a
		}
	}
	if discover && heard > 0 {
		w.discovered = time.Now()
		w.know(others...)
	}
	w.mu.Lock()
	defer w.mu.Unlock()
	w.err = errors.Join(errs...)
	if heard == 0 || newest.epoch < w.epoch && 2*heard <= heard+len(errs) {
		return
	}
	w.primary, w.epoch = newest.primary, newest.epoch
	for conn := range w.conns {
		if conn.primary != w.primary {
			_ = conn.Conn.Close() // a call that uses it fails, and the next one dials
		}
	}
}

// askOne asks one sentinel: for the epoch first, because an address that is newer than
// its epoch does no harm.
func (w *sentinels) askOne(ctx context.Context, sentinel string, client *redis.SentinelClient, discover bool) named {
	ctx, cancel := context.WithTimeout(ctx, dialTimeout)
	defer cancel()
	master := w.target.sentinel.master
	fields, err := client.Master(ctx, master).Result()
	var address []string
	if err == nil {
		address, err = client.GetMasterAddrByName(ctx, master).Result()
	}
	if err != nil || len(address) != 2 {
		return named{err: fmt.Errorf("asking sentinel %s for %q: %w", sentinel, master, err)}
	}
	a := named{primary: net.JoinHostPort(address[0], address[1])}
	a.epoch, _ = strconv.ParseUint(fields["config-epoch"], 10, 64)
	if discover {
		others, _ := client.Sentinels(ctx, master).Result() // without them, the sentinels of the options are asked
		for _, other := range others {
			if other["ip"] == "" || other["port"] == "" {
				continue
			}
			a.others = append(a.others, net.JoinHostPort(other["ip"], other["port"]))
		}
	}
	return a
}

// following returns the followed primary, or nothing.
func (w *sentinels) following() string {
	w.mu.Lock()
	defer w.mu.Unlock()
	return w.primary
}

// dial connects to the primary.
func (w *sentinels) dial(ctx context.Context, network, _ string) (net.Conn, error) {
	if w.following() == "" {
		w.ask(ctx)
	}
	primary := w.following()
	if primary == "" {
		w.mu.Lock()
		defer w.mu.Unlock()
		return nil, fmt.Errorf("no sentinel names the primary: %w", w.err)
	}
	dialled, err := w.target.dialer()(ctx, network, primary)
	if err != nil {
		return nil, err
	}
	conn := &primaryConn{dialled, primary, w}
	w.mu.Lock()
	defer w.mu.Unlock()
	if w.primary != primary {
		_ = dialled.Close()
		return nil, fmt.Errorf("the primary is now %s, no longer %s", w.primary, primary)
	}
	w.conns[conn] = struct{}{}
	if plain, ok := dialled.(syscall.Conn); ok {
		// The pool uses this to check whether an idle connection still lives.
		return struct {
			*primaryConn
			syscall.Conn
		}{conn, plain}, nil
	}
	return conn, nil
}

// primaryConn is a connection to a primary, which ends when another primary is
// followed.
type primaryConn struct {
	net.Conn
	primary string
	w       *sentinels
}

// Close implements net.Conn.
func (c *primaryConn) Close() error {
	c.w.mu.Lock()
	delete(c.w.conns, c)
	c.w.mu.Unlock()
	return c.Conn.Close()
}
