package tokenendpoint

import (
	"bytes"
	"errors"
	"maps"
	"net/http"
	"strconv"
	"strings"
)

// maxAnswer bounds an answer of a token endpoint, as sent and decompressed (invariant 12).
const maxAnswer = 256 << 10

var errLargeAnswer = errors.New("the answer of the token endpoint is too large to be checked")

// bufferedResponse receives the answer of the upstream. An answer with a status of 2xx may
// contain tokens: it is buffered until the gate has checked it. Any other answer passes at
// once. It gives no access to the connection below, so that no answer bypasses the check.
type bufferedResponse struct {
	below   http.ResponseWriter
	header  http.Header
	status  int // 0 before there is one
	body    bytes.Buffer
	passing bool // the answer contains no tokens, and is not buffered
	broken  bool // the answer is too large or broke off
}

// buffer calls the next handler, and returns when its answer is complete.
func buffer(w http.ResponseWriter, r *http.Request, next Next) (response *bufferedResponse, err error) {
	response = &bufferedResponse{below: w, header: w.Header().Clone()}
	if response.header == nil {
		response.header = make(http.Header)
	}
	defer func() {
		// reverse_proxy ends an incomplete answer, or one that failed to be written, in
		// this way.
		if cause := recover(); cause == http.ErrAbortHandler && !response.passing {
			response.broken = true
		} else if cause != nil {
			panic(cause)
		}
	}()
	return response, next(response, r)
}

// Header implements http.ResponseWriter.
func (b *bufferedResponse) Header() http.Header {
	if b.passing {
		return b.below.Header()
	}
	return b.header
}

// WriteHeader implements http.ResponseWriter. It drops interim answers (RFC 9110 §15.2).
func (b *bufferedResponse) WriteHeader(status int) {
	if b.status != 0 || status < 200 {
		return
	}
	b.status = status
	if b.passing = status >= 300; b.passing {
		b.replaceHeader()
		b.below.WriteHeader(status)
	}
}

// Write implements http.ResponseWriter.
func (b *bufferedResponse) Write(part []byte) (int, error) {
	b.WriteHeader(http.StatusOK)
	switch {
	case b.passing:
		return b.below.Write(part)
	case b.body.Len()+len(part) > maxAnswer:
		b.broken = true
		return 0, errLargeAnswer
	}
	return b.body.Write(part)
}

// FlushError implements an interface of http.ResponseController. It does not flush a
// buffered answer.
func (b *bufferedResponse) FlushError() error {
	if b.passing {
		return http.NewResponseController(b.below).Flush()
	}
	return nil
}

// replaceHeader replaces the fields to send by the fields of the answer.
func (b *bufferedResponse) replaceHeader() {
	clear(b.below.Header())
	maps.Copy(b.below.Header(), b.header)
}

// send sends a buffered answer unchanged, byte by byte. It omits trailers.
func (b *bufferedResponse) send(r *http.Request) {
	if b.status == 0 {
		b.status = http.StatusOK
	}
	for field := range b.header {
		if field == "Trailer" || strings.HasPrefix(field, http.TrailerPrefix) {
			delete(b.header, field)
		}
	}
	if b.status != http.StatusNoContent && r.Method != http.MethodHead {
		b.header.Set("Content-Length", strconv.Itoa(b.body.Len()))
	}
	b.replaceHeader()
	b.below.WriteHeader(b.status)
	// The client may have gone; then nobody needs the error.
	_, _ = b.below.Write(b.body.Bytes())
}
