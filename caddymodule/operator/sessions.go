package operator

import (
	"errors"
	"net/http"
	"time"

	"github.com/sessiongate/sessiongate/caddymodule/token"
	"github.com/sessiongate/sessiongate/store"
)

// SessionList is a page of the sessions of a subject.
type SessionList struct {
	Issuer   string          `json:"issuer"`
	Subject  string          `json:"subject"`
	Sessions []ListedSession `json:"sessions"`
	// NotBefore is the latest instant up to which tokens of the subject, or of its whole
	// issuer, are revoked. One session may be excepted. Absent if there is none.
	NotBefore *time.Time `json:"not_before,omitempty"`
	// Next is the `after` of the next page. Absent on the last.
	Next string `json:"next,omitempty"`
}

// ListedSession is one session of a SessionList.
type ListedSession struct {
	ID string `json:"id"`
	// Key is the prefix of the hash by which logs and events name the session.
	Key       string    `json:"key"`
	FirstSeen time.Time `json:"first_seen"`
	LastSeen  time.Time `json:"last_seen"`
	// Revoked reports whether the session is revoked: by itself, or by an instant of the
	// subject or the issuer if the session was not seen after it.
	Revoked bool `json:"revoked"`
}

// listSessions lists the sessions of a subject.
func listSessions(g gate, r *http.Request) (any, error) {
	var issuer, subject string
	var page page
	p := page.parameters(parameters{
		"issuer":  textMember(&issuer, "the iss of an issuer", func(s string) bool { return s != "" }),
		"subject": textMember(&subject, wantID, token.ValidID),
	})
	read := p.readQuery
	if r.Method == http.MethodPost {
		read = p.readBody
	}
	if err := read(r); err != nil {
		return nil, err
	}
	issuer, err := g.issuerNamed(issuer)
	if err != nil {
		return nil, err
	}
	if subject == "" {
		return nil, badRequest(errors.New("listing sessions: no subject"))
	}
	if err := g.checkOpen("listing sessions"); err != nil {
		return nil, err
	}
	of, err := g.Hub().SessionsOf(r.Context(), issuer, subject)
	if err != nil {
		return nil, unavailable(err)
	}
	key := func(s store.Session) store.Key { return g.Hub().SessionKey(issuer, s.ID) }
	keys := store.Keys{Subject: g.Hub().Key(store.KindSubject, issuer, subject), Issuer: g.Hub().Key(store.KindIssuer, issuer, "")}
	list := SessionList{Issuer: issuer, Subject: subject, Sessions: []ListedSession{}}
	if _, set := g.Hub().Store(); set.NotBefore(&keys) > 0 {
		notBefore := unix(set.NotBefore(&keys))
		list.NotBefore = &notBefore
	}
	lines, begin, end := make([]string, len(of)), 0, len(of)
	for i, s := range of {
		lines[i] = key(s).String()
	}
	if page.after != "" {
		if begin = lineOf(lines, page.after) + 1; begin == 0 {
			return nil, conflict(errors.New("listing sessions: the list has changed; start with the first page again"))
		}
	}
	if end-begin > page.limit {
		end = begin + page.limit
		list.Next = nextOf(lines[:end])
	}
	for _, s := range of[begin:end] {
		keys.Session = key(s)
		list.Sessions = append(list.Sessions, ListedSession{
			ID: s.ID, Key: keys.Session.String(), FirstSeen: unix(s.FirstSeen), LastSeen: unix(s.LastSeen), Revoked: g.Hub().Over(s, &keys),
		})
	}
	return list, nil
}
