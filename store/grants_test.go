package store_test

import (
	"reflect"
	"testing"

	"github.com/sessiongate/sessiongate/store"
)

func families(names ...byte) (keys []store.Key) {
	for _, name := range names {
		keys = append(keys, store.Key{name})
	}
	return keys
}

func TestJoinFamilies(t *testing.T) {
	for name, tt := range map[string]struct {
		lists [][]store.Key
		want  []store.Key
	}{
		"none":                   {nil, nil},
		"only nameless ones":     {[][]store.Key{{{}}, {{}, {}}}, nil},
		"each once, in order":    {[][]store.Key{families(2, 1), families(1, 3, 2)}, families(2, 1, 3)},
		"nameless ones left out": {[][]store.Key{families(1), {{}}, families(2)}, families(1, 2)},
		"many, all":              {[][]store.Key{families(1, 2, 3, 4, 5, 6), families(7, 8, 9, 10)}, families(1, 2, 3, 4, 5, 6, 7, 8, 9, 10)},
	} {
		if got := store.JoinFamilies(tt.lists...); len(got) != len(tt.want) || len(got) > 0 && !reflect.DeepEqual(got, tt.want) {
			t.Errorf("%s: %v, want %v", name, got, tt.want)
		}
	}
	list := families(1, 2)
	if store.JoinFamilies(list[:1], families(3)); list[1] != families(2)[0] {
		t.Error("joining has changed a list")
	}
}

// Invariant 2. Attack: obtain a token again, so that it appears to be issued after the
// revocation, or to have left its session.
func TestAGrantLearnedAgainLosesNothing(t *testing.T) {
	known := store.Grant{Token: store.Key{1}, Families: families(1), Subject: store.Key{2}, Issuer: store.Key{3}, IssuedAt: 10, AuthTime: 8, Expires: 100}
	again := store.Grant{Token: store.Key{1}, Families: families(2), IssuedAt: 20, AuthTime: 9, Expires: 90}
	want := store.Grant{Token: store.Key{1}, Families: families(1, 2), Subject: store.Key{2}, Issuer: store.Key{3}, IssuedAt: 10, AuthTime: 8, Expires: 100}
	if got := again.After(known); !reflect.DeepEqual(got, want) {
		t.Errorf("learned %+v, want %+v", got, want)
	}
	again.Subject, again.IssuedAt, again.Expires = store.Key{9}, 5, 200
	want.Subject, want.IssuedAt, want.Expires = store.Key{9}, 5, 200
	if got := again.After(known); !reflect.DeepEqual(got, want) {
		t.Errorf("learned %+v, want %+v", got, want)
	}
}
