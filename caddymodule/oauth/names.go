package oauth

import (
	"fmt"
	"slices"
)

// Names are the names that one token endpoint has for its tokens. The zero Names knows those
// of the standards, and the short ones of Simple JWT (`access`, `refresh`) and FusionAuth
// (`token`). It may be used concurrently.
type Names struct {
	// access and refresh are further names, folded.
	access, refresh []string
	// request and response are the relevant names of a message, folded. nil stands for
	// those of the zero Names.
	request, response []string
}

// The short names. Other applications use them for other things, so they count only for a
// value that could be a token, and if the message does not have the name of the standards.
const (
	shortAccess  = "access"
	shortRefresh = "refresh"
	shortToken   = "token"
	// shortestToken is the length of the shortest value that could be a token, in bytes. RFC
	// 6749 §10.10 wants 128 random bits, which are 22 characters of base64.
	shortestToken = 16
)

var (
	requestNames  = []string{grantType, refreshToken, subjectToken, actorToken, assertion, shortRefresh}
	responseNames = []string{accessToken, refreshToken, idToken, refreshLifetime, shortAccess, shortRefresh, shortToken}
)

// NewNames returns names that also include these: members of an answer with the access token
// or the refresh token. A request may present a refresh token under the same name. It returns
// an error for a name that has another meaning, or no letter.
func NewNames(access, refresh []string) (Names, error) {
	n := Names{request: slices.Clone(requestNames), response: slices.Clone(responseNames)}
	taken := map[string]string{
		idToken: "id_token", refreshLifetime: "refresh_expires_in", grantType: "grant_type", subjectToken: "subject_token",
		actorToken: "actor_token", assertion: "assertion", accessToken: "access_token", refreshToken: "refresh_token",
	}
	for _, list := range []struct {
		kind  string
		names []string
		to    *[]string
	}{{"access_token", access, &n.access}, {"refresh_token", refresh, &n.refresh}} {
		for _, name := range list.names {
			folded := foldName(name)
			switch other, known := taken[folded]; {
			case folded == "" || len(folded) > longestName:
				return Names{}, fmt.Errorf("%s %q is not the name of a member: it needs 1 to %d letters or digits", list.kind, name, longestName)
			case known && other != list.kind:
				return Names{}, fmt.Errorf("%s %q is the name of another member: %s", list.kind, name, other)
			}
			taken[folded] = list.kind
			*list.to = append(*list.to, folded)
			n.response = append(n.response, folded)
		}
	}
	n.request = append(n.request, n.refresh...)
	return n, nil
}

// requestParameter returns the relevant parameter that some reader could read this name as,
// or "".
//
// Attack: other spellings of a name. Some readers ignore letter case (Refresh_Token),
// some map names to fields (refreshToken). PHP turns characters into underscores
// (refresh.token, refresh[token). Some know lists (refresh_token[], refresh_token[0]),
// and some end a text at NUL (refresh_token%00x).
func (n *Names) requestParameter(name string) string {
	if n.request == nil {
		return matchName(name, requestNames...)
	}
	return n.kind(matchName(name, n.request...))
}

// responseMember returns the relevant member that some client could read this name as, or
// "".
func (n *Names) responseMember(name string) string {
	if n.response == nil {
		return matchName(name, responseNames...)
	}
	return n.kind(matchName(name, n.response...))
}

// kind returns the name of the standards for a further name, and any other name as it is.
func (n *Names) kind(folded string) string {
	switch {
	case folded == "":
	case slices.Contains(n.access, folded):
		return accessToken
	case slices.Contains(n.refresh, folded):
		return refreshToken
	}
	return folded
}

// longestName is the length of the longest name of a token, folded.
const longestName = 64

// matchName returns the folded name that some reader could read this name as, or "". A
// reader uses the whole name, or the part before its first bracket or NUL. The whole name comes
// first: PHP reads refresh[token as refresh_token, not as refresh.
func matchName(name string, wanted ...string) string {
	var room [longestName]byte
	folded := room[:0]
	part, bracket, ended := "", false, false
	for _, r := range name {
		c := fold(r)
		switch {
		case r == '[' && !bracket || r == 0 && !ended:
			if part == "" {
				part = find(folded, wanted)
			}
			bracket, ended = bracket || r == '[', ended || r == 0
		case c == 0:
		case len(folded) == longestName:
			return part // the folded name is already longer than each of them
		default:
			folded = append(folded, c)
		}
	}
	if whole := find(folded, wanted); whole != "" {
		return whole
	}
	return part
}

func find(folded []byte, wanted []string) string {
	for _, want := range wanted {
		if string(folded) == want {
			return want
		}
	}
	return ""
}

// foldName returns the letters and digits of a name, without case.
func foldName(name string) string {
	folded := make([]byte, 0, len(name))
	for _, r := range name {
		if c := fold(r); c != 0 {
			folded = append(folded, c)
		}
	}
	return string(folded)
}

// fold returns the ASCII letter or digit that a character is without regard to case, in
// the sense of strings.EqualFold, or 0.
func fold(r rune) byte {
	switch {
	case 'a' <= r && r <= 'z' || '0' <= r && r <= '9':
		return byte(r)
	case 'A' <= r && r <= 'Z':
		return byte(r) + 'a' - 'A'
	case r == 'ſ':
		return 's'
	case r == '\u212a': // the sign of the unit kelvin
		return 'k'
	}
	return 0
}
