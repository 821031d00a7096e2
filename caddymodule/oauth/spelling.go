package oauth

import "strings"

const base64url = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_"

// Spellings are the tokens that an opaque token which nobody knows could be another
// spelling of, to a lenient decoder of base64: one with spare bits set in the last
// character, with a character too many, or with anything behind padding. There are 127
// at the most, and 15 for most tokens; whoever made the token writes none of them. What
// else may be written otherwise is not in the name of a token.
//
// Attack: a revoked refresh token that is the key of an HMAC and its value, with the
// last character of the key replaced by its neighbour. The endpoint decodes the same
// key, and here it would be a token that was never learned. A dot more may be one
// that parts the two, or one that a decoder skips.
func Spellings(token string) []string {
	if form(token) != opaque {
		return nil
	}
	cuts := []int{strings.IndexByte(token, '.'), strings.LastIndexByte(token, '.')}
	if cuts[0] == cuts[1] {
		cuts = cuts[:1]
	}
	seen := map[string]bool{token: true}
	var spellings []string
	for _, cut := range cuts {
		heads, tails := decoded(token[:max(cut, 0)]), decoded(token[cut+1:])
		for _, head := range heads {
			for _, tail := range tails {
				spelling := head + token[max(cut, 0):cut+1] + tail
				if !seen[spelling] {
					seen[spelling] = true
					spellings = append(spellings, spelling)
				}
			}
		}
	}
	return spellings
}

// decoded returns what a text may have been before it was respelt so that a lenient
// decoder makes the same of it.
func decoded(text string) (before []string) {
	skipped := encoded(text)
	stopped, _, _ := strings.Cut(text, "=")
	for _, read := range []string{skipped, encoded(stopped)} {
		if read == skipped && len(before) > 0 {
			break
		}
		before = append(before, read)
		if last := len(read) - 1; last >= 0 {
			value := strings.IndexByte(base64url, read[last])
			// A prefix may come before what is encoded, so the length does not tell
			// how many bits are spare.
			before = append(before, read[:last]+base64url[value&^3:][:1], read[:last]+base64url[value&^15:][:1], read[:last])
		}
	}
	return before
}

// encoded returns what a lenient decoder of base64 reads of a text, in base64url.
func encoded(text string) string {
	return strings.Map(func(c rune) rune {
		switch {
		case c == '+':
			return '-'
		case c == '/':
			return '_'
		case strings.ContainsRune(base64url, c):
			return c
		}
		return -1
	}, text)
}
