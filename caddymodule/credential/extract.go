package credential

import (
	"fmt"
	"net/http"
	"net/textproto"
	"strings"

	"github.com/sessiongate/sessiongate/caddymodule/fieldname"
)

// MaxSize is the size of the longest credential that any gate accepts, in bytes. The
// configuration usually accepts less (token.Options).
const MaxSize = 64 << 10

// Source is where in a request the credential was.
type Source uint8

// The sources. A browser sends a cookie by itself, whichever page caused the request. A
// client sends a header, a parameter of the query, or a subprotocol on purpose.
const (
	SourceNone Source = iota
	SourceHeader
	SourceCookie
	SourceQuery
	SourceProtocol
)

// IsAmbient reports whether browsers add a credential of this source to requests by
// themselves, also to requests that a page of another site causes.
func (s Source) IsAmbient() bool { return s == SourceCookie }

// String is the word of the configuration, such as "header" or "cookie".
func (s Source) String() string {
	switch s {
	case SourceHeader:
		return "header"
	case SourceCookie:
		return "cookie"
	case SourceQuery:
		return "query"
	case SourceProtocol:
		return "websocket_protocol"
	default:
		return "none"
	}
}

// Places are where an Extractor looks for a credential. An empty name means that there is
// none in such a place.
type Places struct {
	// Header is the name of a field, in any letter case. In `Authorization` the scheme must
	// be Bearer (RFC 6750 §2.1). In other fields the value is the token, with or without
	// that scheme.
	Header string
	// Cookie is the exact name of a cookie.
	Cookie string
	// Query is the exact name of a parameter in the query (RFC 6750 §2.3).
	Query string
	// Protocol is the prefix of a token among the subprotocols of a WebSocket: the token is
	// the entry after the entry Protocol, or follows Protocol and a dot in the same entry.
	Protocol string
	// Optional is true if a request without a credential goes upstream, too. Then a
	// credential that only some readers find is refused also if it is the only one.
	Optional bool
}

// Extractor finds the one credential of a request. It may be used concurrently.
type Extractor struct {
	header        string // canonical, as the keys of http.Header are
	cookie, query string
	protocol      string
	authorization bool   // header is Authorization
	folded        string // header, if some readers know it by another name, too; else ""
	optional      bool
}

// NewExtractor returns an Extractor that looks in these places.
func NewExtractor(places Places) Extractor {
	header := textproto.CanonicalMIMEHeaderKey(places.Header)
	e := Extractor{
		header: header, authorization: header == "Authorization",
		cookie: places.Cookie, query: places.Query, protocol: places.Protocol, optional: places.Optional,
	}
	if folded := fieldname.Fold(header); strings.Contains(folded, "-") {
		e.folded = folded
	}
	return e
}

// Header returns the canonical name of the header field, or "".
func (e *Extractor) Header() string { return e.header }

// Extract returns the credential and where it was. It looks only in the configured places.
// The errors are:
//
//   - ErrMissing: there is no value, or the value is empty. In `Authorization`, the value
//     has another scheme.
//   - ErrSeveral: the field, the cookie, the parameter or the subprotocol occurs twice,
//     whatever the values are, or two of them occur. Or some reader behind the gate would
//     find another credential, or one where the Extractor finds none and tokens are
//     optional.
//   - ErrMalformed: the form or the size of the value excludes a token. Package token
//     checks the contents.
//
// It does not allocate on success. The credential shares memory with the request.
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
		// A logout leaves one empty cookie behind.
		if n > 1 || value != "" {
			raw, source = value, SourceCookie
			found += n
		}
	}
	hidden := false
	if e.query != "" && r.URL.RawQuery != "" {
		var value string
		var n int
		if value, n, hidden = findParameter(r.URL.RawQuery, e.query); n > 1 || value != "" {
			raw, source = value, SourceQuery
			found += n
		}
	}
	if e.protocol != "" {
		value, n, other := e.findOffered(r.Header)
		if hidden = hidden || other; n > 0 {
			raw, source = value, SourceProtocol
			found += n
		}
	}
	// Without a credential the upstream sees the request only if tokens are optional.
	if (found == 1 || found == 0 && e.optional) && (hidden || e.hides(r.Header, cookies, source)) {
		return "", SourceNone, errHidden
	}
	switch {
	case found == 0:
		return "", SourceNone, errMissing
	// Invariant 1: one token, one decision. If there are two tokens, the application might
	// use the one that was not checked.
	case found > 1:
		return "", SourceNone, fmt.Errorf("extracting token: %d found: %w", found, ErrSeveral)
	case frame != nil:
		return "", SourceNone, frame
	case len(raw) > MaxSize:
		return "", SourceNone, errTooLong
	}
	return raw, source, nil
}

// Strip removes the configured header field and the configured cookie from the request. A
// field whose values all have another scheme is not the gate's, and stays. Strip does not
// allocate for a header.
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

// unwrap returns the token in a field's value, or "" if there is none. It returns an error
// if the scheme announces a token, and the rest cannot be one.
func (e *Extractor) unwrap(value string) (string, error) {
	// Nearly all values have the form of RFC 6750.
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
		return "", nil // another scheme, whose name only begins with Bearer
	default:
		return "", errFrame
	}
}

// isTokenChar reports whether c may occur in the name of a scheme (RFC 9110 §5.6.2).
func isTokenChar(c byte) bool {
	return 'a' <= c && c <= 'z' || 'A' <= c && c <= 'Z' || '0' <= c && c <= '9' ||
		strings.IndexByte("!#$%&'*+-.^_`|~", c) >= 0
}
