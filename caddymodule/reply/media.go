package reply

import (
	"mime"
	"net/http"
	"strings"
)

// Media is how every reader reads a body.
type Media uint8

// Media of bodies.
const (
	MediaOther Media = iota // readers differ, or the gate does not read it
	MediaJSON               // application/json in UTF-8
	MediaForm               // application/x-www-form-urlencoded in UTF-8
)

// MediaType returns how every reader reads a body with this header. A body with a
// Content-Encoding, two types, or a parameter other than a charset of UTF-8 is MediaOther.
//
// Attack: a body that the gate reads as JSON, and a proxy in between as something else.
func MediaType(header http.Header) Media {
	mediaType, charset, ok := parseType(header)
	if !ok || charset != "" && !strings.EqualFold(charset, "utf-8") {
		return MediaOther
	}
	switch mediaType {
	case "application/json":
		return MediaJSON
	case "application/x-www-form-urlencoded":
		return MediaForm
	default:
		return MediaOther
	}
}

// IsForm reports whether a body with this header is a form, in any charset. A form is ASCII in
// every charset that servers have, because everything else in it is escaped. Use it only
// where the body proves itself, such as a signed token.
func IsForm(header http.Header) bool {
	mediaType, _, ok := parseType(header)
	return ok && mediaType == "application/x-www-form-urlencoded"
}

// parseType returns the media type of a body, in small letters, and its charset. ok is false
// if readers may differ.
func parseType(header http.Header) (mediaType, charset string, ok bool) {
	types := header["Content-Type"]
	if len(types) != 1 || len(header["Content-Encoding"]) > 0 || !isPlain(types[0]) {
		return "", "", false
	}
	mediaType, parameters, err := mime.ParseMediaType(types[0])
	if err != nil {
		return "", "", false
	}
	for name, value := range parameters {
		if name != "charset" || value == "" {
			return "", "", false
		}
		charset = value
	}
	return mediaType, charset, true
}

// isPlain reports whether a media type is free of forms that only some readers decode or
// drop: charset*0=utf (RFC 2231 §3), charset*=us-ascii'en'utf-8 (§4), charset="u\tf-8" (RFC
// 9110 §5.6.4), and blanks that HTTP does not have.
func isPlain(mediaType string) bool {
	for i := range len(mediaType) {
		if c := mediaType[i]; c < ' ' && c != '\t' || c > '~' || c == '*' || c == '\\' {
			return false
		}
	}
	return true
}
