package command

import (
	"fmt"
	"io"
	"os"
	"strings"

	"github.com/sessiongate/sessiongate/caddymodule/token"
)

// maxTokenFile bounds the part of a file, or of the standard input, in which a token is
// looked for, in bytes: the longest token that a gate may accept, its scheme, and some blanks.
const maxTokenFile = token.MaxTokenSize + 1<<10

// tokenFrom reads a token, or a token id, from a file; "-" is the standard input. It
// removes the scheme Bearer, which people copy along from a header. Errors do not hold
// the token.
func tokenFrom(name string) (string, error) {
	source := io.Reader(os.Stdin)
	if name != "-" {
		file, err := os.Open(name)
		if err != nil {
			return "", exit{notAsked, fmt.Errorf("reading the token: %w; name a file that this user can read", err)}
		}
		defer file.Close()
		source = file
	}
	content, err := io.ReadAll(io.LimitReader(source, maxTokenFile))
	if err != nil {
		return "", exit{notAsked, fmt.Errorf("reading the token: %w; name a file that this user can read", err)}
	}
	return bareToken(string(content)), nil
}

// argumentToken returns the token of an argument, of a file, or of the standard input.
func argumentToken(argument, file string) (raw string, err error) {
	switch {
	case argument != "" && file != "":
		return "", usage("reading the token: there are two; give it as an argument or in a file, not both")
	case argument == "-":
		raw, err = tokenFrom("-")
	case file != "":
		raw, err = tokenFrom(file)
	default:
		raw = bareToken(argument)
	}
	if err == nil && raw == "" {
		err = usage("reading the token: there is none; give it with --file, or as - on the standard input")
	}
	return raw, err
}

// bareToken removes the scheme, and the blanks around a token.
func bareToken(text string) string {
	text = strings.TrimSpace(text)
	const scheme = "bearer "
	if len(text) > len(scheme) && strings.EqualFold(text[:len(scheme)], scheme) {
		text = strings.TrimSpace(text[len(scheme):])
	}
	return text
}
