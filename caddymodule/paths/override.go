package paths

import (
	"iter"
	"net/http"
	"net/url"
	"strings"

	"github.com/sessiongate/sessiongate/caddymodule/fieldname"
)

// override says how a field names another path.
type override uint8

const (
	noOverride override = iota
	// namesAddress: some upstreams take the path from the value and ignore the request
	// line: IIS URL Rewrite and applications made to run behind it, Symfony, Laminas, Yii
	// (CVE-2018-14773).
	namesAddress
	// namesPrefix: some upstreams strip the value from the beginning of the path: gunicorn
	// (SCRIPT_NAME), and middleware of WSGI applications that run below a prefix (Flask's
	// snippet 35 and its many copies).
	namesPrefix
	// namesRoot: some upstreams put the value before the path (Pyramid and repoze).
	namesRoot
)

// overrides are the fields, folded, that name another path.
var overrides = []struct {
	name string
	kind override
}{
	{"x-original-url", namesAddress},
	{"x-original-uri", namesAddress},
	{"x-rewrite-url", namesAddress},
	{"x-forwarded-uri", namesAddress},
	{"script-name", namesPrefix},
	{"x-script-name", namesPrefix},
	{"x-forwarded-script-name", namesPrefix},
	{"x-forwarded-prefix", namesPrefix},
	{"x-traversal-path", namesPrefix},
	{"x-vhm-root", namesRoot},
}

// overrideLengths has a bit for each length of those names, so that most names are
// excluded without being read.
var overrideLengths = func() (lengths uint32) {
	for _, field := range overrides {
		lengths |= 1 << len(field.name)
	}
	return lengths
}()

// IsOverride reports whether some upstream takes the path of a request, or a part of it,
// from a field of this name. Only a trusted proxy may send such a field: the gate deletes
// it from other requests. It does not allocate.
//
// Attack: the gate sees a public path, and the upstream sees /admin:
//
//   - GET /healthz with X-Original-URL: /admin,
//   - GET /assets/admin with SCRIPT_NAME: /assets,
//   - GET /healthz with X-Vhm-Root: /admin/@@view.
func IsOverride(name string) bool {
	return len(name) < 32 && overrideLengths>>len(name)&1 != 0 && overrideOf(name) != noOverride
}

// overrideOf returns how a field with this name, which is not empty, names another path.
func overrideOf(name string) override {
	// Only Script-Name begins with another letter.
	if first := name[0] | 0x20; first != 'x' && (first != 's' || len(name) != len("Script-Name")) {
		return noOverride
	}
	for _, field := range overrides {
		if fieldname.Equal(name, field.name) {
			return field.kind
		}
	}
	return noOverride
}

// isNamed reports whether some reader could find this path in the fields that name another
// path.
func (p *Path) isNamed(r *http.Request) bool {
	return !everyOverride(r, func(address string) bool { return !p.couldBeURL(address) },
		func(rest string) bool { return !p.couldBe(rest) })
}

// everyOverride reports whether the conditions hold for each address, and for each rest
// of the path, that the fields of a request name. Usually there are none.
func everyOverride(r *http.Request, address, rest func(string) bool) bool {
	for name, values := range r.Header {
		if !IsOverride(name) {
			continue
		}
		kind := overrideOf(name)
		for _, value := range values {
			holds := false
			switch kind {
			case namesAddress:
				holds = address(value)
			case namesRoot:
				holds = rest("/" + strings.TrimPrefix(strings.Trim(value, "/")+r.URL.Path, "/"))
			case namesPrefix:
				// gunicorn strips the prefix from the path as the client sent it.
				holds = everyRest(r.URL.Path, value, rest) && everyRest(r.URL.EscapedPath(), value, rest)
			}
			if !holds {
				return false
			}
		}
	}
	return true
}

// everyRest reports whether a condition holds for the rest of a path after a prefix, if the
// path has the prefix.
func everyRest(path, prefix string, holds func(string) bool) bool {
	left, stripped := strings.CutPrefix(path, prefix)
	return !stripped || prefix == "" || holds("/"+strings.TrimPrefix(left, "/"))
}

// couldBeURL is couldBe for a path with a query, for an absolute URL, and for a list of
// those. Several fields become such a list.
func (p *Path) couldBeURL(value string) bool {
	if _, query, _ := strings.Cut(value, "?"); p.couldBe(pathOf(value)) || p.isQueried(query) {
		return true
	}
	if !strings.Contains(value, ",") {
		return false
	}
	for member := range fieldname.Members(value) {
		if p.couldBe(pathOf(member)) {
			return true
		}
	}
	return false
}

// isQueried reports whether a query is a path that some reader could read as this one.
func (p *Path) isQueried(query string) bool {
	path, _, _ := strings.Cut(query, "&")
	return strings.HasPrefix(path, "/") && p.couldBe(path)
}

// pathOf removes the scheme and the host from an absolute URL, and the query and the
// fragment from every URL.
func pathOf(value string) string {
	value = strings.Trim(slashed(value), " \t")
	if end := strings.IndexAny(value, "?#"); end >= 0 {
		value = value[:end]
	}
	if scheme, rest, absolute := strings.Cut(value, "://"); absolute && !strings.ContainsAny(scheme, "/,") {
		_, path, _ := strings.Cut(rest, "/")
		return "/" + path
	}
	return value
}

// EveryNamed reports whether a condition holds for each address that the fields of a
// request name instead of its own, and for the rest of its path after each prefix. It is
// false if an address cannot be parsed.
func EveryNamed(r *http.Request, holds func(u *url.URL) bool) bool {
	isReadable := func(address string) bool {
		u, err := url.ParseRequestURI(address)
		return err == nil && u.Opaque == "" && holds(u)
	}
	return everyOverride(r, func(address string) bool {
		if !isReadable(address) {
			return false
		}
		for member := range laterURLs(address) {
			if !isReadable(member) {
				return false
			}
		}
		return true
	}, func(rest string) bool {
		return holds(&url.URL{Path: rest})
	})
}

// laterURLs iterates over the URLs after the first in a field that is read as a list. A
// comma before other text is part of a URL.
func laterURLs(value string) iter.Seq[string] {
	return func(yield func(string) bool) {
		_, later, _ := strings.Cut(value, ",")
		for member := range fieldname.Members(later) {
			isURL := member[0] == '/' || member[0] == '\\' || strings.Contains(member, "://")
			if isURL && !yield(member) {
				return
			}
		}
	}
}
