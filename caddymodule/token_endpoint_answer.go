package caddymodule

import (
	"bytes"
	"errors"
	"maps"
	"net/http"
	"strconv"
	"strings"

	"github.com/caddyserver/caddy/v2/modules/caddyhttp"
)

// maxAnswer bounds an answer of a token endpoint, as it is sent and as it unfolds
// (invariant 12).
const maxAnswer = 256 << 10

var (
	errLargeAnswer = errors.New("the answer of the token endpoint is too large to be checked")
	errBroken      = errors.New("reading token answer: it is too large, or broke off")
)

// heldAnswer takes the answer of the upstream. One that hands something out, with
// a status of 2xx, is held until it was checked; any other passes as it comes. It
// offers nothing of the connection below, so that no answer gets around it.
type heldAnswer struct {
	below   http.ResponseWriter
	header  http.Header
	status  int // 0 before there is one
	body    bytes.Buffer
	passing bool
	broken  bool
}

// hold has the next handler answer, and returns when it has.
func hold(w http.ResponseWriter, r *http.Request, next caddyhttp.Handler) (held *heldAnswer, err error) {
	held = &heldAnswer{below: w, header: w.Header().Clone()}
	if held.header == nil {
		held.header = make(http.Header)
	}
	defer func() {
		// How reverse_proxy ends what has no whole body, or is not taken.
		if cause := recover(); cause == http.ErrAbortHandler && !held.passing {
			held.broken = true
		} else if cause != nil {
			panic(cause)
		}
	}()
	return held, next.ServeHTTP(held, r)
}

// Header implements http.ResponseWriter.
func (h *heldAnswer) Header() http.Header {
	if h.passing {
		return h.below.Header()
	}
	return h.header
}

// WriteHeader implements http.ResponseWriter. Of interim answers (RFC 9110 §15.2)
// none is passed on.
func (h *heldAnswer) WriteHeader(status int) {
	if h.status != 0 || status < 200 {
		return
	}
	h.status = status
	if h.passing = status >= 300; h.passing {
		h.replaceHeader()
		h.below.WriteHeader(status)
	}
}

// Write implements http.ResponseWriter.
func (h *heldAnswer) Write(part []byte) (int, error) {
	h.WriteHeader(http.StatusOK)
	switch {
	case h.passing:
		return h.below.Write(part)
	case h.body.Len()+len(part) > maxAnswer:
		h.broken = true
		return 0, errLargeAnswer
	}
	return h.body.Write(part)
}

// FlushError implements what http.ResponseController looks for. What is held is
// not flushed.
func (h *heldAnswer) FlushError() error {
	if h.passing {
		return http.NewResponseController(h.below).Flush()
	}
	return nil
}

// replaceHeader makes the fields of the answer those that are sent.
func (h *heldAnswer) replaceHeader() {
	clear(h.below.Header())
	maps.Copy(h.below.Header(), h.header)
}

// release sends what was held, byte by byte as it came. Trailers are left out.
func (h *heldAnswer) release(r *http.Request) error {
	if h.status == 0 {
		h.status = http.StatusOK
	}
	for field := range h.header {
		if field == "Trailer" || strings.HasPrefix(field, http.TrailerPrefix) {
			delete(h.header, field)
		}
	}
	if h.status != http.StatusNoContent && r.Method != http.MethodHead {
		h.header.Set("Content-Length", strconv.Itoa(h.body.Len()))
	}
	h.replaceHeader()
	h.below.WriteHeader(h.status)
	// The client may be gone; there is nobody left to tell.
	_, _ = h.below.Write(h.body.Bytes())
	return nil
}
