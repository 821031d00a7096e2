package caddymodule

import (
	"sync"
	"time"

	"github.com/sessiongate/sessiongate/store"
)

// alike lets calls that ask for the same revocation of a subject share one. Its
// zero value is ready. It may be used concurrently.
//
// Attack: end all other sessions over and over, at once from many connections. The
// log keeps an entry of each for the retention, and a Redis that is full takes no
// revocation of anybody (invariant 12). Calls of one second ask for the same.
type alike struct {
	mu    sync.Mutex
	calls map[store.Revocation]*alikeCall
}

type alikeCall struct {
	done chan struct{} // closed when err is there to be read
	err  error
}

// once returns what revoke returns, which is called once for all that come while it
// runs, and after it succeeded, until the second of the instant has passed.
func (a *alike) once(revocation store.Revocation, revoke func() error) error {
	call, first := a.join(revocation)
	if !first {
		<-call.done
		return call.err
	}
	if call.err = revoke(); call.err == nil {
		time.AfterFunc(time.Until(time.Unix(revocation.NotBefore+1, 0)), func() { a.forget(revocation) })
	} else {
		a.forget(revocation)
	}
	close(call.done)
	return call.err
}

func (a *alike) join(revocation store.Revocation) (call *alikeCall, first bool) {
	a.mu.Lock()
	defer a.mu.Unlock()
	if call, running := a.calls[revocation]; running {
		return call, false
	}
	if a.calls == nil {
		a.calls = make(map[store.Revocation]*alikeCall)
	}
	call = &alikeCall{done: make(chan struct{})}
	a.calls[revocation] = call
	return call, true
}

func (a *alike) forget(revocation store.Revocation) {
	a.mu.Lock()
	defer a.mu.Unlock()
	delete(a.calls, revocation)
}
