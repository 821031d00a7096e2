package paths

import (
	"strings"
	"unicode/utf8"

	"github.com/sessiongate/sessiongate/caddymodule/percent"
)

// decodePercent decodes percent escapes repeatedly until none is left. Invalid
// escapes stay as they are, as in lenient decoders. It decodes the overlong forms of
// UTF-8 (RFC 3629 §3), too, which some decoders accept.
//
// Attack: DELETE /v1/auth%C0%AFsession, where C0 AF is a slash to an upstream
// that decodes without looking (CVE-2008-2938).
//
// Invariant 12: it takes one pass. An octet that completes an escape is decoded at once.
// One pass for each level of %252525… would cost a second of CPU for each request.
func decodePercent(p string) string {
	if !strings.Contains(p, "%") && utf8.ValidString(p) {
		return p
	}
	decoded := make([]byte, 0, len(p))
	for i := range len(p) {
		decoded = append(decoded, p[i])
		for octet, size := lastOctet(decoded); size > 0; octet, size = lastOctet(decoded) {
			decoded = append(decoded[:len(decoded)-size], octet)
		}
	}
	return string(decoded)
}

// lastOctet returns the octet that the last bytes of p encode, and how many bytes that
// takes, or 0.
func lastOctet(p []byte) (octet byte, size int) {
	n := len(p)
	if n >= 3 && p[n-3] == '%' {
		if octet, ok := percent.Octet(p[n-2], p[n-1]); ok {
			return octet, 3
		}
	}
	if n < 2 || p[n-1]&0xc0 != 0x80 {
		return 0, 0
	}
	// The first of two bytes holds the seventh bit of an ASCII character. In longer
	// forms the byte before the last holds it.
	lead := p[n-2] & 1
	octet = lead<<6 | p[n-1]&0x3f
	switch {
	case p[n-2]&^1 == 0xc0:
		return octet, 2
	case n >= 3 && p[n-2]&^1 == 0x80 && p[n-3] == 0xe0:
		return octet, 3
	case n >= 4 && p[n-2]&^1 == 0x80 && p[n-3] == 0x80 && p[n-4] == 0xf0:
		return octet, 4
	}
	return 0, 0
}
