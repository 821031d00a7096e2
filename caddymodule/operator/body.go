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
)

// maxAdminBody bounds the body of a call to the admin API: a token of the longest
// that is looked at, in JSON, and some room.
const maxAdminBody = 16 << 10

// parameters read the members of a JSON object, or the values of a query, by their
// names. Each is given a JSON value, and returns what is wrong with it.
type parameters map[string]func(json.RawMessage) error

// readBody reads a JSON object. What it does not know is an error: an operator who
// mistypes `except_session` at night must not revoke what was to be kept.
//
// Attack: a page in a browser that has the operator's machine send a form to the
// admin API. A form cannot be application/json without being asked for first.
//
// Errors tell no name and no value of the body: Caddy logs them.
func (p parameters) readBody(r *http.Request) error {
	if reply.MediaType(r.Header) != reply.MediaJSON {
		return caddy.APIError{
			HTTPStatus: http.StatusUnsupportedMediaType,
			Err:        errors.New("reading the body: its Content-Type has to be application/json, without a Content-Encoding"),
		}
	}
	body, err := io.ReadAll(io.LimitReader(r.Body, maxAdminBody+1))
	if err != nil {
		return badRequest(errors.New("reading the body: it did not come whole"))
	}
	if len(body) > maxAdminBody {
		return caddy.APIError{
			HTTPStatus: http.StatusRequestEntityTooLarge,
			Err:        fmt.Errorf("reading the body: it is larger than %d KiB", maxAdminBody>>10),
		}
	}
	seen := make(map[string]bool)
	err = strictjson.Scan(body, strictjson.MaxDepth, func(name string, value json.RawMessage) error {
		read, known := p[name]
		switch {
		case !known:
			return fmt.Errorf("it has a member that is none of %s", p.names())
		case seen[name]:
			return fmt.Errorf("%s is there twice", name)
		}
		seen[name] = true
		return p.read(read, name, value)
	})
	if err != nil {
		return badRequest(fmt.Errorf("reading the body: %w", err))
	}
	return nil
}

// readQuery reads the query of an address.
func (p parameters) readQuery(r *http.Request) error {
	for name, values := range r.URL.Query() {
		read, known := p[name]
		switch {
		case !known:
			return badRequest(fmt.Errorf("reading the query: it has a parameter that is none of %s", p.names()))
		case len(values) != 1:
			return badRequest(fmt.Errorf("reading the query: %s is there twice", name))
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

// textMember reads a string that a rule holds for.
func textMember(to *string, want string, valid func(string) bool) func(json.RawMessage) error {
	return func(value json.RawMessage) error {
		text, ok := strictjson.Text(value)
		if !ok || !valid(text) {
			return fmt.Errorf("it has to be %s", want)
		}
		*to = text
		return nil
	}
}

// numberMember reads a number from one to a highest, also from a string.
func numberMember(to *int, highest int) func(json.RawMessage) error {
	return func(value json.RawMessage) error {
		text, ok := strictjson.Text(value)
		if !ok {
			text = string(value)
		}
		n, err := strconv.Atoi(text)
		if err != nil || n < 1 || n > highest {
			return fmt.Errorf("it has to be a number from 1 to %d", highest)
		}
		*to = n
		return nil
	}
}
