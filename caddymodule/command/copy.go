package command

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"log/slog"
	"net/http"
	"os"
	"os/signal"
	"syscall"
	"time"

	"github.com/caddyserver/caddy/v2"
	caddycmd "github.com/caddyserver/caddy/v2/cmd"
	"github.com/spf13/cobra"

	"github.com/sessiongate/sessiongate/caddymodule/copying"
	"github.com/sessiongate/sessiongate/caddymodule/operator"
	"github.com/sessiongate/sessiongate/caddymodule/stores"
	"github.com/sessiongate/sessiongate/store"
)

// copyGrace is how long a store may make no progress after the leases that have to pass
// until its revocation log is open.
const copyGrace = 10 * time.Second

func copyCommand() *cobra.Command {
	command := &cobra.Command{
		Use:   "copy --from <Caddyfile> (--to <Caddyfile> | --resume)",
		Short: "Copies revocations, sessions and learned tokens to another store",
		Long: `
Copies revocations, the floor, sessions and learned refresh tokens from the store of one
Caddyfile to the store of another. The gates of both may run. If a gate has a bolt file
open, the command copies through the admin API of its Caddyfile, otherwise directly. Run
this as the user of the gate.

The gates of the source serve meanwhile. Before the last pass the command pauses the
source for all its gates, so that nothing is missing in the copy: they go on checking
requests, but answer 503 to logouts, and to logins and refreshes through a
token_endpoint. When the command prints that it is done, start the gates with the other
Caddyfile. Clients then send a logout again that was answered 503. A gate that still uses
the source does not learn of logouts on the copy: stop it.

The source stays paused, also after a restart of its gates. With --resume it takes
logouts again; these are not in the copy.

Names in a store are hashes over the namespace, so both must have the same one. That of
bolt is "default".

You may interrupt the command at any time. The source then takes logouts again, unless
the command was killed: run it again, or use --resume. Run again, it copies what is
missing.

The exit status is 0 if all was copied, 2 if the command line or a Caddyfile is wrong,
and 1 otherwise.
`,
		Example: "caddy session-gate copy --from Caddyfile --to Caddyfile.redis",
		Args:    cobra.NoArgs,
	}
	flags := command.Flags()
	flags.String("from", "", "The Caddyfile whose store is copied")
	flags.String("to", "", "The Caddyfile to whose store it is copied")
	flags.StringP("adapter", "a", "", "Name of config adapter to apply to both")
	flags.Bool("resume", false, "Let the store of --from take logouts again")
	return localCommand(command, failed, func(fl caddycmd.Flags) error {
		if err := refuseEmpty(fl.FlagSet); err != nil {
			return err
		}
		from, to, resume := fl.String("from"), fl.String("to"), fl.Bool("resume")
		if from == "" || (to == "") != resume {
			return usage("copying: it is not clear from where to where; give --from and either --to or --resume")
		}
		ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM, syscall.SIGHUP)
		defer stop()
		err := runCopy(ctx, from, to, fl.String("adapter"))
		if err != nil && ctx.Err() != nil {
			return fmt.Errorf("copying: interrupted; run the same command again, which copies what is missing (%w)", err)
		}
		return err
	})
}

// runCopy copies, or resumes if there is no target.
func runCopy(ctx context.Context, from, to, adapter string) error {
	caddyContext, cancel := caddy.NewContext(caddy.Context{Context: ctx})
	defer cancel()
	source, err := readStore(caddyContext, from, adapter)
	if err != nil {
		return err
	}
	defer source.close()
	if to == "" {
		return source.resume(ctx)
	}
	target, err := readStore(caddyContext, to, adapter)
	if err != nil {
		return err
	}
	defer target.close()
	fromStore, toStore := source.app.Settings().Store, target.app.Settings().Store
	switch {
	case fromStore.Place == toStore.Place:
		return fmt.Errorf("copying: %q and %q have the same store; name another one", from, to)
	case fromStore.Namespace != toStore.Namespace:
		return fmt.Errorf("copying: %q has the namespace %q and %q has %q; names in a store are hashes over the namespace, so the gates "+
			"would find nothing in the copy: give both the same one (that of bolt is %q, so write `namespace %s` in store redis), or use an empty store and have users log in again",
			from, fromStore.Namespace, to, toStore.Namespace, stores.DefaultNamespace, stores.DefaultNamespace)
	}
	read, err := source.open(true)
	if err != nil {
		return err
	}
	write, err := target.open(false)
	if err != nil {
		return err
	}
	progress := newProgress(os.Stderr)
	timeout := copyGrace + 3*max(source.app.Settings().Lease, target.app.Settings().Lease)
	err = copying.Run(ctx, read, write, timeout, progress.show)
	progress.end()
	if err != nil {
		return fmt.Errorf("copying: %w", err)
	}
	fmt.Printf("Done. The store of %q takes no logouts any more. Start all its gates with %q now, and leave none behind; "+
		"clients repeat a logout that is answered 503 until then.\n"+
		"To go on with %q instead: caddy session-gate copy --resume --from %s\n", from, to, from, from)
	return nil
}

