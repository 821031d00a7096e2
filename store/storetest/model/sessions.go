package model

import (
	"cmp"
	"slices"

	"github.com/sessiongate/sessiongate/store"
)

type sessionID struct{ issuer, id string }

// seen records sessions. They are soft state beside the log, so it does not check the
// head.
func (s *Server) seen(sessions []store.Session) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.held.sessions == nil {
		s.held.sessions = make(map[sessionID]store.Session)
	}
	for _, session := range sessions {
		id := sessionID{session.Issuer, session.ID}
		if known, ok := s.held.sessions[id]; ok {
			session.FirstSeen = min(session.FirstSeen, known.FirstSeen)
			session.LastSeen = max(session.LastSeen, known.LastSeen)
			session.Expires = max(session.Expires, known.Expires)
		}
		s.held.sessions[id] = session
		s.deleteOldest(s.limits.Subject, func(known store.Session) bool {
			return known.Issuer == session.Issuer && known.Subject == session.Subject
		})
		s.deleteOldest(s.limits.Total, func(store.Session) bool { return true })
	}
}

// deleteOldest deletes the sessions seen longest ago among those that count, until at most
// most are left.
func (s *Server) deleteOldest(most int, counts func(store.Session) bool) {
	if len(s.held.sessions) <= most {
		return
	}
	var counted []store.Session
	for _, session := range s.held.sessions {
		if counts(session) {
			counted = append(counted, session)
		}
	}
	slices.SortFunc(counted, func(a, b store.Session) int {
		return cmp.Or(cmp.Compare(b.LastSeen, a.LastSeen), cmp.Compare(a.Issuer, b.Issuer), cmp.Compare(a.ID, b.ID))
	})
	for _, session := range counted[min(len(counted), most):] {
		delete(s.held.sessions, sessionID{session.Issuer, session.ID})
	}
}

// owner returns the subject that owns the session.
func (s *Server) owner(issuer, id string) (string, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	session, ok := s.held.sessions[sessionID{issuer, id}]
	if !ok || session.Expires <= s.now().Unix() {
		return "", store.ErrUnknownSession
	}
	return session.Subject, nil
}

// of returns the sessions of a subject, the last seen first.
func (s *Server) of(issuer, subject string) []store.Session {
	s.mu.Lock()
	defer s.mu.Unlock()
	var of []store.Session
	for id, session := range s.held.sessions {
		if id.issuer == issuer && session.Subject == subject && session.Expires > s.now().Unix() {
			of = append(of, session)
		}
	}
	slices.SortFunc(of, func(a, b store.Session) int {
		return cmp.Or(cmp.Compare(b.LastSeen, a.LastSeen), cmp.Compare(a.ID, b.ID))
	})
	return of
}
