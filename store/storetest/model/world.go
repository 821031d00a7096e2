package model

import (
	"errors"
	"maps"
	"slices"
	"time"

	"github.com/sessiongate/sessiongate/store"
)

// ErrDemoted is the error of a call to a server that has been demoted.
var ErrDemoted = errors.New("READONLY this server was demoted")

// errCut is the error of a waiting call when the process ends.
var errCut = errors.New("connection reset by peer")

// Dump returns what the server holds now.
func (s *Server) Dump() *Dump {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.held.clone()
}

// Flush empties the server, as FLUSHALL does. The process stays the same.
func (s *Server) Flush() {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.held = &Dump{}
}

// Restart ends the process and starts another with the same data.
func (s *Server) Restart() {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.run(s.held)
}

// RestartEmpty ends the process and starts another without data.
func (s *Server) RestartEmpty() {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.run(&Dump{})
}

// Restore ends the process and starts another with earlier data: from a backup, or because
// a lagging replica was promoted.
func (s *Server) Restore(d *Dump) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.run(d.clone())
}

// RollBack restores an earlier state of the same process, like a snapshot of the machine
// with its memory. The head shows no sign of it.
func (s *Server) RollBack(d *Dump) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.held = d.clone()
}

// Promote returns another server that starts with earlier data: a replica that was
// promoted while this one keeps running without knowing it. Demote ends that.
func (s *Server) Promote(d *Dump) *Server {
	s.mu.Lock()
	defer s.mu.Unlock()
	to := NewServer(s.random.Uint64(), s.batch)
	to.bytes, to.minWait, to.limits, to.step, to.lag, to.held = s.bytes, s.minWait, s.limits, s.step, s.lag, d.clone()
	return to
}

// Demote makes the server refuse all calls, and cuts those that wait.
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

// DropLog deletes the log and keeps the head.
func (s *Server) DropLog() {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.held.log = stream{}
}

// DropHead deletes the head and keeps the log.
func (s *Server) DropHead() {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.held.head = nil
}

// DropGates deletes the list of gates and keeps head and log.
func (s *Server) DropGates() {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.held.gates = make(map[store.GateID]listed)
}

// DropEntry deletes one entry if it exists. The log does not reuse its number.
func (s *Server) DropEntry(seq uint64) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.drop(func(r record) bool { return r.seq == seq })
}

func (s *Server) drop(which func(record) bool) {
	log := &s.held.log
	log.entries = slices.DeleteFunc(slices.Clone(log.entries), which)
}

// Poison appends an entry that no gate can read, like one of a newer version.
func (s *Server) Poison() {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.add(s.checked(), nil)
}

// Cure deletes all unreadable entries.
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

// Now returns the time of the server's wall clock.
func (s *Server) Now() time.Time {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.now()
}

// now is Now for callers that hold mu.
func (s *Server) now() time.Time { return time.Now().Add(s.step) }

// Peek returns the current head without the gates, and without checking it. It is zero if
// there is none.
func (s *Server) Peek() store.Head {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.held.head == nil {
		return store.Head{}
	}
	return s.held.head.answer()
}

// Log returns the readable entries. It does not check the head.
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