// storeFile is the store that a configuration file names.
type storeFile struct {
	app           operator.Standalone
	logger        *slog.Logger
	file, adapter string
}

// readStore reads which store a configuration file names. It opens nothing.
func readStore(ctx caddy.Context, file, adapter string) (*storeFile, error) {
	config, _, _, err := caddycmd.LoadConfig(file, adapter)
	if err != nil {
		return nil, exit{notAsked, fmt.Errorf("reading %q: %w; correct the file, and run the command again", file, err)}
	}
	var parsed struct {
		Apps struct {
			SessionGate json.RawMessage `json:"session_gate"`
		} `json:"apps"`
	}
	if err := json.Unmarshal(config, &parsed); err != nil {
		return nil, fmt.Errorf("reading %q: %w", file, err)
	}
	if written := string(parsed.Apps.SessionGate); written == "" || written == "null" {
		return nil, usage(fmt.Sprintf("reading %q: it has no session_gate in its global options; name the Caddyfile of a gate", file))
	}
	app, err := operator.NewStandalone()
	if err != nil {
		return nil, fmt.Errorf("reading %q: %w", file, err)
	}
	s := &storeFile{app, slog.New(slog.NewTextHandler(os.Stderr, &slog.HandlerOptions{Level: slog.LevelError})), file, adapter}
	err = json.Unmarshal(parsed.Apps.SessionGate, app)
	if err == nil {
		// The lines of a gate would alarm: a floor is copied, and not new. What fails is in
		// the error of the command.
		err = app.ProvisionStore(ctx, slog.New(slog.DiscardHandler))
	}
	if err != nil {
		return nil, exit{notAsked, fmt.Errorf("reading %q: %w; correct the file, and run the command again", file, err)}
	}
	return s, nil
}

func (s *storeFile) close() {
	if err := s.app.Cleanup(); err != nil {
		s.logger.Error("closing the store", "error", err)
	}
}

// open opens the store, or reaches it through the gate that has it open.
func (s *storeFile) open(source bool) (copying.Place, error) {
	if path := s.app.Settings().Store.File; path != "" && source {
		if _, err := os.Stat(path); errors.Is(err, fs.ErrNotExist) {
			return nil, fmt.Errorf("copying: there is no store at %q; does %q name the right one, and is this the user of the gate?", path, s.file)
		}
	}
	err := s.app.Start()
	switch {
	case errors.Is(err, store.ErrLocked):
		return s.remote()
	case err != nil:
		return nil, fmt.Errorf("copying: %w", err)
	}
	return operator.Place(s.app)
}

// remote reaches the store through the admin API of the gate that has it open.
func (s *storeFile) remote() (copying.Place, error) {
	address, err := adminAddress("", s.file, s.adapter)
	if err != nil {
		return nil, fmt.Errorf("copying: a gate has the store open: %w", err)
	}
	gate := clientAt(address)
	remote := copying.Remote(func(_ context.Context, q copying.Request) (a copying.Answer, err error) {
		body, err := gate.ask(http.MethodPost, operator.PathCopy, q)
		if err != nil {
			return a, err
		}
		return a, json.Unmarshal(body, &a)
	})
	state, err := remote.State(context.Background())
	switch {
	case err != nil:
		return nil, fmt.Errorf("copying: another process has the store open: %w", err)
	case state.Store != s.app.Settings().Store.Place:
		return nil, fmt.Errorf("copying: another process has the store of %q open, and the gate at %q has another one; "+
			"stop that process, or name the address of its admin API in %q (admin …)", s.file, address, s.file)
	}
	return remote, nil
}

// resume lets a store take logouts again.
func (s *storeFile) resume(ctx context.Context) error {
	place, err := s.open(true)
	if err == nil {
		err = place.Pause(ctx, false)
	}
	if err != nil {
		return fmt.Errorf("resuming: %w", err)
	}
	fmt.Printf("The store of %q takes logouts again. Logouts from now on are not in an earlier copy: run copy again before you use it.\n", s.file)
	return nil
}
