package credential

import (
	"net/http"
	"strings"
)

// maxPaths bounds the cookies that one answer expires.
const maxPaths = 16

// ExpireCookie adds fields to an answer that make the browser forget the cookie of the
// token. path is the path of the request as the client sent it, percent-encoded. secure
// reports whether the request came over TLS.
//
// A browser keeps one cookie for each path, and an answer does not say which one was sent.
// So the cookie is expired for `/` and for each directory above the path. Without Domain the
// field is about the cookie of this host alone; the application has to expire a cookie that
// it sets with a Domain. It is Secure where a browser demands that (RFC 6265bis §4.1.3).
// Without a configured cookie, ExpireCookie does nothing.
func (e *Extractor) ExpireCookie(header http.Header, path string, secure bool) {
	if e.cookie == "" {
		return
	}
	isHost := hasPrefixFold(e.cookie, "__Host-")
	expired := http.Cookie{
		Name: e.cookie, MaxAge: -1, HttpOnly: true, SameSite: http.SameSiteLaxMode,
		Secure: secure || isHost || hasPrefixFold(e.cookie, "__Secure-"),
	}
	for end, found := 0, 0; end < len(path) && found < maxPaths && isPathByte(path[end]); end++ {
		if path[end] != '/' {
			continue
		}
		expired.Path = path[:max(end, 1)]
		header.Add("Set-Cookie", expired.String())
		found++
		if isHost {
			return // such a cookie has the path / and no other
		}
	}
}

// isPathByte reports whether a byte may be in the attribute Path.
func isPathByte(c byte) bool { return c > ' ' && c < 0x7f && c != ';' }

func hasPrefixFold(text, prefix string) bool {
	return len(text) >= len(prefix) && strings.EqualFold(text[:len(prefix)], prefix)
}
