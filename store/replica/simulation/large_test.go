package simulation

import (
	"context"
	"strconv"
	"sync"
	"time"

	"github.com/sessiongate/sessiongate/store"
)

// bulk is a list of entries of maximum size, the same in every run. Where merging is slow,
// merging them takes longer than a lease.
var bulk = sync.OnceValue(func() (entries [][]store.Revocation) {
	for i := range 14 {
		entry := make([]store.Revocation, store.MaxRevocations)
		for j := range entry {
			name := strconv.Itoa(i*store.MaxRevocations + j)
			entry[j] = store.Revocation{
				Kind: store.KindSession, Expires: 1<<32 - 1,
				Key: store.NewKey(namespace, store.KindSession, "issuer of the past", name),
			}
		}
		entries = append(entries, entry)
	}
	return entries
})

// fill appends entries to the revocation log before the run.
func (w *world) fill() {
	c := w.server().Connect(nil)
	for _, entry := range bulk()[:w.bulk] {
		if _, err := c.Append(context.Background(), entry...); err != nil {
			panic(err) // without a network, valid entries are accepted
		}
	}
	_ = c.Close() // only a second call fails
}

// loseAllWithoutWitness restarts the server empty after every lease has expired, while a
// new gate joins. There is no witness, so gates that hold revocations need time to merge
// them.
func loseAllWithoutWitness(w *world, draw *stream, _ time.Duration) {
	end := w.serverFault()
	w.lose()
	w.server().RestartEmpty()
	w.away(min(draw.between(w.lease, 3*w.lease/2), w.faulty-w.now()))
	end()
	w.sleep(draw.between(1, w.lease/8))
	w.join()
}
