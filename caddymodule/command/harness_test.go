package command

import (
	"bytes"
	"encoding/json"
	"errors"
	"io"
	"net/http"
	"os"
	"testing"
	"time"

	caddycmd "github.com/caddyserver/caddy/v2/cmd"
	"github.com/spf13/cobra"

	"github.com/sessiongate/sessiongate/caddymodule/operator"
	"github.com/sessiongate/sessiongate/caddymodule/operator/operatortest"
)

// directly returns a client of the admin API of an app without a network.
func directly(tb testing.TB, app operator.App) client {
	return func(_ time.Duration, method, path string, body any) ([]byte, error) {
		sent := ""
		if body != nil {
			encoded, err := json.Marshal(body)
			if err != nil {
				return nil, err
			}
			sent = string(encoded)
		}
		status, said := operatortest.Order(tb, app, method, path, sent, nil)
		if status != http.StatusOK {
			return nil, errors.New(said)
		}
		return []byte(said), nil
	}
}

// answering returns a client of a gate that always answers with this state.
func answering(tb testing.TB, state operator.State) client {
	tb.Helper()
	body, err := json.Marshal(state)
	if err != nil {
		tb.Fatal(err)
	}
	return func(time.Duration, string, string, any) ([]byte, error) { return body, nil }
}

// sessionGate runs `caddy session-gate` with arguments and returns what it
// printed.
func sessionGate(tb testing.TB, arguments ...string) (printed string, err error) {
	tb.Helper()
	registered, known := caddycmd.Commands()["session-gate"]
	if !known {
		tb.Fatal("the command is not registered")
	}
	command := &cobra.Command{Use: registered.Name, SilenceErrors: true, SilenceUsage: true}
	registered.CobraFunc(command)
	command.SetArgs(append([]string{}, arguments...)) // nil would be those of this process
	var help bytes.Buffer
	command.SetOut(&help)
	stdout := os.Stdout
	read, written, err := os.Pipe()
	if err != nil {
		tb.Fatal(err)
	}
	os.Stdout = written
	defer func() { os.Stdout = stdout }()
	err = command.Execute()
	_ = written.Close()
	text, readErr := io.ReadAll(read)
	if readErr != nil {
		tb.Fatal(readErr)
	}
	return string(text) + help.String(), err
}
