package hub

import (
	"sync"
	"time"

	"github.com/sessiongate/sessiongate/store"
)

// once lets calls for the same revocation of a subject share one revocation. Its zero value
// is ready. It may be used concurrently.
//
// Attack: revoke all other sessions again and again, at the same time from many
// connections. The revocation log keeps an entry of each call for the retention, and a full
// Redis accepts no further revocation of anybody (invariant 12). Calls within one second
// ask for the same revocation.
type once struct {
	mu    sync.Mutex
	calls map[store.Revocation]*onceCall
}

type onceCall struct {
	done chan struct{} // closed when err is set
	err  error
}

// do calls revoke and returns its result. Calls that come while it runs share the
// result. After a success, so do calls until the present second has passed.
func (o *once) do(revocation store.Revocation, revoke func() error) error {
	call, first := o.join(revocation)
	if !first {
		<-call.done
		return call.err
	}
	if call.err = revoke(); call.err == nil {
		second := min(revocation.NotBefore, time.Now().Unix()) // the issuer's clock may be ahead
		time.AfterFunc(time.Until(time.Unix(second+1, 0)), func() { o.remove(revocation) })
	} else {
		o.remove(revocation)
	}
	close(call.done)
	return call.err
}

func (o *once) join(revocation store.Revocation) (call *onceCall, first bool) {
	o.mu.Lock()
	defer o.mu.Unlock()
	if call, running := o.calls[revocation]; running {
		return call, false
	}
	if o.calls == nil {
		o.calls = make(map[store.Revocation]*onceCall)
	}
	call = &onceCall{done: make(chan struct{})}
	o.calls[revocation] = call
	return call, true
}

func (o *once) remove(revocation store.Revocation) {
	o.mu.Lock()
	defer o.mu.Unlock()
	delete(o.calls, revocation)
}
