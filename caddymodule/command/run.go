package command

import (
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"strings"

	"github.com/caddyserver/caddy/v2"
	caddycmd "github.com/caddyserver/caddy/v2/cmd"
	"github.com/spf13/cobra"
	"github.com/spf13/pflag"

	"github.com/sessiongate/sessiongate/caddymodule/operator"
)

// The exit statuses. 0 means that the command has done what it says.
const (
	// failed: the answer is no, or the gate, or the command, could not do it.
	failed = 1
	// notAsked: the command line is wrong, or nobody answered.
	notAsked = 2
)

// exit is an error with an exit status. Its text is that of err, which is nil if the command
// has printed everything.
type exit struct {
	status int
	err    error
}

func (e exit) Error() string {
	if e.err == nil {
		return ""
	}
	return e.err.Error()
}

func (e exit) Unwrap() error { return e.err }

// usage returns the error of a wrong command line.
func usage(text string) error { return exit{notAsked, errors.New(text)} }

// fail prints an error as one plain line for a person, and returns what makes Caddy end with
// the exit status of the error: that of the first exit in it, or else status.
func fail(command *cobra.Command, status int, err error) error {
	if err == nil {
		return nil
	}
	if own := (exit{}); errors.As(err, &own) {
		status = own.status
	}
	command.SilenceErrors = true // printed here
	if text := err.Error(); text != "" {
		fmt.Fprintf(command.ErrOrStderr(), "Error: %s\n", strings.ReplaceAll(strings.TrimSpace(text), "\n", "; "))
	}
	if status > 1 {
		return caddycmd.WrapCommandFuncForCobra(func(caddycmd.Flags) (int, error) { return status, nil })(command, nil)
	}
	return err
}

// strict makes a command refuse wrong flags and arguments as fail does.
func strict(command *cobra.Command) {
	refuse := func(command *cobra.Command, err error) error {
		if err != nil {
			err = fmt.Errorf("reading the command line: %w; see %s --help", err, command.CommandPath())
		}
		return fail(command, notAsked, err)
	}
	arguments := command.Args
	if arguments == nil {
		arguments = cobra.NoArgs
	}
	command.SetFlagErrorFunc(refuse)
	command.Args = func(command *cobra.Command, given []string) error { return refuse(command, arguments(command, given)) }
}

// localCommand completes a command. The exit status of an error of run is status, unless the
// error has its own (exit). A wrong command line has notAsked.
//
// Caddy logs each step of reading a Caddyfile. A person at night, and a script, read the
// command's own lines only, so these logs are dropped.
func localCommand(command *cobra.Command, status int, run func(caddycmd.Flags) error) *cobra.Command {
	strict(command)
	command.RunE = func(command *cobra.Command, _ []string) error {
		caddy.BufferedLog()
		return fail(command, status, run(caddycmd.Flags{FlagSet: command.Flags()}))
	}
	return command
}

// gateCommand completes a command that asks the admin API of a running gate. It finds
// the gate as Caddy's own commands do, and refuses empty flags.
func gateCommand(command *cobra.Command, status int, run func(client, caddycmd.Flags) error) *cobra.Command {
	addAddressFlags(command)
	return localCommand(command, status, func(fl caddycmd.Flags) error {
		if err := refuseEmpty(fl.FlagSet); err != nil {
			return err
		}
		address, err := adminAddress(fl.String("address"), fl.String("config"), fl.String("adapter"))
		if err != nil {
			return exit{notAsked, err}
		}
		return run(clientAt(address), fl)
	})
}

// refuseEmpty refuses a flag with an empty value. Fault: a variable of a script is not set,
// and the command revokes, or lists, more than was meant.
func refuseEmpty(flags *pflag.FlagSet) (err error) {
	flags.Visit(func(flag *pflag.Flag) {
		if flag.Value.String() == "" {
			err = usage(fmt.Sprintf("reading the command line: --%s is empty; give it a value, or leave it out", flag.Name))
		}
	})
	return err
}

// show writes an answer of the gate as it came, or in the words of describe, and returns
// it.
func show[T any](w io.Writer, body []byte, asJSON bool, describe func(T, io.Writer) error) (answer T, err error) {
	if err := json.Unmarshal(body, &answer); err != nil {
		return answer, exit{notAsked, fmt.Errorf("reading the answer of the gate: %w; use the command of the same version as the gate", err)}
	}
	if asJSON {
		_, err = w.Write(body)
	} else {
		err = describe(answer, w)
	}
	if err != nil {
		return answer, fmt.Errorf("writing the answer of the gate: %w", err)
	}
	return answer, nil
}

// describeMessage writes a message of the gate for a person.
func describeMessage(m operator.Message, w io.Writer) error {
	_, err := fmt.Fprintln(w, m.Message)
	return err
}
