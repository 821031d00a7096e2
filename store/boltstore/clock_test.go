package boltstore

import (
	"testing"
	"time"
)

// Attack: the wall clock of a gate is a day ahead for a minute, or when the gate
// starts. Every revocation seems to have expired, and would be forgotten for good
// before the clock is right again.
func TestAnEntryIsForgottenByBothClocks(t *testing.T) {
	const day = 24 * time.Hour
	for name, c := range map[string]struct {
		steps  func(t *testing.T, m *machine, path string)
		forget bool
	}{
		"a wall clock that is a day ahead for a minute forgets nothing": {steps: func(t *testing.T, m *machine, path string) {
			s := m.open(t, path)
			m.wall = m.wall.Add(27 * time.Hour)
			for range 3 {
				m.pass(30 * time.Second)
				m.sweep(t, s)
			}
			m.wall = m.wall.Add(-27 * time.Hour)
			m.sweep(t, s)
			mustClose(t, s)
		}},
		"a wall clock that is a year ahead when the store opens forgets nothing": {steps: func(t *testing.T, m *machine, path string) {
			m.wall = m.wall.Add(365 * day)
			s := m.open(t, path)
			m.pass(time.Minute)
			m.sweep(t, s)
			mustClose(t, s)
			m.wall = m.wall.Add(-365 * day)
		}},
		"a store that was closed for a month keeps what has expired by the wall clock": {steps: func(t *testing.T, m *machine, path string) {
			m.wall = m.wall.Add(30 * day)
			s := m.open(t, path)
			m.sweep(t, s)
			mustClose(t, s)
		}},
		"a wall clock that is behind keeps what has expired by the other": {steps: func(t *testing.T, m *machine, path string) {
			s := m.open(t, path)
			m.pass(3 * time.Hour)
			m.wall = m.wall.Add(-2 * time.Hour)
			m.sweep(t, s)
			mustClose(t, s)
		}},
		"time that passes by both clocks forgets": {forget: true, steps: func(t *testing.T, m *machine, path string) {
			s := m.open(t, path)
			m.pass(2*time.Hour + time.Second)
			m.sweep(t, s)
			mustClose(t, s)
		}},
		"time that passes over restarts forgets": {forget: true, steps: func(t *testing.T, m *machine, path string) {
			for range 4 {
				s := m.open(t, path)
				m.pass(time.Hour)
				m.sweep(t, s)
				mustClose(t, s)
			}
		}},
		"a store that was closed for a day has caught up with it after four": {forget: true, steps: func(t *testing.T, m *machine, path string) {
			m.wall = m.wall.Add(day)
			s := m.open(t, path)
			for range 4 * 24 {
				m.pass(time.Hour)
				s.own.now()
			}
			if own, wall := s.own.now(), m.wall.Unix(); own < wall-2 || own > wall {
				t.Errorf("the store's clock is at %d, want %d or nearly", own, wall)
			}
			m.sweep(t, s)
			mustClose(t, s)
		}},
	} {
		t.Run(name, func(t *testing.T) {
			path, m := freshPath(t), newMachine()
			s := m.open(t, path)
			mustAppend(t, s, numbered(1, m.wall.Add(2*time.Hour).Unix()))
			mustClose(t, s)
			c.steps(t, m, path)
			if left := len(readAll(t, m.open(t, path))); (left == 0) != c.forget {
				t.Errorf("%d entries are left, want it forgotten: %t", left, c.forget)
			}
		})
	}
}

// Fault: a machine without a battery creates the store in 1970, before it asks for the
// time, or its clock is ahead at that moment. Entries would never be forgotten, or too
// early.
func TestTheClockBeginsWithTheFirstRevocation(t *testing.T) {
	for name, created := range map[string]time.Time{"in 1970": time.Unix(100, 0), "in 2100": time.Unix(4102444800, 0)} {
		t.Run(name, func(t *testing.T) {
			m := newMachine()
			right := m.wall
			m.wall = created
			s := m.open(t, freshPath(t))
			m.wall = right
			m.sweep(t, s)
			mustAppend(t, s, numbered(1, m.wall.Unix()+60))
			m.wall = m.wall.Add(time.Hour)
			m.sweep(t, s)
			if left := len(readAll(t, s)); left != 1 {
				t.Errorf("a wall clock that is ahead left %d entries, want 1", left)
			}
			m.wall = m.wall.Add(-time.Hour)
			m.pass(time.Minute)
			m.sweep(t, s)
			if left := len(readAll(t, s)); left != 0 {
				t.Errorf("%d entries are left, want none", left)
			}
		})
	}
}

// Fault: an idle gate writes to its disk every minute, without end.
func TestAnIdleStoreIsWrittenToOnceAnHour(t *testing.T) {
	m := newMachine()
	s := m.open(t, freshPath(t))
	mustAppend(t, s, numbered(1, m.wall.Add(48*time.Hour).Unix()))
	before := commits(t, s)
	for range 24 * 60 {
		m.pass(time.Minute)
		m.sweep(t, s)
	}
	if n := commits(t, s) - before; n != 24 {
		t.Errorf("a day without anything to do took %d commits, want 24", n)
	}
	if behind := m.wall.Unix() - headOf(t, s).clock; behind > keepClock {
		t.Errorf("the clock in the file is %d s behind", behind)
	}
	m.pass(keepClock/2*time.Second + time.Minute)
	mustAppend(t, s, numbered(2, later()))
	if behind := m.wall.Unix() - headOf(t, s).clock; behind != 0 {
		t.Errorf("after an append the clock in the file is %d s behind", behind)
	}
}
