package caddymodule

import (
	"io"
	"net/http"
	"time"
)

// bodyPatience is how long a client may take over a body that only the gate
// waits for.
const bodyPatience = 10 * time.Second

// readBody reads at most limit bytes of the body of a call to the gate itself.
// An error leaves the connection without a future: nobody knows where the next
// request would begin.
//
// Attack: a DELETE whose body comes a byte a minute, which no timeout of Caddy's
// ends unless the operator has set `read_body`, and that one ends long uploads,
// too. The bound is on the body as a whole, in every version of HTTP.
func readBody(w http.ResponseWriter, r *http.Request, limit int64) ([]byte, error) {
	if r.ContentLength == 0 {
		return nil, nil
	}
	controller := http.NewResponseController(w)
	// One that has no deadlines is no connection.
	_ = controller.SetReadDeadline(time.Now().Add(bodyPatience))
	body, err := io.ReadAll(io.LimitReader(r.Body, limit))
	if err != nil {
		closeConnection(w, r)
		return body, err
	}
	// The revocation may take longer, and must not end with the deadline.
	_ = controller.SetReadDeadline(time.Time{})
	return body, nil
}

// hurryBody sees to it that an answer of the gate, before which the body was not
// read, is not held up by it. Over HTTP/1 the server takes up to 256 KiB of a
// body off the connection before it sends the answer, unless the connection ends
// with it.
//
// Attack: a body that never ends, or that stops, behind a refused head, so that a
// refusal holds its connection and goroutine for as long as the client likes. And
// a client that sent `Expect: 100-continue` waits for the answer before it sends
// the body, as it may (RFC 9110 §10.1.1): the two would wait for each other.
func hurryBody(w http.ResponseWriter, r *http.Request) {
	if r.ProtoMajor != 1 || r.ContentLength == 0 || w.Header().Get("Connection") == "close" {
		return
	}
	// A small body is there already, nearly always, and the connection stays.
	if r.ContentLength < 0 || r.ContentLength > maxBody || r.Header["Expect"] != nil {
		closeConnection(w, r)
	}
	_ = http.NewResponseController(w).SetReadDeadline(time.Now().Add(bodyPatience))
}

// closeConnection has the server answer without a look at the rest of the body,
// and close the connection. Other versions of HTTP end the stream only, and take
// no field for it.
func closeConnection(w http.ResponseWriter, r *http.Request) {
	if r.ProtoMajor == 1 {
		w.Header().Set("Connection", "close")
	}
}
