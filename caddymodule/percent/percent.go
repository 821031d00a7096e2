// Package percent decodes the digits of percent escapes (RFC 3986 §2.1), for readers that
// are more lenient than net/url.
package percent

// Octet returns the octet for two hexadecimal digits, in either letter case. ok is false if
// one of them is not a digit. It does not allocate.
func Octet(high, low byte) (octet byte, ok bool) {
	h, l := digit(high), digit(low)
	if h < 0 || l < 0 {
		return 0, false
	}
	return byte(h<<4 | l), true
}

// digit returns the value of a hexadecimal digit, or -1.
func digit(c byte) int {
	switch {
	case '0' <= c && c <= '9':
		return int(c - '0')
	case 'a' <= c && c <= 'f':
		return int(c-'a') + 10
	case 'A' <= c && c <= 'F':
		return int(c-'A') + 10
	}
	return -1
}
