package oauth

import "strings"

const base64url = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_"

// Spellings are the tokens that a token which nobody knows could be another spelling
// of: base64url in which spare bits of the last character are set, or padding was
// added. There are few; whoever made the token writes none of them.
//
// Attack: a revoked refresh token that is the key of an HMAC and its value, with the
// last character of the key replaced by its neighbour. The endpoint decodes the same
// key, and here it would be a token that was never learned.
func Spellings(token string) []string {
	parts := strings.Split(token, ".")
	for i := range parts {
		parts[i] = strings.TrimRight(parts[i], "=")
	}
	spellings := []string{strings.Join(parts, ".")}
	// Of more parts than the last two nobody has heard.
	for i := max(0, len(parts)-2); i < len(parts); i++ {
		for _, spelling := range spellings {
			for _, spare := range []int{2, 4} {
				respelt := strings.Split(spelling, ".")
				respelt[i] = withoutSpare(respelt[i], spare)
				spellings = append(spellings, strings.Join(respelt, "."))
			}
		}
	}
	seen := map[string]bool{token: true}
	kept := spellings[:0]
	for _, spelling := range spellings {
		if !seen[spelling] {
			seen[spelling] = true
			kept = append(kept, spelling)
		}
	}
	return kept
}

// withoutSpare clears so many spare bits of the last character. A prefix may come
// before what is encoded, so the length does not tell how many there are.
func withoutSpare(part string, bits int) string {
	if part == "" {
		return part
	}
	last := len(part) - 1
	value := strings.IndexByte(base64url, part[last])
	if value < 0 {
		return part
	}
	return part[:last] + string(base64url[value>>bits<<bits])
}
