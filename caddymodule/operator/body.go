package operator

import (
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"maps"
	"net/http"
	"slices"
	"strconv"
	"strings"

	"github.com/caddyserver/caddy/v2"

	"github.com/sessiongate/sessiongate/caddymodule/reply"
	"github.com/sessiongate/sessiongate/caddymodule/strictjson"
	"github.com/sessiongate/sessiongate/caddymodule/token"
)

// maxBody bounds the body of a call, in bytes: the longest token that the gate reads, in
// JSON, and some room.
const maxBody = token.MaxTokenSize + 8<<10

// parameters maps the names of the members of a JSON object, or of a query, to functions. A
// function reads the JSON value, and returns an error if it is invalid.
type parameters map[string]func(json.RawMessage) error

// readBody reads a JSON object. An unknown member is an error: an operator who mistypes
// `except_session` at night must not revoke the session that was to be kept.
//
// Attack: a page in the operator's browser sends a form to the admin API. A form cannot
// have the type application/json. For other requests the browser first sends a preflight.
//
// Errors hold no name and no value of the body, because Caddy logs them.
func (p parameters) readBody(r *http.Request) error {
	if reply.MediaType(r.Header) != reply.MediaJSON {
		return caddy.APIError{
			HTTPStatus: http.StatusUnsupportedMediaType,
			Err:        errors.New("reading the body: want Content-Type application/json, and no Content-Encoding"),
		}
	}
	body, err := io.ReadAll(io.LimitReader(r.Body, maxBody+1))
	if err != nil {
		return badRequest(errors.New("reading the body: it is incomplete"))
	}
	if len(body) > maxBody {
		return caddy.APIError{
			HTTPStatus: http.StatusRequestEntityTooLarge,
			Err:        fmt.Errorf("reading the body: it is larger than %d KiB", maxBody>>10),
		}
	}
	seen := make(map[string]bool)
	err = strictjson.Scan(body, strictjson.MaxDepth, func(name string, value json.RawMessage) error {
		read, known := p[name]
		switch {
		case !known:
			return fmt.Errorf("it has an unknown member; the members are %s", p.names())
		case seen[name]:
			return fmt.Errorf("%s is given twice", name)
		}
		seen[name] = true
		return p.read(read, name, value)
	})
	if err != nil {
		return badRequest(fmt.Errorf("reading the body: %w", err))
	}
	return nil
}

// readQuery reads the query of a request.
func (p parameters) readQuery(r *http.Request) error {
	for name, values := range r.URL.Query() {
		read, known := p[name]
		switch {
		case !known:
			return badRequest(fmt.Errorf("reading the query: it has an unknown parameter; the parameters are %s", p.names()))
		case len(values) != 1:
			return badRequest(fmt.Errorf("reading the query: %s is given twice", name))
		}
		value, err := json.Marshal(values[0])
		if err == nil {
			err = p.read(read, name, value)
		}
		if err != nil {
			return badRequest(fmt.Errorf("reading the query: %w", err))
		}
	}
	return nil
}

func (p parameters) read(read func(json.RawMessage) error, name string, value json.RawMessage) error {
	if err := read(value); err != nil {
		return fmt.Errorf("%s: %w", name, err)
	}
	return nil
}

func (p parameters) names() string { return strings.Join(slices.Sorted(maps.Keys(p)), ", ") }

// textMember reads a string that is valid; want describes a valid one.
func textMember(to *string, want string, valid func(string) bool) func(json.RawMessage) error {
	return func(value json.RawMessage) error {
		text, ok := strictjson.Text(value)
		if !ok || !valid(text) {
			return fmt.Errorf("want %s", want)
		}
		*to = text
		return nil
	}
}

// numberMember reads a number from 1 to the highest, also from a string.
func numberMember(to *int, highest int) func(json.RawMessage) error {
	return func(value json.RawMessage) error {
		text, ok := strictjson.Text(value)
		if !ok {
			text = string(value)
		}
		n, err := strconv.Atoi(text)
		if err != nil || n < 1 || n > highest {
			return fmt.Errorf("want a number from 1 to %d", highest)
		}
		*to = n
		return nil
	}
}
