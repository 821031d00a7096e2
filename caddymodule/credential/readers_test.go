package credential_test

import (
	"net/http"
	"net/url"
	"regexp"
	"strings"

	"github.com/sessiongate/sessiongate/caddymodule/credential"
)

// readers find a credential as applications and their frameworks do. Each returns all
// credentials that it could use.
var readers = map[string]func(r *http.Request, header, cookie string) []string{
	"net/http": func(r *http.Request, header, cookie string) (found []string) {
		if header != "" {
			found = r.Header.Values(header)
		}
		for _, c := range r.CookiesNamed(cookie) {
			found = append(found, c.Value)
		}
		return found
	},
	// $_SERVER['HTTP_X_ACCESS_TOKEN'] and environ['HTTP_X_ACCESS_TOKEN'].
	"CGI": func(r *http.Request, header, _ string) (found []string) {
		variable := func(name string) string { return notAlphanumeric.ReplaceAllString(strings.ToUpper(name), "_") }
		for name, values := range r.Header {
			if variable(name) == variable(header) {
				found = append(found, values...)
			}
		}
		return found
	},
	// The last Bearer in the field, up to a comma.
	"Laravel": func(r *http.Request, header, _ string) (found []string) {
		for _, value := range r.Header.Values(header) {
			if at := strings.LastIndex(value, "Bearer "); at >= 0 {
				credential, _, _ := strings.Cut(value[at+len("Bearer "):], ",")
				found = append(found, credential)
			}
		}
		return found
	},
	"PHP": func(r *http.Request, _, cookie string) (found []string) {
		return pairs(r, ";", func(name string) bool {
			name = strings.TrimLeft(name, " \t")
			if array, key, _ := strings.Cut(name, "["); strings.Contains(key, "]") {
				name = array
			}
			return phpName.Replace(name) == cookie
		})
	},
	"Starlette": func(r *http.Request, _, cookie string) []string {
		return pairs(r, ";", func(name string) bool { return strings.TrimSpace(latin1(name)) == cookie })
	},
	"Django": func(r *http.Request, _, cookie string) []string {
		return pairs(r, ";", func(name string) bool { return strings.TrimSpace(name) == cookie })
	},
	"CGI.pm": func(r *http.Request, _, cookie string) []string {
		return long(pairs(r, ",", func(name string) bool { return unescaped(strings.Trim(name, " \t")) == cookie }))
	},
	"Plack": func(r *http.Request, _, cookie string) []string {
		return pairs(r, ";", func(name string) bool { return unescaped(strings.Trim(name, " \t")) == cookie })
	},
	"http.cookies": func(r *http.Request, _, cookie string) (found []string) {
		for _, field := range r.Header["Cookie"] {
			for match := []string{""}; match != nil && field != ""; field = field[len(match[0]):] {
				if match = pythonCookie.FindStringSubmatch(field); match == nil {
					break
				}
				if match[1] == cookie {
					found = append(found, match[2])
				}
			}
		}
		return long(found)
	},
	"WebOb": func(r *http.Request, _, cookie string) (found []string) {
		for _, field := range r.Header["Cookie"] {
			for _, match := range webobCookie.FindAllStringSubmatch(field, -1) {
				if match[1] == cookie {
					found = append(found, match[2])
				}
			}
		}
		return long(found)
	},
	// Where it finds no cookie, it skips a byte and tries again.
	"ASP.NET Core": func(r *http.Request, _, cookie string) (found []string) {
		for _, field := range r.Header["Cookie"] {
			for field != "" {
				match := aspCookie.FindStringSubmatch(field)
				if match == nil {
					field = field[1:]
					continue
				}
				if strings.EqualFold(match[1], cookie) {
					found = append(found, match[2])
				}
				field = field[len(match[0]):]
			}
		}
		return long(found)
	},
}

var (
	notAlphanumeric = regexp.MustCompile(`[^A-Z0-9]`)
	phpName         = strings.NewReplacer(".", "_", " ", "_", "[", "_")
	tokenShape      = regexp.MustCompile(`^[\w-]+\.[\w-]+\.[\w-]+$`)
	pythonCookie    = regexp.MustCompile(`^\s*([!#-:<-Z^-~]+?)(?:\s*=\s*("(?:[^\\"]|\\.)*"|[!#-:<-\[\]-~]*))?\s*(?:\s|;|$)`)
	webobCookie     = regexp.MustCompile(`([!#-+\--:<-Z^-~]+?)\s*=\s*("(?:\\"|.)*?"|(?:[!#-+\--:<-Z^-~]|\\.)*)`)
	aspCookie       = regexp.MustCompile(`^[\t ,;]*([\w!#$%&'*+.^|~\x60-]+)=("[!#-+\--:<-\[\]-~]*"|[!#-+\--:<-\[\]-~]*)[\t ]*(?:[,;]|$)`)
)

// pairs returns the values of the cookies with wanted names, split at semicolons and at the
// given separators.
func pairs(r *http.Request, separators string, wanted func(name string) bool) (found []string) {
	for _, field := range r.Header["Cookie"] {
		for _, pair := range strings.FieldsFunc(field, func(c rune) bool { return c == ';' || strings.ContainsRune(separators, c) }) {
			if name, value, ok := strings.Cut(pair, "="); ok && wanted(name) {
				found = append(found, value)
			}
		}
	}
	return found
}

// long returns the credentials that may be a token.
func long(credentials []string) (found []string) {
	for _, text := range credentials {
		if len(bare(text)) >= credential.MinTokenSize {
			found = append(found, text)
		}
	}
	return found
}

func unescaped(name string) string {
	name, _ = url.QueryUnescape(name)
	return name
}

// latin1 decodes a field as Latin-1.
func latin1(field string) string {
	runes := make([]rune, len(field))
	for i := range len(field) {
		runes[i] = rune(field[i])
	}
	return string(runes)
}
