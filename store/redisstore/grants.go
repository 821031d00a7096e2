package redisstore

import (
	"context"
	"encoding/hex"
	"errors"
	"fmt"
	"strconv"

	"github.com/redis/go-redis/v9"

	"github.com/sessiongate/sessiongate/store"
)

// What the script that learns tokens returns for a session with too many tokens, and
// for a token of too many sessions.
const (
	replyFull = "FULL"
	replyMany = "MANY"
)

// Learn implements store.Grants. It is one script. It does not record expired grants.
func (s *Store) Learn(ctx context.Context, grants ...store.Grant) error {
	const doing = "learning tokens in redis"
	now := s.clock().Unix()
	var keys []string
	args := []any{now, store.MaxFamilies, store.MaxMembers}
	for _, grant := range grants {
		if err := grant.Validate(); err != nil {
			return fmt.Errorf("%s: %w", doing, err)
		}
		if grant.Expires <= now {
			continue
		}
		access := 0
		if grant.Access {
			access = 1
		}
		keys = append(keys, s.grantKey(grant.Token))
		for _, family := range grant.Families {
			keys = append(keys, s.familyKey(family))
		}
		args = append(args, len(grant.Families), access, optional(grant.Subject), optional(grant.Issuer),
			grant.IssuedAt, grant.AuthTime, grant.Expires, grant.Expires-now+sessionGrace)
	}
	bounded, cancel, err := s.begin(ctx, doing, callBudget)
	if err != nil {
		return err
	}
	defer cancel()
	if len(keys) == 0 {
		return nil
	}
	reply, err := s.run(bounded, s.writer, learnScript, keys, args...)
	if err != nil {
		return s.explain(ctx, doing, err)
	}
	switch reply {
	case replyFull:
		return fmt.Errorf("%s: %w", doing, store.ErrFullFamily)
	case replyMany:
		return fmt.Errorf("%s: %w", doing, store.ErrManyFamilies)
	}
	return nil
}

// Known implements store.Grants.
//
// Invariant 7: a damaged record is a failure. With sessions it counts as unknown; here,
// unknown would let a token pass.
func (s *Store) Known(ctx context.Context, tokens ...store.Key) ([]store.Grant, error) {
	const doing = "looking up tokens in redis"
	bounded, cancel, err := s.begin(ctx, doing, callBudget)
	if err != nil {
		return nil, err
	}
	defer cancel()
	replies := make([]*redis.SliceCmd, len(tokens))
	_, err = s.writer.Pipelined(bounded, func(pipe redis.Pipeliner) error {
		for i, token := range tokens {
			replies[i] = pipe.HMGet(bounded, s.grantKey(token), grantFields...)
		}
		return nil
	})
	if err != nil {
		return nil, s.explain(ctx, doing, err)
	}
	var found []store.Grant
	now := s.clock().Unix()
	for i, token := range tokens {
		grant, known, err := parseGrant(token, replies[i].Val())
		if err != nil {
			return nil, fmt.Errorf("%s: %w", doing, err)
		}
		if known && grant.Expires > now {
			found = append(found, grant)
		}
	}
	return found, nil
}

// Members implements store.Grants.
func (s *Store) Members(ctx context.Context, family store.Key) ([]store.Key, error) {
	const doing = "listing tokens in redis"
	bounded, cancel, err := s.begin(ctx, doing, callBudget)
	if err != nil {
		return nil, err
	}
	defer cancel()
	listed, err := s.writer.ZRevRangeWithScores(bounded, s.familyKey(family), 0, store.MaxMembers-1).Result()
	if err != nil {
		return nil, s.explain(ctx, doing, err)
	}
	var members []store.Key
	now := s.clock().Unix()
	for _, member := range listed {
		name, _ := member.Member.(string)
		key, ok := parseKey(name)
		if !ok {
			return nil, fmt.Errorf("%s: a member of a session: %w", doing, store.ErrUnreadable)
		}
		if int64(member.Score) > now {
			members = append(members, key)
		}
	}
	return members, nil
}

func (s *Store) grantKey(token store.Key) string {
	return s.prefix + "grant:" + hex.EncodeToString(token[:])
}

func (s *Store) familyKey(family store.Key) string {
	return s.prefix + "family:" + hex.EncodeToString(family[:])
}

// optional returns the hex of a key, or "" for none.
func optional(key store.Key) string {
	if key.IsZero() {
		return ""
	}
	return hex.EncodeToString(key[:])
}

// parseKey reads the hex of a key that names something.
func parseKey(text string) (key store.Key, ok bool) {
	decoded, err := hex.DecodeString(text)
	if err != nil || len(decoded) != len(key) {
		return key, false
	}
	key = store.Key(decoded)
	return key, !key.IsZero()
}

// grantFields are the fields of a token's record. One without "login" is that of a token whose
// login is not known.
var grantFields = []string{"access", "families", "subject", "issuer", "issued", "expires", "login"}

// parseGrant reads grantFields. Its errors wrap store.ErrUnreadable.
func parseGrant(token store.Key, fields []any) (grant store.Grant, known bool, err error) {
	var text [7]string
	missing := 0
	for i := range text {
		var ok bool
		if i >= len(fields) {
			missing++
		} else if text[i], ok = fields[i].(string); !ok {
			missing++
		}
	}
	if missing == len(text) {
		return store.Grant{}, false, nil
	}
	if text[6] == "" {
		text[6], missing = "0", missing-1
	}
	grant = store.Grant{Token: token, Access: text[0] == "1"}
	ok := missing == 0 && len(text[1])%(2*len(token)) == 0
	for rest := text[1]; ok && rest != ""; rest = rest[2*len(token):] {
		var family store.Key
		family, ok = parseKey(rest[:2*len(token)])
		grant.Families = append(grant.Families, family)
	}
	for i, key := range []*store.Key{&grant.Subject, &grant.Issuer} {
		if text[2+i] != "" && ok {
			*key, ok = parseKey(text[2+i])
		}
	}
	var err1, err2, err3 error
	grant.IssuedAt, err1 = strconv.ParseInt(text[4], 10, 64)
	grant.Expires, err2 = strconv.ParseInt(text[5], 10, 64)
	grant.AuthTime, err3 = strconv.ParseInt(text[6], 10, 64)
	if !ok || errors.Join(err1, err2, err3, grant.Validate()) != nil {
		return store.Grant{}, false, fmt.Errorf("a token's record: %w", store.ErrUnreadable)
	}
	return grant, true, nil
}

var _ store.Grants = (*Store)(nil)
