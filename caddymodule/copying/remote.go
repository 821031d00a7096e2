package copying

import (
	"context"
	"fmt"
)

// Request asks a process that has a store open for one operation of a Place.
type Request struct {
	// Do is state, read, write, pause or resume.
	Do   string
	From Cursor // of read
	Page Page   // of write
}

// Answer is the result of a Request. State is that of state; Page and Next are those of
// read.
type Answer struct {
	State State
	Page  Page
	Next  Cursor
}

// Serve does what a request asks for.
func (l *Local) Serve(ctx context.Context, q Request) (a Answer, err error) {
	switch q.Do {
	case "state":
		a.State, err = l.State(ctx)
	case "read":
		a.Page, a.Next, err = l.Read(ctx, q.From)
	case "write":
		err = l.Write(ctx, q.Page)
	case "pause", "resume":
		err = l.Pause(ctx, q.Do == "pause")
	default:
		err = fmt.Errorf("unknown request %q; want state, read, write, pause or resume", q.Do)
	}
	return a, err
}

// Remote is a store that another process has open. The function sends a request to that
// process, and returns its answer.
type Remote func(ctx context.Context, q Request) (Answer, error)

// State implements Place.
func (r Remote) State(ctx context.Context) (State, error) {
	a, err := r(ctx, Request{Do: "state"})
	return a.State, err
}

// Read implements Place.
func (r Remote) Read(ctx context.Context, from Cursor) (Page, Cursor, error) {
	a, err := r(ctx, Request{Do: "read", From: from})
	return a.Page, a.Next, err
}

// Write implements Place.
func (r Remote) Write(ctx context.Context, page Page) error {
	_, err := r(ctx, Request{Do: "write", Page: page})
	return err
}

// Pause implements Place.
func (r Remote) Pause(ctx context.Context, on bool) error {
	do := map[bool]string{true: "pause", false: "resume"}[on]
	_, err := r(ctx, Request{Do: do})
	return err
}

var (
	_ Place = (*Local)(nil)
	_ Place = Remote(nil)
)
