package redisstore_test

import (
	"context"
	"errors"
	"maps"
	"net"
	"os"
	"strings"
	"testing"
	"time"

	"github.com/sessiongate/sessiongate/store"
	"github.com/sessiongate/sessiongate/store/redisstore"
	"github.com/sessiongate/sessiongate/store/redisstore/redistest"
)

// calls returns all calls of a store, without a deadline of the caller.
func calls(s *redisstore.Store, position store.Position) map[string]func(context.Context) error {
	session := store.Session{Issuer: "i", ID: "s", Subject: "u", FirstSeen: 1, LastSeen: 1, Expires: revocation("").Expires}
	former := session
	former.Subject = "former"
	all := map[string]func(context.Context) error{
		"Seen":  func(ctx context.Context) error { return s.Seen(ctx, former, session) },
		"Owner": func(ctx context.Context) error { _, err := s.Owner(ctx, "i", "s"); return err },
		"Of":    func(ctx context.Context) error { _, err := s.Of(ctx, "i", "u"); return err },
		"Learn": func(ctx context.Context) error { return s.Learn(ctx, grantOf("token", "family")) },
		"Known": func(ctx context.Context) error { _, err := s.Known(ctx, grantOf("token").Token); return err },
		"Members": func(ctx context.Context) error {
			_, err := s.Members(ctx, grantOf("token", "family").Families[0])
			return err
		},
	}
	maps.Copy(all, logCalls(s, position))
	return all
}

// logCalls returns the calls that use the log.
func logCalls(s *redisstore.Store, position store.Position) map[string]func(context.Context) error {
	return map[string]func(context.Context) error{
		"Append":  func(ctx context.Context) error { _, err := s.Append(ctx, revocation("x")); return err },
		"Publish": func(ctx context.Context) error { _, err := s.Publish(ctx, revocation("x")); return err },
		"Heartbeat": func(ctx context.Context) error {
			_, err := s.Heartbeat(ctx, store.Heartbeat{Gate: 1, Applied: position, Lease: 2 * time.Minute})
			return err
		},
		"Look":     func(ctx context.Context) error { _, err := s.Look(ctx); return err },
		"SetLease": func(ctx context.Context) error { _, err := s.SetLease(ctx, 2*time.Minute); return err },
		"Leave":    func(ctx context.Context) error { return s.Leave(ctx, 2) },
		"Merge": func(ctx context.Context) error {
			_, _, err := s.Merge(ctx, store.Merge{Gate: 1, Generation: position.Generation})
			return err
		},
		"Read": func(ctx context.Context) error { _, err := s.Read(ctx, position, 0); return err },
		"waiting Read": func(ctx context.Context) error {
			_, err := s.Read(ctx, position, 500*time.Millisecond)
			return err
		},
		"first Read": func(ctx context.Context) error { _, err := s.Read(ctx, store.Position{}, 0); return err },
		"Trim":       func(ctx context.Context) error { return s.Trim(ctx, time.Now()) },
	}
}

// works repeats each call until it succeeds. On a busy machine that may take a while.
func works(t *testing.T, calls map[string]func(context.Context) error) {
	t.Helper()
	for name, call := range calls {
		eventually(t, name, func() error {
			if err := call(t.Context()); !errors.Is(err, store.ErrUnknownSession) {
				return err
			}
			return nil
		})
	}
}

func isTimeout(err error) bool {
	return errors.Is(err, context.DeadlineExceeded) || errors.Is(err, os.ErrDeadlineExceeded)
}

// Attack: freeze Redis, which still accepts connections and bytes. Every call fails within
// its time and gives the reason.
func TestFrozenRedis(t *testing.T) {
	server := redistest.Start(t)
	s := openAt(t, server)
	position := mustAppend(t, s, "one")
	server.Freeze()
	for name, call := range calls(s, position) {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			start := time.Now()
			err := call(context.Background())
			if took := time.Since(start); took > 4*time.Second {
				t.Errorf("it took %v, want a second or so", took)
			}
			if err == nil || !isTimeout(err) && !strings.Contains(err.Error(), "timeout") {
				t.Errorf("gave %v, want a timeout", err)
			}
		})
	}
}

