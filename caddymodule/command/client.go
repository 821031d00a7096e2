package command

import (
	"bytes"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"regexp"
	"strings"
	"time"

	"github.com/caddyserver/caddy/v2"
	caddycmd "github.com/caddyserver/caddy/v2/cmd"
	"github.com/spf13/cobra"

	"github.com/sessiongate/sessiongate/caddymodule/operator"
)

// adminTimeout bounds the wait for one answer of the admin API. The process of a gate
// may be stopped or starved, and a person on call must not wait for it.
const adminTimeout = 10 * time.Second

// client asks the admin API of one gate. The body is sent as JSON; nil is no body. It
// returns the body of the answer, or an error for every status but 200 and after the
// timeout. The error has an exit status: see answered.
type client func(timeout time.Duration, method, path string, body any) ([]byte, error)

// clientAt returns a client of the admin API at an address.
func clientAt(address string) client {
	return func(timeout time.Duration, method, path string, body any) ([]byte, error) {
		var encoded []byte
		if body != nil {
			var err error
			if encoded, err = json.Marshal(body); err != nil {
				return nil, fmt.Errorf("asking the gate at %q: %w", address, err)
			}
		}
		return askWithin(timeout, address, method, path, encoded)
	}
}

// ask sends a request with the usual timeout.
func (c client) ask(method, path string, body any) ([]byte, error) {
	return c(adminTimeout, method, path, body)
}

// state asks for the state of the gate. It also returns the body of the answer.
func (c client) state() (s operator.State, body []byte, err error) {
	if body, err = c.ask(http.MethodGet, operator.PathHealth, nil); err != nil {
		return s, nil, err
	}
	if err := json.Unmarshal(body, &s); err != nil {
		return s, nil, exit{notAsked, fmt.Errorf("reading the state of the gate: %w; is its admin API at this address?", err)}
	}
	if s.Store == "" {
		return s, nil, usage("reading the state of the gate: the answer does not come from a session gate; is its admin API at this address?")
	}
	return s, body, nil
}

func addAddressFlags(command *cobra.Command) {
	command.Flags().StringP("config", "c", "", "Configuration file to find the admin API with, if --address is not used")
	command.Flags().StringP("adapter", "a", "", "Name of config adapter to apply (when --config is used)")
	command.Flags().String("address", "", "The address of the admin API, if not the default")
}

// adminAddress returns where the admin API listens: the address if there is one, else
// the address in the configuration file, else Caddy's default.
func adminAddress(address, file, adapter string) (string, error) {
	if address != "" || file == "" {
		return caddycmd.DetermineAdminAPIAddress(address, nil, "", "")
	}
	config, _, _, err := caddycmd.LoadConfig(file, adapter)
	if err != nil {
		return "", fmt.Errorf("finding the admin API: %w; correct the file, or say with --address where the admin API is", err)
	}
	var parsed struct {
		Admin struct {
			Disabled bool `json:"disabled"`
		} `json:"admin"`
	}
	if err := json.Unmarshal(config, &parsed); err != nil {
		return "", fmt.Errorf("finding the admin API: %w; correct the file, or say with --address where the admin API is", err)
	}
	if parsed.Admin.Disabled {
		return "", fmt.Errorf("finding the admin API: %q turns it off (admin off), and there is no other way to ask a gate; "+
			"use a unix socket that only its user may open: admin unix//run/caddy/admin.sock|0600", file)
	}
	return caddycmd.DetermineAdminAPIAddress("", config, file, adapter)
}

// askWithin sends a request, and gives up after the timeout.
func askWithin(timeout time.Duration, address, method, path string, body []byte) ([]byte, error) {
	type outcome struct {
		body []byte
		err  error
	}
	// AdminAPIRequest has no deadline. A call that was given up ends with this process,
	// which ends at once.
	done := make(chan outcome, 1)
	go func() {
		body, err := send(address, method, path, body)
		done <- outcome{body, err}
	}()
	late := time.NewTimer(timeout)
	defer late.Stop()
	select {
	case o := <-done:
		return o.body, o.err
	case <-late.C:
		return nil, exit{notAsked, fmt.Errorf("asking the gate at %q: no answer within %v; its process hangs or is starved: see its log, and restart it", address, timeout)}
	}
}

func send(address, method, path string, body []byte) ([]byte, error) {
	// Caddy makes an HTTP client for each request. Nobody would close the connections
	// that it keeps.
	once := http.Header{"Connection": {"close"}}
	var sent io.Reader // a nil reader is no body
	if body != nil {
		sent = bytes.NewReader(body)
	}
	response, err := caddycmd.AdminAPIRequest(address, method, path, once, sent)
	if err != nil {
		return nil, answered(address, err)
	}
	defer response.Body.Close()
	answer, err := io.ReadAll(io.LimitReader(response.Body, operator.MaxPage))
	if err != nil {
		return nil, exit{notAsked, fmt.Errorf("asking the gate at %q: %w; run the command again", address, err)}
	}
	return answer, nil
}

// refusal is how Caddy words an answer with an error.
var refusal = regexp.MustCompile(`(?s)\Acaddy responded with error: HTTP (\d{3}): (.*)\z`)

// answered adds to an error of a request what to do next. Its exit status is notAsked if
// nobody answered, or if the gate did not take the question; else it is failed.
func answered(address string, err error) error {
	found := refusal.FindStringSubmatch(err.Error())
	if found == nil {
		next := "--address or --config say where its admin API is"
		if strings.HasPrefix(err.Error(), "performing request:") {
			next = "does it run there, and is its admin API on (not `admin off`)? --address or --config say where it is"
		}
		return exit{notAsked, fmt.Errorf("asking the gate at %q: %w; %s", address, err, next)}
	}
	said := caddy.APIError{Message: found[2]}
	_ = json.Unmarshal([]byte(found[2]), &said) // or else as it came
	status, next := failed, "caddy session-gate health says what to do, and the log of the gate says more"
	switch found[1] {
	case "400", "401", "403", "404", "405", "413", "415":
		status, next = notAsked, "--help describes the command"
	case "409": // not at this gate, or not now; its health may be good
		next = "--help says when the command applies"
	}
	if !strings.Contains(said.Message, "; ") {
		said.Message = strings.TrimSpace(said.Message) + "; " + next
	}
	return exit{status, fmt.Errorf("asking the gate at %q: HTTP %s: %s", address, found[1], said.Message)}
}
