package command

import (
	caddycmd "github.com/caddyserver/caddy/v2/cmd"
	"github.com/spf13/cobra"
)

func init() {
	caddycmd.RegisterCommand(caddycmd.Command{
		Name:  "session-gate",
		Usage: "list | revoke | check | health | bootstrap | lease | floor | repair | copy | token [flags]",
		Short: "Operates session gates",
		Long: `
Operates session gates.

	list       lists the sessions of a subject, or counts the revocations that a gate holds
	revoke     revokes a session, a token, or all tokens of a subject or an issuer
	check      explains how a gate decides about a token
	health     says whether a gate admits requests, and what to do if it does not
	bootstrap  opens a revocation log that may have lost revocations
	lease      changes the lease of a fleet while it runs
	floor      shows, or lowers, the instant up to which tokens are refused after a loss
	repair     keeps the sound part of a damaged bolt file
	copy       copies revocations, sessions and learned tokens to another store
	token      mints a development token

The exit status is 0 if the command has done what it says, 1 if the answer is no or the
command failed, and 2 if it could not ask: the command line is wrong, no gate listens, or
none answers.
`,
		CobraFunc: func(command *cobra.Command) {
			// Without a subcommand, print which there are.
			command.Args = cobra.NoArgs
			strict(command)
			command.RunE = func(command *cobra.Command, _ []string) error { return command.Help() }
			command.AddCommand(listCommand(), revokeCommand(), checkCommand(), healthCommand(), bootstrapCommand(), leaseCommand(), floorCommand(), repairCommand(), copyCommand(), tokenCommand())
		},
	})
}
