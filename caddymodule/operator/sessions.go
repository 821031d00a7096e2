package operator

import (
	"errors"
	"net/http"
	"slices"
	"time"

	"github.com/sessiongate/sessiongate/caddymodule/token"
	"github.com/sessiongate/sessiongate/store"
)

// SessionList is a page of the sessions of a subject.
type SessionList struct {
	Issuer   string          `json:"issuer"`
	Subject  string          `json:"subject"`
	Sessions []ListedSession `json:"sessions"`
	// Next is the `after` of the next page. Absent on the last.
	Next string `json:"next,omitempty"`
}

// ListedSession is a session as operators see it.
type ListedSession struct {
	ID string `json:"id"`
	// Key is the prefix of the hash by which logs and events name the session.
	Key       string    `json:"key"`
	FirstSeen time.Time `json:"first_seen"`
	LastSeen  time.Time `json:"last_seen"`
	// Revoked says that the session is revoked, by itself or by an instant of the
	// subject or the issuer since which it was not seen.
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
	list := SessionList{Issuer: issuer, Subject: subject, Sessions: []ListedSession{}}
	key := func(s store.Session) store.Key { return g.Hub().Key(store.KindSession, issuer, s.ID) }
	keys := store.Keys{Subject: g.Hub().Key(store.KindSubject, issuer, subject), Issuer: g.Hub().Key(store.KindIssuer, issuer, "")}
	if page.after != "" {
		begin := slices.IndexFunc(of, func(s store.Session) bool { return key(s).String() == page.from.String() })
		if begin < 0 {
			return nil, conflict(errors.New("listing sessions: the list has changed; begin it anew"))
		}
		of = of[begin+1:]
	}
	if len(of) > page.limit {
		of = of[:page.limit]
		list.Next = page.next([]store.Key{key(of[len(of)-1])})
	}
	for _, s := range of {
		keys.Session = key(s)
		list.Sessions = append(list.Sessions, ListedSession{
			ID: s.ID, Key: keys.Session.String(), FirstSeen: unix(s.FirstSeen), LastSeen: unix(s.LastSeen), Revoked: g.Hub().Over(s, &keys),
		})
	}
	return list, nil
}
