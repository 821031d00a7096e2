package caddymodule

import (
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"strings"
	"time"

	caddycmd "github.com/caddyserver/caddy/v2/cmd"
	"github.com/spf13/cobra"
	"github.com/spf13/pflag"
)

// exit ends a command with a status of its own.
type exit struct {
	status int
	err    error // what is printed; nil if all was said
}

func (e exit) Error() string {
	if e.err == nil {
		return ""
	}
	return e.err.Error()
}

// plainCommand completes a command whose errors are one plain line for a person, and
// no line of a log. It ends with the status failed if something is wrong, be it with
// its flags and arguments, unless run returns an exit.
func plainCommand(command *cobra.Command, failed int, run func(caddycmd.Flags) error) *cobra.Command {
	fail := func(command *cobra.Command, err error) error {
		if err == nil {
			return nil
		}
		with := exit{failed, err}
		_ = errors.As(err, &with)
		command.SilenceErrors = true // it is told here
		if with.err != nil {
			fmt.Fprintf(command.ErrOrStderr(), "Error: %v\n", with.err)
		}
		if with.status > 1 {
			return caddycmd.WrapCommandFuncForCobra(func(caddycmd.Flags) (int, error) { return with.status, nil })(command, nil)
		}
		return err
	}
	command.SetFlagErrorFunc(fail)
	arguments := command.Args
	command.Args = func(command *cobra.Command, given []string) error { return fail(command, arguments(command, given)) }
	command.RunE = func(command *cobra.Command, _ []string) error {
		return fail(command, run(caddycmd.Flags{FlagSet: command.Flags()}))
	}
	return command
}

// refuseEmpty refuses a flag that is given and empty. Fault: a script of which a
// variable is not set would revoke, or ask for, more than was meant.
func refuseEmpty(flags *pflag.FlagSet) (err error) {
	flags.Visit(func(flag *pflag.Flag) {
		if flag.Value.String() == "" {
			err = fmt.Errorf("--%s is empty: give it a value, or leave it out", flag.Name)
		}
	})
	return err
}

// asking asks the admin API of a gate, with a JSON body unless it is nil, and returns
// the body of an answer that is no error.
type asking func(patience time.Duration, method, path string, body any) ([]byte, error)

// askingCommand completes a command that sends something to the admin API of a
// running gate, which it finds as Caddy's own commands do.
func askingCommand(command *cobra.Command, failed int, run func(asking, caddycmd.Flags) error) *cobra.Command {
	addAddressFlags(command)
	return plainCommand(command, failed, func(fl caddycmd.Flags) error {
		if err := refuseEmpty(fl.FlagSet); err != nil {
			return err
		}
		address, err := adminAddress(fl.String("address"), fl.String("config"), fl.String("adapter"))
		if err != nil {
			return err
		}
		return run(askingAt(address), fl)
	})
}

func askingAt(address string) asking {
	return func(patience time.Duration, method, path string, body any) ([]byte, error) {
		if body == nil {
			return askAdmin(address, patience, method, path, nil)
		}
		encoded, err := json.Marshal(body)
		if err != nil {
			return nil, fmt.Errorf("asking the gate at %q: %w", address, err)
		}
		return askAdmin(address, patience, method, path, encoded)
	}
}

// calling is the same without bodies.
func (ask asking) calling() adminCall {
	return func(method, path string) ([]byte, error) { return ask(adminPatience, method, path, nil) }
}

// printed writes an answer as it came, or as describe puts it in words, and returns
// it.
func printed[T any](w io.Writer, body []byte, asJSON bool, describe func(T, io.Writer) error) (answer T, err error) {
	if err := json.Unmarshal(body, &answer); err != nil {
		return answer, fmt.Errorf("reading what the gate says: %w", err)
	}
	if asJSON {
		_, err = w.Write(body)
	} else {
		err = describe(answer, w)
	}
	if err != nil {
		return answer, fmt.Errorf("writing what the gate says: %w", err)
	}
	return answer, nil
}

// maxTokenFile bounds what is read of a file, or of the standard input, in which a
// token is looked for.
const maxTokenFile = 64 << 10

// tokenFrom reads a token, or a token id, from a file; "-" is the standard input.
// The scheme Bearer, as it is copied from a header, is not part of it. Errors do not
// hold it.
func tokenFrom(name string) (string, error) {
	source := io.Reader(os.Stdin)
	if name != "-" {
		file, err := os.Open(name)
		if err != nil {
			return "", fmt.Errorf("reading the token: %w", err)
		}
		defer file.Close()
		source = file
	}
	content, err := io.ReadAll(io.LimitReader(source, maxTokenFile))
	if err != nil {
		return "", fmt.Errorf("reading the token: %w", err)
	}
	return bareToken(string(content)), nil
}

// bareToken is a token without the scheme and the blanks around it.
func bareToken(text string) string {
	text = strings.TrimSpace(text)
	const scheme = "bearer "
	if len(text) > len(scheme) && strings.EqualFold(text[:len(scheme)], scheme) {
		text = strings.TrimSpace(text[len(scheme):])
	}
	return text
}
