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
	// Revocations are the latest revocation of the subject and that of its whole issuer, each
	// with its origin. Absent if there is none.
	Revocations []Revocation `json:"revocations,omitempty"`
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
	// By is what was revoked: session, login, subject or issuer. Absent if the session is live.
	By string `json:"by,omitempty"`
	Origin
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
	list := SessionList{Issuer: issuer, Subject: subject}
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
	var asked questions
	list.Revocations = asked.about(g.latest(&keys))
	list.Sessions = make([]ListedSession, end-begin)
	for i, s := range of[begin:end] {
		keys.Session = key(s)
		g.describe(s, &keys, &list.Sessions[i], &asked)
	}
	g.answer(r.Context(), asked)
	return list, nil
}

// describe writes what is known of a session with these keys, and asks for the rest.
func (g gate) describe(s store.Session, keys *store.Keys, to *ListedSession, asked *questions) {
	*to = ListedSession{
		ID: s.ID, Key: keys.Session.String(), FirstSeen: unix(s.FirstSeen), LastSeen: unix(s.LastSeen), Revoked: g.Hub().Over(s, keys),
	}
	if to.Revoked {
		why := g.reasonOf(s, keys)
		to.By = why.by
		asked.add(why, &to.Origin)
	}
}
