package navigation

import (
	"cmp"
	"fmt"
	"net/http"
	"net/url"
	"strings"
	"unicode"
)

// URI stands in an address for the path and the query of the request, so that the other page
// can lead back.
const URI = "{uri}"

// Redirect is the address of another page. It may be used concurrently.
type Redirect struct {
	address string
	// page is the address without a place for the request.
	page *url.URL
}

// NewRedirect returns a Redirect to an absolute http or https URL. It may hold URI in its query
// or its fragment.
func NewRedirect(address string) (*Redirect, error) {
	page, err := url.Parse(strings.ReplaceAll(address, URI, ""))
	switch before, _, found := strings.Cut(address, URI); {
	case err == nil && page.User != nil:
		return nil, fmt.Errorf("%q holds a user or a password, which every browser would get; leave it out", page.Redacted())
	case err != nil || page.Scheme != "https" && page.Scheme != "http" || page.Hostname() == "":
		return nil, fmt.Errorf("%q is not an http or https URL such as https://id.example.com/login?next=%s", address, URI)
	case strings.ContainsFunc(address, isNoURL) || strings.ContainsAny(strings.ReplaceAll(address, URI, ""), "{}"):
		return nil, fmt.Errorf("%q holds characters that a URL has to encode; only %s stands for a value", address, URI)
	case found && !strings.ContainsAny(before, "?#"):
		return nil, fmt.Errorf("%q has %s outside its query; write it as a parameter: https://id.example.com/login?next=%s", address, URI, URI)
	}
	return &Redirect{address, page}, nil
}

// authority returns a host, with its port unless that is the scheme's own. Browsers leave such a
// port out of Host.
func authority(scheme, host string) string {
	port := map[string]string{"https": ":443", "http": ":80"}[scheme]
	return strings.ToLower(strings.TrimSuffix(host, port))
}

// isNoURL reports whether a URL holds a character only in its encoded form.
func isNoURL(r rune) bool {
	return r <= ' ' || r > '~' || r == '\\' || r == '"' || r == '<' || r == '>'
}

// Serve redirects a page navigation (302), and reports whether it did. sent is the URL as the
// browser sent it. It answers nothing, and returns false, for every other request, for the
// other page itself, which would be a loop, and for a request whose path could be no address on
// this site.
func (d *Redirect) Serve(w http.ResponseWriter, r *http.Request, sent *url.URL) bool {
	isItself := authority(d.page.Scheme, r.Host) == authority(d.page.Scheme, d.page.Host) && sent.Path == cmp.Or(d.page.Path, "/")
	if !IsPage(r) || isItself {
		return false
	}
	address := d.address
	if strings.Contains(address, URI) {
		uri, ok := returnAddress(sent)
		if !ok {
			return false
		}
		address = strings.ReplaceAll(address, URI, url.QueryEscape(uri))
	}
	header := w.Header()
	header.Set("Location", address)
	header.Set("Cache-Control", "no-store")
	w.WriteHeader(http.StatusFound)
	return true
}

// returnAddress returns the path and the query of a URL, as a page may use them to lead back to
// this site.
//
// Attack: a link to //evil.example/, /%5Cevil.example or /%09/evil.example on this site. After
// the login, the other page leads to the address that it was given, and a browser reads that
// as a URL of another host: it drops tabs and line breaks, and takes a backslash for a slash.
// The other page may also decode once more (%252F). So nobody gets a second slash.
func returnAddress(u *url.URL) (uri string, ok bool) {
	path := u.EscapedPath()
	rest, isPath := strings.CutPrefix(path, "/")
	if !isPath || strings.ContainsFunc(u.Path, unicode.IsControl) {
		return "", false
	}
	for _, start := range []string{"/", `\`, "%2f", "%5c", "%25"} {
		if len(rest) >= len(start) && strings.EqualFold(rest[:len(start)], start) {
			return "", false
		}
	}
	if u.RawQuery != "" {
		path += "?" + u.RawQuery
	}
	return path, true
}
