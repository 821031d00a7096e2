package oauth

// requestParameter returns the relevant parameter that some reader could read this name as,
// or "".
//
// Attack: other spellings of a name. Some readers ignore letter case (Refresh_Token),
// some map names to fields (refreshToken). PHP turns characters into underscores
// (refresh.token, refresh[token). Some know lists (refresh_token[], refresh_token[0]),
// and some end a text at NUL (refresh_token%00x).
func requestParameter(name string) string {
	return matchName(name, grantType, refreshToken, subjectToken, actorToken, assertion)
}

// Every relevant folded name has a length in this range.
const shortestName, longestName = 7, 16

// matchName returns the folded name that some reader could read this name as, or "". A
// reader uses the whole name, or the part before its first bracket or NUL.
func matchName(name string, wanted ...string) string {
	if len(name) < shortestName {
		return ""
	}
	var room [longestName]byte
	folded := room[:0]
	bracket, ended := false, false
	for _, r := range name {
		c := fold(r)
		switch {
		case r == '[' && !bracket || r == 0 && !ended:
			if match := find(folded, wanted); match != "" {
				return match
			}
			bracket, ended = bracket || r == '[', ended || r == 0
		case c == 0:
		case len(folded) == longestName:
			return "" // the folded name is already longer than each of them
		default:
			folded = append(folded, c)
		}
	}
	return find(folded, wanted)
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
