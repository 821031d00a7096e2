package oauth

import (
	"cmp"
	"encoding/json"
	"errors"
	"fmt"
	"mime"
	"net/url"
	"strings"
	"time"

	"github.com/sessiongate/sessiongate/caddymodule/strictjson"
)

// ErrAnswer: the gate cannot tell for certain which tokens an answer holds. Its text
// names the rule and never a value.
var ErrAnswer = errors.New("not a readable token answer")

func withhold(rule string) error { return fmt.Errorf("reading token answer: %s: %w", rule, ErrAnswer) }

// The relevant members of an answer, as foldName writes them.
const (
	accessToken     = "accesstoken"
	idToken         = "idtoken"
	refreshLifetime = "refreshexpiresin"
)

// Answer holds the tokens in a response of a token endpoint (RFC 6749 §5.1); "" means no
// token.
type Answer struct {
	Access, Refresh string
	// ID is the ID token (OpenID Connect Core §3.1.3.3).
	ID string
	// RefreshLifetime is the lifetime of the refresh token, if the answer states it as
	// Keycloak's `refresh_expires_in` does; else 0.
	RefreshLifetime time.Duration
}

// IsEmpty reports whether the answer has no token.
func (a Answer) IsEmpty() bool { return a.Access == "" && a.Refresh == "" && a.ID == "" }

// ParseAnswer reads the body of an answer: one JSON object, or a form if the media type
// says so. An empty body holds no tokens. Errors wrap ErrAnswer.
func (n *Names) ParseAnswer(contentType string, body []byte) (Answer, error) {
	found := make(map[string]string, 4)
	var err error
	switch mediaType, _, _ := mime.ParseMediaType(contentType); {
	case len(body) == 0:
	case mediaType == "application/x-www-form-urlencoded":
		err = n.parseForm(string(body), found)
	default:
		err = n.parseJSON(body, found)
	}
	if err != nil {
		return Answer{}, err
	}
	return Answer{
		Access: firstAccess(found), Refresh: cmp.Or(found[refreshToken], found[shortRefresh]), ID: found[idToken],
		RefreshLifetime: seconds(found[refreshLifetime]),
	}, nil
}

// firstAccess returns the access token of an answer: the one with the name of the standards,
// or else the first short name, and rather one that is a JWT.
func firstAccess(found map[string]string) string {
	if short := found[shortToken]; isJOSE(short) && !isJOSE(found[shortAccess]) {
		return cmp.Or(found[accessToken], short)
	}
	return cmp.Or(found[accessToken], found[shortAccess], found[shortToken])
}

func (n *Names) parseJSON(body []byte, found map[string]string) error {
	err := strictjson.Scan(body, strictjson.MaxDepth, func(name string, value json.RawMessage) error {
		member := n.responseMember(name)
		if member == "" {
			return nil
		}
		text, isText := strictjson.Text(value)
		switch {
		case member == refreshLifetime:
			text = string(value)
		case !isText && string(value) != "null" && !isShort(member):
			return withhold("a token that is not a string")
		}
		return note(found, member, text)
	})
	if err != nil && !errors.Is(err, ErrAnswer) {
		return withhold(err.Error())
	}
	return err
}

// parseForm reads a form, which some endpoints older than RFC 6749 send.
//
// Attack: JSON declared as a form. Few clients look at the media type.
func (n *Names) parseForm(body string, found map[string]string) error {
	if strings.ContainsAny(body, "{}\"") {
		return withhold("an invalid form")
	}
	for pair := range strings.SplitSeq(body, "&") {
		name, value, _ := strings.Cut(pair, "=")
		name, err1 := url.QueryUnescape(name)
		value, err2 := url.QueryUnescape(value)
		if errors.Join(err1, err2) != nil || strings.IndexByte(pair, ';') >= 0 {
			return withhold("an invalid form")
		}
		if member := n.responseMember(name); member != "" {
			if err := note(found, member, value); err != nil {
				return err
			}
		}
	}
	return nil
}

// note adds one relevant member.
//
// Attack: an answer has two tokens of one name. The gate checks one and the client uses
// the other.
func note(found map[string]string, member, value string) error {
	if isShort(member) && (len(value) < shortestToken || strings.ContainsFunc(value, isNoTokenCharacter)) {
		return nil // not a token
	}
	if _, twice := found[member]; twice {
		return withhold("a member given twice")
	}
	if member != refreshLifetime {
		longest := MaxAccessTokenSize
		if member == refreshToken || member == shortRefresh {
			longest = MaxTokenSize // it has to be presented again
		}
		if rule := brokenRule(value, longest); rule != "" {
			return withhold(rule)
		}
	}
	found[member] = value
	return nil
}

// isShort reports whether a member has one of the short names.
func isShort(member string) bool {
	return member == shortAccess || member == shortRefresh || member == shortToken
}

// isNoTokenCharacter reports whether no endpoint issues a token with a character.
func isNoTokenCharacter(r rune) bool { return r <= ' ' || r > '~' }

// seconds reads a lifetime. It returns 0 for an invalid one.
func seconds(text string) time.Duration {
	const most = 100 * 365 * 24 * time.Hour
	var n float64
	if json.Unmarshal([]byte(text), &n) != nil || !(n > 0) {
		return 0
	}
	return time.Duration(min(n, most.Seconds())) * time.Second
}
