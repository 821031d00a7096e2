package sessionapi

import (
	"bytes"
	"cmp"
	"encoding/base64"
	"encoding/binary"
	"net/http"
	"net/url"
	"slices"
	"strconv"
	"time"

	"github.com/sessiongate/sessiongate/caddymodule/caller"
	"github.com/sessiongate/sessiongate/caddymodule/reply"
	"github.com/sessiongate/sessiongate/caddymodule/token"
	"github.com/sessiongate/sessiongate/store"
)

const (
	defaultPage = 50
	maxPage     = 100
)

// listed is one session in a list.
type listed struct {
	SessionID string    `json:"session_id"`
	FirstSeen time.Time `json:"first_seen"`
	LastSeen  time.Time `json:"last_seen"`
	Current   bool      `json:"current"`

	rank rank
}

// list is one page of the caller's sessions, those seen last first.
type list struct {
	Sessions []listed `json:"sessions"`
	// Next is where the next page begins, "" on the last one.
	Next string `json:"next,omitempty"`
}

// listSessions answers with a page of the caller's own sessions: the sessions that were
// seen within the longest life of a token and are not revoked. A page of another site may cause the
// request, with the browser's cookie. The browser does not let that page read the answer
// (CORS).
func (a *API) listSessions(w http.ResponseWriter, r *http.Request) error {
	a.o.Origins.Allow(w, r)
	now := time.Now()
	bearer, _, deny := a.o.Caller.Read(r, &now)
	if deny != nil {
		return a.o.Refuse(w, r, deny)
	}
	if deny := a.o.Caller.Check(bearer, now); deny != nil {
		return a.refuse(w, r, bearer, deny)
	}
	a.o.Caller.Note(bearer, now)
	limit, after, ok := readPage(r.URL.RawQuery)
	switch {
	case bearer.Subject == "":
		return a.refuse(w, r, bearer, denySubject)
	case !ok:
		return a.refuse(w, r, bearer, denyPage)
	}
	sessions, err := a.sessionsOf(r, bearer)
	if err != nil {
		// Invariant 7: a technical failure is 503, never an empty list.
		a.o.Logger.Error("the sessions of a subject could not be listed", "key", bearer.Keys.Subject, "error", err)
		return a.refuse(w, r, bearer, caller.Unavailable)
	}
	a.o.Answered(r, bearer.Subject)
	return reply.JSON(w, http.StatusOK, pageOf(sessions, limit, after))
}

// sessionsOf returns the caller's sessions that are not revoked, in their order.
func (a *API) sessionsOf(r *http.Request, bearer *token.Verified) ([]listed, error) {
	known, err := a.o.Hub.SessionsOf(r.Context(), bearer.Issuer, bearer.Subject)
	if err != nil {
		return nil, err
	}
	sessions := make([]listed, 0, len(known))
	for _, s := range known {
		keys := store.Keys{
			Session: a.o.Hub.SessionKey(s.Issuer, s.ID), Subject: bearer.Keys.Subject, Issuer: bearer.Keys.Issuer,
		}
		current := s.ID == bearer.Session
		if !current && a.o.Hub.Over(s, &keys) {
			continue
		}
		sessions = append(sessions, listed{
			SessionID: s.ID, Current: current, rank: rankOf(s.LastSeen, keys.Session),
			FirstSeen: time.Unix(s.FirstSeen, 0).UTC(), LastSeen: time.Unix(s.LastSeen, 0).UTC(),
		})
	}
	slices.SortFunc(sessions, func(a, b listed) int { return bytes.Compare(a.rank[:], b.rank[:]) })
	return sessions, nil
}

// pageOf cuts a page out of a list.
func pageOf(sessions []listed, limit int, after rank) list {
	from, _ := slices.BinarySearchFunc(sessions, after, func(s listed, after rank) int {
		return cmp.Or(bytes.Compare(s.rank[:], after[:]), -1) // right after it
	})
	l := list{Sessions: sessions[from:]}
	if len(l.Sessions) > limit {
		l.Sessions = l.Sessions[:limit]
		l.Next = base64.RawURLEncoding.EncodeToString(l.Sessions[limit-1].rank[:])
	}
	return l
}

// rank is the position of a session in the list, and as text the cursor: when the session
// was last seen, and a hash of its id.
//
// Invariant 10: no session id is ever logged. A cursor occurs in the query, and so in
// access logs.
type rank [8 + len(store.Key{})]byte

// rankOf ranks the sessions seen last first.
func rankOf(lastSeen int64, session store.Key) (p rank) {
	binary.BigEndian.PutUint64(p[:8], ^uint64(lastSeen))
	copy(p[8:], session[:])
	return p
}

// readPage reads which page a query asks for. Other parameters are ignored.
func readPage(query string) (limit int, after rank, ok bool) {
	parameters, err := url.ParseQuery(query)
	if err != nil {
		return 0, after, false
	}
	limit = defaultPage
	if texts, given := parameters["limit"]; given {
		limit, err = strconv.Atoi(texts[0])
		if err != nil || len(texts) > 1 || limit < 1 || limit > maxPage || strconv.Itoa(limit) != texts[0] {
			return 0, after, false
		}
	}
	if texts, given := parameters["after"]; given {
		cursor, err := base64.RawURLEncoding.Strict().DecodeString(texts[0])
		if err != nil || len(texts) > 1 || len(cursor) != len(after) {
			return 0, after, false
		}
		after = rank(cursor)
	}
	return limit, after, true
}
