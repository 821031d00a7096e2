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

// grantFixed is the size of the fixed part of a record: the checksum, the token's name,
// whether it is an access token, the number of its families, its subject and its
// issuer.
const grantFixed = sumSize + 2 + 3*len(store.Key{})

// marshalGrant returns the record of a token: the fixed part, its families, and the two
// times as uvarints.
func marshalGrant(grant store.Grant) []byte {
	value := make([]byte, sumSize, grantFixed+len(grant.Families)*len(store.Key{})+2*binary.MaxVarintLen64)
	access := byte(0)
	if grant.Access {
		access = 1
	}
	value = append(append(value, grant.Token[:]...), access, byte(len(grant.Families)))
	value = append(append(value, grant.Subject[:]...), grant.Issuer[:]...)
	for _, family := range grant.Families {
		value = append(value, family[:]...)
	}
	value = binary.AppendUvarint(value, uint64(grant.IssuedAt))
	value = binary.AppendUvarint(value, uint64(grant.Expires))
	return sealed(value)
}

// unmarshalGrant reads a record. A missing record that an index still names is damage,
// and so is a wrong one or that of another token.
func unmarshalGrant(token store.Key, value []byte) (store.Grant, error) {
	damage := damagef("a token's record is damaged")
	const size = len(store.Key{})
	rest, ok := unsealed(value)
	if !ok || len(value) < grantFixed || store.Key(rest) != token || rest[size] > 1 {
		return store.Grant{}, damage
	}
	rest = rest[size:]
	grant := store.Grant{Token: token, Access: rest[0] == 1, Subject: store.Key(rest[2:]), Issuer: store.Key(rest[2+size:])}
	families := int(rest[1])
	if rest = rest[2+2*size:]; len(rest) < families*size {
		return store.Grant{}, damage
	}
	for ; families > 0; families-- {
		grant.Families = append(grant.Families, store.Key(rest))
		rest = rest[size:]
	}
	for _, t := range []*int64{&grant.IssuedAt, &grant.Expires} {
		v, n := shortest(rest)
		if n <= 0 || v > math.MaxInt64 {
			return store.Grant{}, damage
		}
		*t, rest = int64(v), rest[n:]
	}
	if len(rest) != 0 || grant.Validate() != nil {
		return store.Grant{}, damage
	}
	return grant, nil
}
