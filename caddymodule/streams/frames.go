package streams

import "encoding/binary"

// frames follows the frames of a WebSocket in one direction (RFC 6455 §5.2), to know
// where a frame ends.
type frames struct {
	header [14]byte // of the present frame, as far as it was received
	length int      // received length of the header
	rest   uint64   // bytes of payload that are still to come
	closed bool     // a close frame has passed
}

// between reports whether a frame can be sent now: all earlier ones were sent whole,
// and none of them was a close frame.
func (f *frames) between() bool { return f.length == 0 && f.rest == 0 && !f.closed }

// pass notes bytes that were sent.
func (f *frames) pass(p []byte) {
	for len(p) > 0 {
		if f.rest > 0 {
			n := min(f.rest, uint64(len(p)))
			f.rest -= n
			p = p[n:]
			continue
		}
		f.header[f.length] = p[0]
		f.length++
		p = p[1:]
		if f.length == f.headerLength() {
			f.begin()
		}
	}
}

// headerLength is the length of the header, as far as the received part shows it.
func (f *frames) headerLength() int {
	if f.length < 2 {
		return 2
	}
	length := 2
	switch f.header[1] & 0x7f {
	case 126:
		length += 2
	case 127:
		length += 8
	}
	if f.header[1]&0x80 != 0 {
		length += 4 // the mask, which servers do not send
	}
	return length
}

// begin starts a frame whose header is complete.
func (f *frames) begin() {
	const closing = 0x8
	f.closed = f.closed || f.header[0]&0x0f == closing
	switch length := f.header[1] & 0x7f; length {
	case 126:
		f.rest = uint64(binary.BigEndian.Uint16(f.header[2:]))
	case 127:
		f.rest = binary.BigEndian.Uint64(f.header[2:])
	default:
		f.rest = uint64(length)
	}
	f.length = 0
}

// policyViolation is a close frame with the status 1008 (RFC 6455 §7.4.1) and without a
// text: it says only that the session has ended.
var policyViolation = []byte{0x88, 2, 1008 >> 8, 1008 & 0xff}
