package tokenendpoint

import (
	"bytes"
	"errors"
	"maps"
	"net/http"
	"strconv"
	"strings"
)

// maxAnswer bounds an answer of a token endpoint, as it is sent and as it unfolds
// (invariant 12).
const maxAnswer = 256 << 10

var errLargeAnswer = errors.New("the answer of the token endpoint is too large to be checked")

// bufferedResponse takes the answer of the upstream. It buffers an answer that hands
// something out, with a status of 2xx, until the gate has checked it. Any other answer passes
// as it comes. It offers nothing of the connection below, so that no answer gets around it.
type bufferedResponse struct {
	below   http.ResponseWriter
	header  http.Header
	status  int // 0 before there is one
	body    bytes.Buffer
	passing bool // the answer hands nothing out, and is not buffered
	broken  bool // the answer is too large or broke off
}

// buffer has the next handler answer, and returns when it has.
func buffer(w http.ResponseWriter, r *http.Request, next Next) (response *bufferedResponse, err error) {
	response = &bufferedResponse{below: w, header: w.Header().Clone()}
	if response.header == nil {
		response.header = make(http.Header)
	}
	defer func() {
		// How reverse_proxy ends an answer without a whole body, or one that is not taken.
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

// WriteHeader implements http.ResponseWriter. Interim answers (RFC 9110 §15.2) are not passed
// on.
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

// FlushError implements what http.ResponseController looks for. A buffered answer is not
// flushed.
func (b *bufferedResponse) FlushError() error {
	if b.passing {
		return http.NewResponseController(b.below).Flush()
	}
	return nil
}

// replaceHeader makes the fields of the answer those that are sent.
func (b *bufferedResponse) replaceHeader() {
	clear(b.below.Header())
	maps.Copy(b.below.Header(), b.header)
}

// send sends a buffered answer, byte by byte as it came. Trailers are left out.
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
	// The client may be gone; there is nobody left to tell.
	_, _ = b.below.Write(b.body.Bytes())
}
