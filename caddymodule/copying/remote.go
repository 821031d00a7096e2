package copying

import (
	"context"
	"fmt"
)

// Request is what is asked of a process that has a store open.
type Request struct {
	// Do is state, read, write, pause or resume.
	Do   string
	From Cursor
	Page Page
}

// Answer is what it answers.
type Answer struct {
	State State
	Page  Page
	Next  Cursor
}

// Serve does what is asked.
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
		err = fmt.Errorf("%q is none of state, read, write, pause and resume", q.Do)
	}
	return a, err
}

// Remote is a store that another process has open. It sends a request there.
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
