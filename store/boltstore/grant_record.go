package boltstore

import (
	"encoding/binary"
	"math"

	"github.com/sessiongate/sessiongate/store"
)

// memberKey sorts the access tokens of a session by expiry, the earliest first.
func memberKey(family store.Key, grant store.Grant) []byte {
	key := binary.BigEndian.AppendUint64(family[:], uint64(grant.Expires))
	return append(key, grant.Token[:]...)
}

// grantFixed is the size of the fixed part of a record: the checksum, the token's name, its
// flags, the number of its families, its subject and its issuer.
const grantFixed = sumSize + 2 + 3*len(store.Key{})

// The flags of a record.
const (
	grantAccess = 1 << iota // an access token
	grantLogin              // the second of its login follows the two times
	grantFlags  = grantAccess | grantLogin
)

// marshalGrant returns the record of a token: the fixed part, its families, the two times as
// uvarints, and the second of its login if that is known.
func marshalGrant(grant store.Grant) []byte {
	value := make([]byte, sumSize, grantFixed+len(grant.Families)*len(store.Key{})+3*binary.MaxVarintLen64)
	flags := byte(0)
	if grant.Access {
		flags |= grantAccess
	}
	if grant.AuthTime != 0 {
		flags |= grantLogin
	}
	value = append(append(value, grant.Token[:]...), flags, byte(len(grant.Families)))
	value = append(append(value, grant.Subject[:]...), grant.Issuer[:]...)
	for _, family := range grant.Families {
		value = append(value, family[:]...)
	}
	value = binary.AppendUvarint(value, uint64(grant.IssuedAt))
	value = binary.AppendUvarint(value, uint64(grant.Expires))
	if grant.AuthTime != 0 {
		value = binary.AppendUvarint(value, uint64(grant.AuthTime))
	}
	return sealed(value)
}

// unmarshalGrant reads a record. A missing record that an index still names is damage,
// and so is a wrong one or that of another token.
func unmarshalGrant(token store.Key, value []byte) (store.Grant, error) {
	damage := damagef("a token's record is damaged")
	const size = len(store.Key{})
	rest, ok := unsealed(value)
	if !ok || len(value) < grantFixed || store.Key(rest) != token || rest[size] > grantFlags {
		return store.Grant{}, damage
	}
	rest = rest[size:]
	flags := rest[0]
	grant := store.Grant{Token: token, Access: flags&grantAccess != 0, Subject: store.Key(rest[2:]), Issuer: store.Key(rest[2+size:])}
	families := int(rest[1])
	if rest = rest[2+2*size:]; len(rest) < families*size {
		return store.Grant{}, damage
	}
	for ; families > 0; families-- {
		grant.Families = append(grant.Families, store.Key(rest))
		rest = rest[size:]
	}
	times := []*int64{&grant.IssuedAt, &grant.Expires}
	if flags&grantLogin != 0 {
		times = append(times, &grant.AuthTime)
	}
	for _, t := range times {
		v, n := shortest(rest)
		if n <= 0 || v > math.MaxInt64 {
			return store.Grant{}, damage
		}
		*t, rest = int64(v), rest[n:]
	}
	if len(rest) != 0 || grant.Validate() != nil || flags&grantLogin != 0 && grant.AuthTime == 0 {
		return store.Grant{}, damage
	}
	return grant, nil
}
