package replica

// Size is how much a replica holds.
type Size struct {
	// Sessions, Tokens, Subjects and Issuers are how many revocations of each kind the replica
	// holds, as Counts counts them.
	Sessions, Tokens, Subjects, Issuers int
	// Bytes is the memory that the set of revocations takes, free places included.
	Bytes int64
}

// Size returns how much the replica holds. It reads running counts, so it is quick however
// large the set is. It may be called concurrently.
func (r *Replica) Size() Size {
	keys, instants := &r.set.keys, &r.set.instants
	tokens, issuers := int(keys.tokens.Load()), int(instants.issuers.Load())
	return Size{
		// The counts are read one by one, so a difference may be off for a moment.
		Sessions: max(0, keys.len()-tokens), Tokens: tokens,
		Subjects: max(0, instants.len()-issuers), Issuers: issuers,
		Bytes: keys.bytes() + instants.bytes(),
	}
}

// slotBytes is the size of a slot of a table: the key, the expiry, the instant and the marks.
const slotBytes = 16 + 4 + 4 + 1

func (s *keySet) bytes() (sum int64) {
	for i := range s.shards {
		if t := s.shards[i].table.Load(); t != nil {
			sum += int64(len(t.keys)) * slotBytes
		}
	}
	return sum
}

const (
	// pointerBytes is the size of a slot of an instantSet.
	pointerBytes = 8
	// predicateBytes is the size of a predicate with the instants that hold it. A key has
	// nearly always one predicate.
	predicateBytes = 48 + 48
)

func (s *instantSet) bytes() int64 {
	slots := s.slots.Load()
	if slots == nil {
		return 0
	}
	return int64(len(*slots))*pointerBytes + s.count.Load()*predicateBytes
}
