package harness

import (
	"io"
	"net/http"
	"net/http/httptest"
	"sync"
	"testing"
)

// Delivery is a request that a Hook got.
type Delivery struct {
	Header http.Header
	Body   string
	Status int // the answer
}

// Hook is the receiver of a webhook. It answers 204 unless Answer says otherwise. It may be
// used concurrently.
type Hook struct {
	// URL is that of the receiver. Its path is no part of what others may see.
	URL string

	mu      sync.Mutex
	status  int
	hold    chan struct{} // requests wait until it is closed, unless it is nil
	holding int
	got     []Delivery
}

// NewHook starts a receiver on loopback, until the end of the test.
func NewHook(tb testing.TB) *Hook {
	h := &Hook{status: http.StatusNoContent}
	server := httptest.NewServer(h)
	tb.Cleanup(server.Close)
	tb.Cleanup(func() { h.Answer(http.StatusNoContent) }) // releases what is held
	h.URL = server.URL + "/canary-of-the-url"
	return h
}

// ServeHTTP implements http.Handler.
func (h *Hook) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	body, err := io.ReadAll(r.Body)
	h.mu.Lock()
	hold := h.hold
	h.holding++
	h.mu.Unlock()
	if hold != nil {
		select {
		case <-hold:
		case <-r.Context().Done():
		}
	}
	h.mu.Lock()
	defer h.mu.Unlock()
	h.holding--
	status := h.status
	if err != nil || r.Context().Err() != nil {
		return // the gate has given up
	}
	h.got = append(h.got, Delivery{r.Header, string(body), status})
	w.WriteHeader(status)
}

// Hold makes the receiver hang, until Answer.
func (h *Hook) Hold() {
	h.mu.Lock()
	defer h.mu.Unlock()
	h.hold = make(chan struct{})
}

// Answer makes the receiver answer with this status, also requests that it holds.
func (h *Hook) Answer(status int) {
	h.mu.Lock()
	defer h.mu.Unlock()
	h.status = status
	if h.hold != nil {
		close(h.hold)
		h.hold = nil
	}
}

// Holding returns how many requests wait for an answer.
func (h *Hook) Holding() int {
	h.mu.Lock()
	defer h.mu.Unlock()
	return h.holding
}

// Got returns all requests that were answered.
func (h *Hook) Got() []Delivery {
	h.mu.Lock()
	defer h.mu.Unlock()
	return append([]Delivery(nil), h.got...)
}
