package model

import (
	"errors"
	"maps"
	"slices"
	"time"

	"github.com/sessiongate/sessiongate/store"
)

// ErrDemoted is what a call gets that goes to a server which is none any more.
var ErrDemoted = errors.New("READONLY this server was demoted")

// errCut is what a call that waits gets when the process ends.
var errCut = errors.New("connection reset by peer")

// Dump returns what the server holds now.
func (s *Server) Dump() *Dump {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.held.clone()
}

// Flush empties the server, as FLUSHALL does. The process is the same.
func (s *Server) Flush() {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.held = &Dump{}
}

// Restart ends the process and starts another with all that the first held.
func (s *Server) Restart() {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.run(s.held)
}

// RestartEmpty ends the process and starts another with nothing.
func (s *Server) RestartEmpty() {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.run(&Dump{})
}

// Restore ends the process and starts another with what was held once: from a
// backup, or because a replica was promoted that had not heard of the rest.
func (s *Server) Restore(d *Dump) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.run(d.clone())
}

// RollBack takes the state of the process back to what it was, as a snapshot of the
// machine with its memory does: nothing in the head tells.
func (s *Server) RollBack(d *Dump) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.held = d.clone()
}

// Promote returns another server that begins with what was held once: a replica that
// was promoted while this one goes on, and has not heard of it. Demote ends that.
func (s *Server) Promote(d *Dump) *Server {
	s.mu.Lock()
	defer s.mu.Unlock()
	to := NewServer(s.random.Uint64(), s.batch)
	to.bytes, to.patience, to.limits, to.step, to.lag, to.held = s.bytes, s.patience, s.limits, s.step, s.lag, d.clone()
	return to
}

// Demote has the server take no calls any more, and cuts those that wait.
func (s *Server) Demote() {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.demoted = true
	close(s.ended)
	s.ended = make(chan struct{})
}

func (s *Server) takesCalls() error {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.demoted {
		return ErrDemoted
	}
	return nil
}

func (s *Server) run(d *Dump) {
	s.identity = s.random.Uint64()
	s.held = d
	close(s.ended)
	s.ended = make(chan struct{})
}

// DropLog makes the log vanish, while the head stays.
func (s *Server) DropLog() {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.held.log = stream{}
}

// DropHead makes the head vanish, while the log stays.
func (s *Server) DropHead() {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.held.head = nil
}

// DropGates makes the list of gates vanish, while head and log stay.
func (s *Server) DropGates() {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.held.gates = make(map[store.GateID]listed)
}

// DropEntry makes one entry vanish, if it is there. The log does not reuse its
// number.
func (s *Server) DropEntry(seq uint64) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.drop(func(r record) bool { return r.seq == seq })
}

func (s *Server) drop(which func(record) bool) {
	log := &s.held.log
	log.entries = slices.DeleteFunc(slices.Clone(log.entries), which)
}

// Poison puts an entry on the log that no gate can read, as one of a newer
// version would.
func (s *Server) Poison() {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.add(s.checked(), nil)
}

// Cure makes all entries vanish that no gate can read.
func (s *Server) Cure() {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.drop(func(r record) bool { return len(r.revocations) == 0 })
}

// StepClock moves the server's wall clock.
func (s *Server) StepClock(by time.Duration) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.step += by
}

// Now is the server's wall clock.
func (s *Server) Now() time.Time {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.now()
}

// now is Now for who holds mu.
func (s *Server) now() time.Time { return time.Now().Add(s.step) }

// Peek returns the head as it stands, without the gates and without making sure
// of anything. It is zero where there is none.
func (s *Server) Peek() store.Head {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.held.head == nil {
		return store.Head{}
	}
	return s.held.head.answer()
}

// Log returns the entries that gates can read, without a look at the head.
func (s *Server) Log() []store.Entry {
	s.mu.Lock()
	defer s.mu.Unlock()
	var entries []store.Entry
	for _, r := range s.held.log.entries {
		if len(r.revocations) > 0 {
			entries = append(entries, r.entry(0))
		}
	}
	return entries
}

func (d *Dump) clone() *Dump {
	c := &Dump{sessions: maps.Clone(d.sessions), log: d.log, gates: maps.Clone(d.gates)}
	c.log.entries = slices.Clone(d.log.entries)
	if d.head != nil {
		h := *d.head
		h.merged = maps.Clone(h.merged)
		c.head = &h
	}
	return c
}
