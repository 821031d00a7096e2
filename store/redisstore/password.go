package redisstore

import (
	"context"
	"errors"
	"log/slog"
	"slices"
	"sync"
)

// keptPasswords is how many passwords of the past are kept out of errors.
const keptPasswords = 8

// password authenticates this side, and may be replaced while the store is open.
type password struct {
	source   string // "redis" or "sentinel"
	username string
	renew    func() (string, error) // nil: it never changes
	log      *slog.Logger

	mu      sync.Mutex // guards all below
	used    []string   // the newest is last; at least one
	failing bool       // renew failed last
}

// newPassword returns nil if there is no password.
func newPassword(source, username, first string, renew func() (string, error), log *slog.Logger) *password {
	if first == "" {
		return nil
	}
	return &password{source: source, username: username, renew: renew, log: log, used: []string{first}}
}

// credentials returns the user, and the password as it is now. It is called for each new
// connection, and never returns an empty password.
//
// Attack: while an operator replaces the file of the password, it is missing or empty for a
// moment. A Redis whose user has no password accepts an empty one.
func (p *password) credentials(ctx context.Context) (username, secret string, err error) {
	if p.renew == nil {
		return p.username, p.used[0], nil
	}
	renewed, err := p.renew()
	if err == nil && renewed == "" {
		err = errors.New("it is empty")
	}
	p.mu.Lock()
	defer p.mu.Unlock()
	last := p.used[len(p.used)-1]
	switch {
	case err != nil:
		if !p.failing {
			p.log.WarnContext(ctx, "a password for redis cannot be read again; this gate goes on with the last one that it read", "source", p.source, "error", err)
		}
		p.failing = true
		return p.username, last, nil
	case renewed != last:
		p.used = append(slices.DeleteFunc(p.used, func(old string) bool { return old == renewed }), renewed)
		p.used = p.used[max(0, len(p.used)-keptPasswords):]
		p.log.InfoContext(ctx, "a password for redis has changed; new connections use the new one", "source", p.source)
	}
	p.failing = false
	return p.username, renewed, nil
}

// secrets returns the passwords that were sent.
func (p *password) secrets() []string {
	if p == nil {
		return nil
	}
	p.mu.Lock()
	defer p.mu.Unlock()
	return slices.Clone(p.used)
}
