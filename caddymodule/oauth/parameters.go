package oauth

import (
	"encoding/json"
	"errors"
	"fmt"
	"net/url"
	"strings"
	"unicode/utf8"

	"github.com/sessiongate/sessiongate/caddymodule/strictjson"
)

// ErrRequest: the parameters of a request cannot be read, or are ambiguous. Its text names
// the rule and never a value.
var ErrRequest = errors.New("not a usable token request")

// ruleError is an ErrRequest that names the rule.
type ruleError struct{ rule string }

func (e ruleError) Error() string {
	return fmt.Sprintf("reading token request: %s: %v", e.rule, ErrRequest)
}

func (e ruleError) Unwrap() error { return ErrRequest }

// refuse returns the error of a request that breaks the rule given.
func refuse(rule string) error { return ruleError{rule} }

// Rule returns the rule that a request breaks, for its client, or "". It holds no value of
// the request, and only characters that error_description may hold (RFC 6749 §5.2).
func Rule(err error) string {
	var broken ruleError
	if !errors.As(err, &broken) {
		return ""
	}
	return strings.Map(func(c rune) rune {
		if c < ' ' || c > '~' || c == '"' || c == '\\' {
			return -1
		}
		return c
	}, broken.rule)
}

// The relevant parameters, as foldName writes them.
const (
	grantType    = "granttype"
	refreshToken = "refreshtoken"
	subjectToken = "subjecttoken" // of a token exchange (RFC 8693 §2.1)
	actorToken   = "actortoken"
	assertion    = "assertion" // of an assertion grant (RFC 7521 §4.1)
)

// MaxParameters is how many parameters a request may have, in its query and its body
// together. Members of a JSON object are parameters.
const MaxParameters = 100

// Parameters are the relevant parameters of a request, from its query and its body
// together, because many frameworks join them. The zero Parameters is empty.
type Parameters struct {
	// Names are the names that the endpoint has for its tokens. Default: the zero Names.
	Names Names

	values map[string]string
	// count is how many parameters there are in all, at most MaxParameters.
	count int
}

// Refreshes reports whether the request is a refresh grant (RFC 6749 §6).
func (p *Parameters) Refreshes() bool { return p.values[grantType] == "refresh_token" }

// Refresh returns the refresh token that the request presents, for any grant type, or
// "".
func (p *Parameters) Refresh() string { return p.values[refreshToken] }

// Tokens returns all tokens from which the endpoint could make new tokens, for any grant
// type. It omits assertions that are not JWTs, such as those of SAML. It also omits
// `client_assertion`, which identifies the client (RFC 7521 §4.2).
func (p *Parameters) Tokens() (tokens []string) {
	for _, name := range []string{refreshToken, subjectToken, actorToken, assertion} {
		if value := p.values[name]; value != "" {
			tokens = append(tokens, value)
		}
	}
	return tokens
}

// AddForm adds the parameters of a form (application/x-www-form-urlencoded). Errors
// wrap ErrRequest.
func (p *Parameters) AddForm(form string) error {
	if isDocument(form) {
		return refuse("a form that begins as JSON does")
	}
	return p.AddQuery(form)
}

// AddQuery adds the parameters of a query. Errors wrap ErrRequest.
//
// Attack: x=1;refresh_token=… for readers that split at semicolons. Or %u0072, or a lone %,
// which readers repair in different ways.
func (p *Parameters) AddQuery(query string) error {
	for pair := range strings.SplitSeq(query, "&") {
		if pair == "" {
			continue
		}
		if strings.IndexByte(pair, ';') >= 0 {
			return refuse("a semicolon in a form")
		}
		name, value, _ := strings.Cut(pair, "=")
		name, err := url.QueryUnescape(name)
		if err != nil {
			return refuse("a percent sign that encodes nothing")
		}
		if value, err = url.QueryUnescape(value); err != nil {
			return refuse("a percent sign that encodes nothing")
		}
		parameter, err := p.match(name)
		if err != nil {
			return err
		}
		if parameter == "" {
			continue
		}
		if err := p.add(parameter, value); err != nil {
			return err
		}
	}
	return nil
}

// AddJSON adds the members of the one JSON object in a document. Members with the value
// null count as absent. Errors wrap ErrRequest.
func (p *Parameters) AddJSON(doc []byte) error {
	if p.Names.holdsParameter(string(doc)) {
		return refuse("JSON that holds a parameter if it is read as a form")
	}
	err := strictjson.Scan(doc, strictjson.MaxDepth, func(name string, value json.RawMessage) error {
		parameter, err := p.match(name)
		if parameter == "" || err != nil {
			return err
		}
		text, isText := strictjson.Text(value)
		if isList := value[0] == '[' || value[0] == '{'; !isText && string(value) != "null" && (isList || parameter != shortRefresh) {
			return refuse("a parameter that is not a string")
		}
		return p.add(parameter, text)
	})
	if err != nil && !errors.Is(err, ErrRequest) {
		return refuse(err.Error())
	}
	return err
}

// match counts a parameter, and returns the relevant parameter that some reader could read
// it as, or "".
//
// Attack: a body of tens of thousands of parameters. The gate and the endpoint look at
// each.
func (p *Parameters) match(name string) (string, error) {
	if p.count++; p.count > MaxParameters {
		return "", refuse("too many parameters")
	}
	if !utf8.ValidString(name) {
		return "", refuse("a name that is not UTF-8")
	}
	return p.Names.requestParameter(name), nil
}

// add adds one relevant parameter.
//
// RFC 6749 §3.2: no parameter may occur twice. Attack: two refresh tokens. The gate
// checks one and the endpoint uses the other.
func (p *Parameters) add(parameter, value string) error {
	if parameter == shortRefresh {
		if len(value) < shortestToken {
			return nil // a switch, as in refresh=true
		}
		parameter = refreshToken
	}
	if _, twice := p.values[parameter]; twice {
		return refuse("a parameter given twice")
	}
	if parameter == assertion && !isJOSE(value) {
		value = ""
	}
	if parameter != grantType {
		if rule := brokenRule(value, MaxTokenSize); rule != "" {
			return refuse(rule)
		}
		if strings.IndexByte(value, ' ') >= 0 {
			return refuse("a token with a blank")
		}
	}
	if p.values == nil {
		p.values = make(map[string]string, 4)
	}
	p.values[parameter] = value
	return nil
}
