package reply

import (
	"io"
	"net/http"
	"time"
)

const (
	// bodyTimeout is how long a client may take to send a body, if only the gate waits for
	// it.
	bodyTimeout = 10 * time.Second

	// smallBody is the size of a body that nearly always came with the head of its
	// request.
	smallBody = 4 << 10
)

// ReadBody reads at most limit bytes of the body of a call to the gate itself, within 10
// seconds. It returns an error, and what it has read, if the body breaks off or does not
// come in time. After an error the connection is closed, since the start of the next request
// is unknown.
//
// Attack: a DELETE whose body comes a byte a minute. No timeout of Caddy ends it unless the
// operator has set `read_body`, and `read_body` ends long uploads, too. The bound is on the
// body as a whole, in every version of HTTP.
func ReadBody(w http.ResponseWriter, r *http.Request, limit int64) ([]byte, error) {
	if r.ContentLength == 0 {
		return nil, nil
	}
	controller := http.NewResponseController(w)
	// Writers without deadlines are not connections; ignore.
	_ = controller.SetReadDeadline(time.Now().Add(bodyTimeout))
	body, err := io.ReadAll(io.LimitReader(r.Body, limit))
	if err != nil {
		closeConnection(w, r)
		return body, err
	}
	// The revocation may take longer, and must not end with the deadline.
	_ = controller.SetReadDeadline(time.Time{})
	return body, nil
}

// HasBody reports whether a request is known to have content. Over HTTP/3 a request without
// a length may have none (MayHaveBody).
func HasBody(r *http.Request) bool {
	return r.ContentLength > 0 || r.ContentLength < 0 && r.ProtoMajor < 3
}

// MayHaveBody reports whether it is unknown if a request has content.
func MayHaveBody(r *http.Request) bool { return r.ContentLength < 0 && r.ProtoMajor >= 3 }

// DropBody removes the content from a request that goes upstream.
func DropBody(r *http.Request) {
	r.Body, r.ContentLength, r.Trailer = http.NoBody, 0, nil
}

// skipBody keeps an answer from waiting for a body that the gate did not read. Over HTTP/1
// the server reads up to 256 KiB of a body before it sends the answer, unless the connection
// ends with it.
//
// Attack: a refused head with a body that never ends, or that stops. The refusal would hold
// its connection and goroutine for as long as the client likes. A client that sent `Expect:
// 100-continue` may wait for the answer before it sends the body (RFC 9110 §10.1.1): the two
// would wait for each other.
func skipBody(w http.ResponseWriter, r *http.Request) {
	if r.ProtoMajor != 1 || r.ContentLength == 0 || w.Header().Get("Connection") == "close" {
		return
	}
	// A small body is there already, nearly always, and the connection stays.
	if r.ContentLength < 0 || r.ContentLength > smallBody || r.Header["Expect"] != nil {
		closeConnection(w, r)
	}
	_ = http.NewResponseController(w).SetReadDeadline(time.Now().Add(bodyTimeout))
}

// closeConnection makes the server answer without reading the rest of the body, and close
// the connection. Other versions of HTTP end the stream only, and have no such field.
func closeConnection(w http.ResponseWriter, r *http.Request) {
	if r.ProtoMajor == 1 {
		w.Header().Set("Connection", "close")
	}
}
