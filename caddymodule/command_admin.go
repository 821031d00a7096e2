package caddymodule

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"strings"
	"time"

	caddycmd "github.com/caddyserver/caddy/v2/cmd"
	"github.com/spf13/cobra"
)

const (
	// adminPatience is how long one answer of the admin API may take. A gate that
	// is stopped or starved must not keep whoever is on call waiting.
	adminPatience = 10 * time.Second
	// maxAdminAnswer bounds what is read of an answer, in bytes: a page of a thousand
	// sessions whose ids are as long as may be, and written in escapes.
	maxAdminAnswer = 4 << 20
)

// adminCall sends a request to the admin API of a gate, and returns the body of
// an answer that is no error.
type adminCall func(method, path string) ([]byte, error)

// adminCommand completes a command that asks the admin API of a running gate.
// It finds it as Caddy's own commands do.
func adminCommand(command *cobra.Command, run func(adminCall, caddycmd.Flags) error) *cobra.Command {
	command.Args = cobra.NoArgs
	addAddressFlags(command)
	command.RunE = caddycmd.WrapCommandFuncForCobra(func(fl caddycmd.Flags) (int, error) {
		address, err := adminAddress(fl.String("address"), fl.String("config"), fl.String("adapter"))
		if err == nil {
			err = run(callAdmin(address, adminPatience), fl)
		}
		if err != nil {
			return 1, err
		}
		return 0, nil
	})
	return command
}

func addAddressFlags(command *cobra.Command) {
	command.Flags().StringP("config", "c", "", "Configuration file to find the admin API with, if --address is not used")
	command.Flags().StringP("adapter", "a", "", "Name of config adapter to apply (when --config is used)")
	command.Flags().String("address", "", "The address of the admin API, if not the default")
}

// adminAddress is where the admin API listens: the address if there is one, else
// what the configuration in the file says, else Caddy's default.
func adminAddress(address, file, adapter string) (string, error) {
	if address != "" || file == "" {
		return caddycmd.DetermineAdminAPIAddress(address, nil, "", "")
	}
	config, _, _, err := caddycmd.LoadConfig(file, adapter)
	if err != nil {
		return "", fmt.Errorf("finding the admin API: %w", err)
	}
	var parsed struct {
		Admin struct {
			Disabled bool `json:"disabled"`
		} `json:"admin"`
	}
	if err := json.Unmarshal(config, &parsed); err != nil {
		return "", fmt.Errorf("finding the admin API: %w", err)
	}
	if parsed.Admin.Disabled {
		return "", fmt.Errorf("finding the admin API: %q turns it off (admin off), and there is no other way to ask a gate; "+
			"use a unix socket that only its user may open: admin unix//run/caddy/admin.sock|0600", file)
	}
	return caddycmd.DetermineAdminAPIAddress("", config, file, adapter)
}

// callAdmin returns a way to call the admin API at an address, where each call
// takes that long at the most.
func callAdmin(address string, patience time.Duration) adminCall {
	return func(method, path string) ([]byte, error) { return askAdmin(address, patience, method, path, nil) }
}

// askAdmin sends a request, with a JSON body if there is one, and gives up after
// some patience.
func askAdmin(address string, patience time.Duration, method, path string, body []byte) ([]byte, error) {
	type outcome struct {
		body []byte
		err  error
	}
	// AdminAPIRequest knows no deadline. A call that is given up ends with the
	// process, which is at once.
	done := make(chan outcome, 1)
	go func() {
		body, err := sendAdmin(address, method, path, body)
		done <- outcome{body, err}
	}()
	late := time.NewTimer(patience)
	defer late.Stop()
	select {
	case o := <-done:
		return o.body, o.err
	case <-late.C:
		return nil, fmt.Errorf("asking the gate at %q: no answer within %v; its process hangs or is starved", address, patience)
	}
}

func sendAdmin(address, method, path string, body []byte) ([]byte, error) {
	// A client is made for each request, and nobody would close what it keeps.
	once := http.Header{"Connection": {"close"}}
	var sent io.Reader // a nil one is no body
	if body != nil {
		sent = bytes.NewReader(body)
	}
	response, err := caddycmd.AdminAPIRequest(address, method, path, once, sent)
	if err != nil {
		hint := ""
		if strings.HasPrefix(err.Error(), "performing request:") {
			hint = "; does it run there, and is its admin API on (not `admin off`)? --address or --config say where it is"
		}
		return nil, fmt.Errorf("asking the gate at %q: %w%s", address, err, hint)
	}
	defer response.Body.Close()
	answer, err := io.ReadAll(io.LimitReader(response.Body, maxAdminAnswer))
	if err != nil {
		return nil, fmt.Errorf("asking the gate at %q: %w", address, err)
	}
	return answer, nil
}

// state asks for the state of the gate, and returns the answer also as it came.
func (call adminCall) state() (s gateState, body []byte, err error) {
	if body, err = call(http.MethodGet, adminHealth); err != nil {
		return s, nil, err
	}
	if err := json.Unmarshal(body, &s); err != nil {
		return s, nil, fmt.Errorf("reading the state of the gate: %w", err)
	}
	if s.Store == "" {
		return s, nil, errors.New("reading the state of the gate: the answer is none of a session gate")
	}
	return s, body, nil
}
