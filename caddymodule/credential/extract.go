package credential

import (
	"fmt"
	"net/http"
	"net/textproto"
	"strings"

	"github.com/sessiongate/sessiongate/caddymodule/fieldname"
)

// MaxSize is the size of the longest credential accepted, in bytes.
const MaxSize = 8 << 10

// Source says where in a request the credential was.
type Source uint8

// The sources. A token that came in a cookie was sent by the browser on its
// own, whoever asked it to; one in a header was put there on purpose.
const (
	SourceNone Source = iota
	SourceHeader
	SourceCookie
)

// String is the word of the configuration: "header" or "cookie".
func (s Source) String() string {
	switch s {
	case SourceHeader:
		return "header"
	case SourceCookie:
		return "cookie"
	default:
		return "none"
	}
}

// Extractor finds the one credential of a request. It may be used concurrently.
type Extractor struct {
	header        string // canonical, as the keys of http.Header are
	cookie        string
	authorization bool   // header is Authorization
	folded        string // header if it is also another name to some readers, or ""
}

// NewExtractor returns an Extractor that looks in a header field, in any letter
// case, and in a cookie, exactly so named; an empty name looks in none. In
// `Authorization` the scheme has to be Bearer (RFC 6750 §2.1); in any other
// field the value is the token, with or without that scheme.
func NewExtractor(header, cookie string) Extractor {
	header = textproto.CanonicalMIMEHeaderKey(header)
	e := Extractor{header: header, cookie: cookie, authorization: header == "Authorization"}
	if folded := fieldname.Fold(header); strings.Contains(folded, "-") {
		e.folded = folded
	}
	return e
}

// Header is the field that is looked in, in its canonical spelling, or "".
func (e *Extractor) Header() string { return e.header }

// Extract returns the credential and where it was. It finds nothing in places
// that it was not told of, and nothing where the value is empty or, in
// `Authorization`, of another scheme: ErrMissing. Two fields of the name are two
// credentials, whatever they hold, and so are two cookies of the name, or a
// header and a cookie, or one of them and another that only some reader behind
// the gate would find: ErrSeveral. A value that cannot hold a token by its
// frame or its size is ErrMalformed; package token judges what is in it.
//
// It does not allocate on success. The credential shares memory with the
// request.
func (e *Extractor) Extract(r *http.Request) (raw string, source Source, err error) {
	found := 0
	var frame error
	if e.header != "" {
		if values := r.Header[e.header]; len(values) > 1 {
			found = len(values)
		} else if len(values) == 1 {
			if raw, frame = e.unwrap(values[0]); raw != "" || frame != nil {
				source, found = SourceHeader, 1
			}
		}
	}
	var cookies []string
	if e.cookie != "" {
		cookies = r.Header["Cookie"]
		value, n := findCookie(cookies, e.cookie)
		// One empty cookie is what a logout leaves behind.
		if n > 1 || value != "" {
			raw, source = value, SourceCookie
			found += n
		}
	}
	if found == 1 && e.hides(r.Header, cookies, source) {
		found++
	}
	switch {
	case found == 0:
		return "", SourceNone, errMissing
	// Invariant 1: one token, one decision. With two of them, the
	// application might take the one that was not checked.
	case found > 1:
		return "", SourceNone, fmt.Errorf("extracting token: %d found: %w", found, ErrSeveral)
	case frame != nil:
		return "", SourceNone, frame
	case len(raw) > MaxSize:
		return "", SourceNone, errTooLong
	}
	return raw, source, nil
}

// Strip removes from the request what Extract looks at: the header field,
// unless all of it is of another scheme and so not the gate's, and the cookie of the
// name out of the Cookie fields. It allocates nothing for a
// header.
func (e *Extractor) Strip(r *http.Request) {
	if e.header != "" {
		for _, value := range r.Header[e.header] {
			if raw, err := e.unwrap(value); raw != "" || err != nil {
				delete(r.Header, e.header)
				break
			}
		}
	}
	if e.cookie != "" {
		stripCookie(r.Header, e.cookie)
	}
}

const bearer = "Bearer"

// unwrap returns the token in a field's value, "" for none, or an error if it
// is framed as one and cannot be.
func (e *Extractor) unwrap(value string) (string, error) {
	// Nearly all values, in the spelling of RFC 6750.
	if token, ok := strings.CutPrefix(value, bearer+" "); ok && token != "" && token[0] > ' ' && token[len(token)-1] > ' ' {
		return token, nil
	}
	value = textproto.TrimString(value)
	// RFC 9110 §11.1: the scheme's case does not matter.
	if len(value) < len(bearer) || !strings.EqualFold(value[:len(bearer)], bearer) {
		if e.authorization {
			return "", nil
		}
		return value, nil
	}
	rest := value[len(bearer):]
	switch {
	case rest == "":
		return "", nil
	case rest[0] == ' ':
		return strings.TrimLeft(rest, " "), nil
	case !e.authorization:
		return value, nil
	case isTokenChar(rest[0]):
		return "", nil // a longer scheme name
	default:
		return "", errFrame
	}
}

// isTokenChar reports whether c may stand in a scheme's name (RFC 9110
// §5.6.2).
func isTokenChar(c byte) bool {
	return 'a' <= c && c <= 'z' || 'A' <= c && c <= 'Z' || '0' <= c && c <= '9' ||
		strings.IndexByte("!#$%&'*+-.^_`|~", c) >= 0
}
