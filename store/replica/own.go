package replica

import "github.com/sessiongate/sessiongate/store"

// own is the entry that this gate published last, or that is under way.
type own struct {
	// first is the first key of an entry that is under way, zero when none is.
	first store.Key
	// at is where the entry is. While it is under way, it is where one was read that
	// may be it, and zero before.
	at store.Position
}

// is reports whether entries that were read are this one alone. While it is under
// way, another gate's that begins with the same key is taken for it, once.
func (o *own) is(entries []store.Entry) bool {
	if len(entries) != 1 {
		return false
	}
	if entry := entries[0]; o.first == entry.Revocations[0].Key && o.at == (store.Position{}) {
		o.at = entry.Position
	}
	return o.at == entries[0].Position
}

// placed takes up where the entry was put, zero if that is not known, and reports
// whether another was taken for it.
func (o *own) placed(at store.Position) (mistaken bool) {
	mistaken = o.at != (store.Position{}) && o.at != at
	*o = own{at: at}
	return mistaken
}
