package credential

import (
	"net/http"
	"net/url"
	"slices"
	"strings"
)

// findParameter returns the value of the last parameter of exactly this name in a query, and
// how many there are. hidden reports whether some reader finds another one. It splits the
// query as net/url does, and does not decode values: a token has no character to encode. It
// does not allocate for an ordinary query.
//
// Attack: `?access_token=<valid>` beside `?ACCESS_TOKEN=`, `?%61ccess_token=` or
// `?access_token[]=`, or after a semicolon, with a revoked token for a reader that folds,
// decodes, or splits at `;`.
//
// Attack: `DELETE /?access_token=<valid>&/v1/auth/session`. Without the parameter the query
// is a path to some servers.
func findParameter(query, name string) (value string, found int, hidden bool) {
	others := 0
	for more := query != ""; more; {
		var pair string
		pair, query, more = strings.Cut(query, "&")
		own, text, _ := strings.Cut(pair, "=")
		if own == name {
			value = text
			found++
		} else {
			hidden = hidden || sameParameter(own, name) || found > 0 && others == 0 && strings.HasPrefix(pair, "/")
			others++
		}
		for _, later, again := strings.Cut(pair, ";"); again; {
			pair, later, again = strings.Cut(later, ";")
			own, _, _ = strings.Cut(pair, "=")
			hidden = hidden || sameParameter(own, name)
		}
	}
	return value, found, hidden
}

// sameParameter reports whether some reader reads a parameter of this name as one of the
// other name. The rules are those of cookies (sameCookie). Also, a plus is a blank here.
func sameParameter(own, name string) bool {
	if strings.Contains(own, "+") {
		own = strings.ReplaceAll(own, "+", " ")
	}
	return sameCookie(own, name)
}

// withoutParameter returns a query without the parameters of exactly this name. Every other
// byte stays as it was.
func withoutParameter(query, name string) string {
	if !strings.Contains(query, name) {
		return query
	}
	var rest strings.Builder
	kept := false
	for more := query != ""; more; {
		var pair string
		pair, query, more = strings.Cut(query, "&")
		if own, _, _ := strings.Cut(pair, "="); own == name {
			continue
		}
		if kept {
			rest.WriteByte('&')
		}
		rest.WriteString(pair)
		kept = true
	}
	return rest.String()
}

// Agrees reports whether an address that a trusted proxy names in a header field holds no
// other token in its query than the request itself. isURL selects these fields by name.
//
// Attack: the gate checks the token in the request line, and the application reads another
// one in X-Original-URL.
func (e *Extractor) Agrees(r *http.Request, isURL func(name string) bool) bool {
	if e.query == "" {
		return true
	}
	own, _, _ := findParameter(r.URL.RawQuery, e.query)
	for name, values := range r.Header {
		if !isURL(name) {
			continue
		}
		for _, value := range values {
			_, query, _ := strings.Cut(value, "?")
			text, found, hidden := findParameter(query, e.query)
			if hidden || found > 1 || text != "" && text != own {
				return false
			}
		}
	}
	return true
}

// TakeQuery removes the parameter of the token from the query of a request.
func (e *Extractor) TakeQuery(r *http.Request) {
	if e.query != "" && e.take(r.URL) {
		r.RequestURI = r.URL.RequestURI()
	}
}

// TakeNamed removes the parameter of the token from the addresses in the fields that isURL
// selects (Agrees), and from another URL of the same request, which may be nil.
func (e *Extractor) TakeNamed(r *http.Request, another *url.URL, isURL func(name string) bool) {
	if e.query == "" {
		return
	}
	if another != nil {
		e.take(another)
	}
	for name, values := range r.Header {
		if isURL(name) {
			r.Header[name] = withoutParameters(values, e.query)
		}
	}
}

// TakeReferer removes the parameter of the token from the address of the page that sent a
// request.
//
// Attack: read tokens in the application's access log. A page that was opened with the token in
// its address sends that address with the request for each of its images (RFC 9110 §10.1.3).
func (e *Extractor) TakeReferer(header http.Header) {
	const field = "Referer"
	if e.query == "" {
		return
	}
	values := header[field]
	if slices.ContainsFunc(values, func(address string) bool { return strings.Contains(address, e.query) }) {
		header[field] = withoutParameters(values, e.query)
	}
}

// withoutParameters returns addresses without the parameters of exactly this name. It returns
// another list: shallow copies of the request share the old one.
func withoutParameters(addresses []string, name string) []string {
	kept := make([]string, len(addresses))
	for i, address := range addresses {
		path, query, found := strings.Cut(address, "?")
		if query = withoutParameter(query, name); found && query != "" {
			path += "?" + query
		}
		kept[i] = path
	}
	return kept
}

// take removes the parameter from a URL, and reports whether there was one.
func (e *Extractor) take(u *url.URL) bool {
	rest := withoutParameter(u.RawQuery, e.query)
	if len(rest) == len(u.RawQuery) {
		return false
	}
	u.RawQuery, u.ForceQuery = rest, false
	return true
}
