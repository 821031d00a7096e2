package simulation

import (
	"context"
	"strconv"
	"sync"
	"time"

	"github.com/sessiongate/sessiongate/store"
)

// bulk are entries of as many revocations as an entry holds. Merging them takes
// longer than a lease where merging is slow. They are the same in every run.
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

// fill puts on the log what many have revoked before the run.
func (w *world) fill() {
	c := w.server().Connect(nil)
	for _, entry := range bulk()[:w.bulk] {
		if _, err := c.Append(context.Background(), entry...); err != nil {
			panic(err) // a server without a network takes what is valid
		}
	}
	_ = c.Close() // which fails only the second time
}

// amnesia is a server that comes back empty, after every lease was over, while a
// gate joins that knows nothing: there is no witness, and who holds something has
// to be given the time to merge it.
func amnesia(w *world, draw *stream, _ time.Duration) {
	end := w.serverFault()
	w.lose()
	w.server().RestartEmpty()
	w.away(min(draw.between(w.lease, 3*w.lease/2), w.faulty-w.now()))
	end()
	w.sleep(draw.between(1, w.lease/8))
	w.join()
}
