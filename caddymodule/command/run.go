package command

import (
	"encoding/json"
	"errors"
	"fmt"
	"io"

	caddycmd "github.com/caddyserver/caddy/v2/cmd"
	"github.com/spf13/cobra"
	"github.com/spf13/pflag"

	"github.com/sessiongate/sessiongate/caddymodule/operator"
)

// exit ends a command with an exit status of its own.
type exit struct {
	status int
	err    error // printed; nil if the command has printed everything
}

func (e exit) Error() string {
	if e.err == nil {
		return ""
	}
	return e.err.Error()
}

// localCommand completes a command. It prints an error as one plain line for a person,
// not as a line of a log. The exit status of an error is failed, also for errors of flags
// and arguments, unless run returns an exit.
func localCommand(command *cobra.Command, failed int, run func(caddycmd.Flags) error) *cobra.Command {
	fail := func(command *cobra.Command, err error) error {
		if err == nil {
			return nil
		}
		with := exit{failed, err}
		_ = errors.As(err, &with)
		command.SilenceErrors = true // printed here
		if with.err != nil {
			fmt.Fprintf(command.ErrOrStderr(), "Error: %v\n", with.err)
		}
		if with.status > 1 {
			return caddycmd.WrapCommandFuncForCobra(func(caddycmd.Flags) (int, error) { return with.status, nil })(command, nil)
		}
		return err
	}
	arguments := command.Args
	if arguments == nil {
		arguments = cobra.NoArgs
	}
	command.SetFlagErrorFunc(fail)
	command.Args = func(command *cobra.Command, given []string) error { return fail(command, arguments(command, given)) }
	command.RunE = func(command *cobra.Command, _ []string) error {
		return fail(command, run(caddycmd.Flags{FlagSet: command.Flags()}))
	}
	return command
}

// gateCommand completes a command that asks the admin API of a running gate. It finds
// the gate as Caddy's own commands do, and refuses empty flags.
func gateCommand(command *cobra.Command, failed int, run func(client, caddycmd.Flags) error) *cobra.Command {
	addAddressFlags(command)
	return localCommand(command, failed, func(fl caddycmd.Flags) error {
		if err := refuseEmpty(fl.FlagSet); err != nil {
			return err
		}
		address, err := adminAddress(fl.String("address"), fl.String("config"), fl.String("adapter"))
		if err != nil {
			return err
		}
		return run(clientAt(address), fl)
	})
}

// refuseEmpty refuses a flag with an empty value. Fault: a variable of a script is not set,
// and the command revokes, or lists, more than was meant.
func refuseEmpty(flags *pflag.FlagSet) (err error) {
	flags.Visit(func(flag *pflag.Flag) {
		if flag.Value.String() == "" {
			err = fmt.Errorf("--%s is empty: give it a value, or leave it out", flag.Name)
		}
	})
	return err
}

// show writes an answer of the gate as it came, or in the words of describe, and returns
// it.
func show[T any](w io.Writer, body []byte, asJSON bool, describe func(T, io.Writer) error) (answer T, err error) {
	if err := json.Unmarshal(body, &answer); err != nil {
		return answer, fmt.Errorf("reading the answer of the gate: %w", err)
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
