package redisstore

import (
	"cmp"
	"context"
	"encoding/hex"
	"errors"
	"fmt"
	"slices"
	"strconv"

	"github.com/redis/go-redis/v9"

	"github.com/sessiongate/sessiongate/store"
)

const (
	// seenStep is how many sessions one script records.
	seenStep = 100
	// sessionGrace is how many seconds a session stays in Redis after its expiry. The
	// expiry itself is checked when the session is read.
	sessionGrace = 60
)

// Seen implements store.Sessions. It does not record expired sessions.
func (s *Store) Seen(ctx context.Context, sessions ...store.Session) error {
	const doing = "recording sessions in redis"
	now := s.clock().Unix()
	live := slices.DeleteFunc(slices.Clone(sessions), func(session store.Session) bool {
		return session.Expires <= now
	})
	if s.closed.Load() {
		return fmt.Errorf("%s: %w", doing, store.ErrClosed)
	}
	for step := range slices.Chunk(live, seenStep) {
		bounded, cancel, err := s.begin(ctx, doing, callBudget)
		if err != nil {
			return err
		}
		err = s.seen(bounded, now, step)
		cancel()
		if err != nil {
			return s.explain(ctx, doing, err)
		}
	}
	return nil
}

func (s *Store) seen(ctx context.Context, now int64, sessions []store.Session) error {
	keys := make([]string, 0, 1+2*len(sessions))
	keys = append(keys, s.prefix+"sessions")
	args := make([]any, 0, 3+6*len(sessions))
	args = append(args, s.limits.Subject, s.limits.Total, now-sessionGrace)
	for _, session := range sessions {
		name := s.name(store.KindSession, session.Issuer, session.ID)
		keys = append(keys, s.sessionKey(name), s.subjectKey(session.Issuer, session.Subject))
		args = append(args, session.Issuer, session.ID, session.Subject,
			session.FirstSeen, session.LastSeen, session.Expires)
	}
	_, err := s.run(ctx, s.writer, seenScript, keys, args...)
	return err
}

// Owner implements store.Sessions.
func (s *Store) Owner(ctx context.Context, issuer, id string) (string, error) {
	const doing = "looking up session in redis"
	bounded, cancel, err := s.begin(ctx, doing, callBudget)
	if err != nil {
		return "", err
	}
	defer cancel()
	member := s.name(store.KindSession, issuer, id)
	fields, err := s.writer.HMGet(bounded, s.sessionKey(member), sessionFields...).Result()
	if err != nil {
		return "", s.explain(ctx, doing, err)
	}
	session, ok := parseSession(fields)
	if !ok || session.Issuer != issuer || session.ID != id || session.Expires <= s.clock().Unix() {
		return "", fmt.Errorf("%s: %w", doing, store.ErrUnknownSession)
	}
	return session.Subject, nil
}

// Of implements store.Sessions. The subject's list may name sessions that have expired
// or now belong to another subject. The session itself decides.
func (s *Store) Of(ctx context.Context, issuer, subject string) ([]store.Session, error) {
	const doing = "listing sessions in redis"
	bounded, cancel, err := s.begin(ctx, doing, callBudget)
	if err != nil {
		return nil, err
	}
	defer cancel()
	list := s.subjectKey(issuer, subject)
	members, err := s.writer.ZRevRange(bounded, list, 0, int64(s.limits.Subject)-1).Result()
	if err != nil {
		return nil, s.explain(ctx, doing, err)
	}
	replies := make([]*redis.SliceCmd, len(members))
	_, err = s.writer.Pipelined(bounded, func(pipe redis.Pipeliner) error {
		for i, member := range members {
			replies[i] = pipe.HMGet(bounded, s.sessionKey(member), sessionFields...)
		}
		return nil
	})
	if err != nil && !errors.Is(err, redis.Nil) {
		return nil, s.explain(ctx, doing, err)
	}
	now := s.clock()
	var of []store.Session
	for _, reply := range replies {
		session, ok := parseSession(reply.Val())
		if ok && session.Issuer == issuer && session.Subject == subject && session.Expires > now.Unix() {
			of = append(of, session)
		}
	}
	slices.SortFunc(of, func(a, b store.Session) int {
		return cmp.Or(cmp.Compare(b.LastSeen, a.LastSeen), cmp.Compare(a.ID, b.ID))
	})
	return of, nil
}

// name is the name of a session or subject inside the namespace: 32 hex digits.
func (s *Store) name(kind store.Kind, issuer, value string) string {
	key := store.NewKey(s.options.Namespace, kind, issuer, value)
	return hex.EncodeToString(key[:])
}

func (s *Store) sessionKey(name string) string { return s.prefix + "session:" + name }

func (s *Store) subjectKey(issuer, subject string) string {
	return s.prefix + "subject:" + s.name(store.KindSubject, issuer, subject)
}

var sessionFields = []string{"issuer", "id", "subject", "first", "last", "expires"}

// parseSession reads sessionFields. It reports false for a session that is missing or
// damaged: sessions are soft state, and unknown is an answer.
func parseSession(fields []any) (store.Session, bool) {
	var text [6]string
	for i := range text {
		if i >= len(fields) {
			return store.Session{}, false
		}
		var ok bool
		if text[i], ok = fields[i].(string); !ok {
			return store.Session{}, false
		}
	}
	first, err1 := strconv.ParseInt(text[3], 10, 64)
	last, err2 := strconv.ParseInt(text[4], 10, 64)
	expires, err3 := strconv.ParseInt(text[5], 10, 64)
	return store.Session{
		Issuer: text[0], ID: text[1], Subject: text[2],
		FirstSeen: first, LastSeen: last, Expires: expires,
	}, errors.Join(err1, err2, err3) == nil
}