// A gate gives each call a quarter of its lease. A call that takes longer delays the next
// heartbeat. The best of some tries counts, because a busy machine may delay any of them.
func TestCallerDeadline(t *testing.T) {
	const deadline, slack = 50 * time.Millisecond, 10 * time.Millisecond
	server := redistest.Start(t)
	s := openAt(t, server)
	position := mustAppend(t, s, "one")
	server.Freeze()
	for name, call := range calls(s, position) {
		best := time.Hour
		for range 20 {
			ctx, cancel := context.WithTimeout(context.Background(), deadline)
			start := time.Now()
			err := call(ctx)
			best = min(best, time.Since(start))
			cancel()
			if !errors.Is(err, context.DeadlineExceeded) {
				t.Errorf("%s gave %v, want context.DeadlineExceeded", name, err)
			}
			if best < deadline+slack {
				break
			}
		}
		if best > deadline+slack {
			t.Errorf("%s took %v with %v to do it", name, best, deadline)
		}
	}
}

// A reload cancels a gate's reads. They return without waiting for Redis.
func TestCancelledReadReturns(t *testing.T) {
	for name, freeze := range map[string]bool{"waiting": false, "frozen": true} {
		t.Run(name, func(t *testing.T) {
			server := redistest.Start(t)
			s := openAt(t, server)
			position := mustAppend(t, s, "one")
			if freeze {
				server.Freeze()
			}
			best := time.Hour
			for range 5 {
				ctx, cancel := context.WithCancel(context.Background())
				var cancelled time.Time
				time.AfterFunc(20*time.Millisecond, func() {
					cancelled = time.Now()
					cancel()
				})
				if _, err := s.Read(ctx, position, time.Hour); !errors.Is(err, context.Canceled) {
					t.Errorf("Read gave %v, want context.Canceled", err)
				}
				best = min(best, time.Since(cancelled))
			}
			if best > 10*time.Millisecond {
				t.Errorf("a cancelled read took %v to return", best)
			}
		})
	}
}

// Attack: freeze Redis during a DELETE. It receives the append, does not answer, and
// applies it once after it is thawed.
func TestFrozenAppendIsAppliedOnce(t *testing.T) {
	server := redistest.Start(t)
	s := openAt(t, server)
	position := mustAppend(t, s, "one")
	server.Freeze()
	if _, err := s.Append(t.Context(), revocation("two")); err == nil {
		t.Fatal("a frozen Redis acknowledged an append")
	}
	server.Thaw()
	eventually(t, "the store to work again", func() error {
		_, err := s.Append(t.Context(), revocation("three"))
		return err
	})
	two := 0
	for _, e := range mustRead(t, s, position).Entries {
		if e.Revocations[0].Key == revocation("two").Key {
			two++
		}
	}
	if two > 1 {
		t.Errorf("one append is on the log %d times", two)
	}
}

func TestOpenWithoutRedis(t *testing.T) {
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	address := listener.Addr().String()
	listener.Close()
	start := time.Now()
	s := open(t, options{Addresses: []string{address}})
	if took := time.Since(start); took > 400*time.Millisecond {
		t.Errorf("Open took %v: it waited for the network", took)
	}
	_, err = s.Append(t.Context(), revocation("one"))
	if err == nil || !strings.Contains(err.Error(), "refused") {
		t.Errorf("Append gave %v, want connection refused", err)
	}
	if err := s.Close(); err != nil {
		t.Errorf("Close: %v", err)
	}
}

// Fault: the connection of a reader is cut. The reader continues and misses nothing.
func TestConnectionsCut(t *testing.T) {
	server := redistest.Start(t)
	s := openAt(t, server)
	position := mustAppend(t, s, "one")
	for range 3 {
		server.Do("CLIENT", "KILL", "TYPE", "normal", "SKIPME", "yes")
		next := store.Position{}
		eventually(t, "an append", func() (err error) {
			next, err = s.Append(t.Context(), revocation("next"))
			return err
		})
		eventually(t, "a read", func() error {
			batch, err := s.Read(t.Context(), position, 0)
			if err == nil && (len(batch.Entries) == 0 || batch.Head != next) {
				t.Errorf("read %+v, want the entries up to %v", batch, next)
			}
			return err
		})
		position = next
	}
}

func TestCloseEndsEveryWaitAtOnce(t *testing.T) {
	server := redistest.Start(t)
	s := openAt(t, server)
	position := mustAppend(t, s, "one")
	server.Freeze()
	const waiting = 3
	got := make(chan error, waiting)
	for range waiting {
		go func() {
			for {
				if _, err := s.Read(context.Background(), position, time.Hour); errors.Is(err, store.ErrClosed) {
					got <- err
					return
				}
			}
		}()
	}
	start := time.Now()
	if err := s.Close(); err != nil {
		t.Errorf("Close: %v", err)
	}
	for range waiting {
		<-got
	}
	if took := time.Since(start); took > time.Second {
		t.Errorf("closing took %v", took)
	}
}
