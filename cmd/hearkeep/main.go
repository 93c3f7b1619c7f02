// Command hearkeep is a voice assistant that keeps what a house says, for that
// house only. `hearkeep help` lists its commands.
package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"os/signal"
	"runtime/debug"
	"syscall"

	"github.com/alecthomas/kong"
	"github.com/hearkeep/hearkeep"
)

// Exit codes, as `hearkeep help` and docs/operating.md list them.
const (
	exitDone        = 0
	exitFailed      = 1
	exitUsage       = 2
	exitPartly      = 3  // done, but not all of it
	exitInUse       = 10 // another process has the folder
	exitDamaged     = 11 // check found damage
	exitUnreachable = 12 // no Hearkeep answers there
)

// commands is the whole command line. Flags, config keys and HEARKEEP_*
// variables have the same names.
type commands struct {
	Config string `help:"Read settings from this YAML file; its keys are the flags' names." type:"path" placeholder:"FILE"`

	Serve serveCmd `cmd:"" help:"Run Hearkeep on a folder and print where to find it."`
	Pair  pairCmd  `cmd:"" help:"Connect this terminal to a keep with a one-use code from its page."`
	Say   sayCmd   `cmd:"" help:"Ask something: a recording, or a sentence that is spoken and then heard."`

	SignIn   signInCmd   `cmd:"" group:"Signed in at this terminal" help:"Sign in at this terminal, with name and passphrase."`
	SignOut  signOutCmd  `cmd:"" group:"Signed in at this terminal" help:"End this terminal's session."`
	History  historyCmd  `cmd:"" group:"Signed in at this terminal" help:"List what was heard."`
	Show     showCmd     `cmd:"" group:"Signed in at this terminal" help:"Show one recording: what was heard, understood, done and answered."`
	Listen   listenCmd   `cmd:"" group:"Signed in at this terminal" help:"Save a recording's sound."`
	Erase    eraseCmd    `cmd:"" group:"Signed in at this terminal" help:"Erase recordings, or everything, for good."`
	Events   eventsCmd   `cmd:"" group:"Signed in at this terminal" help:"Tell what is kept, erased and opened, as it happens."`
	Vaults   vaultsCmd   `cmd:"" group:"Signed in at this terminal" help:"List the vaults that you hold."`
	Import   importCmd   `cmd:"" group:"Signed in at this terminal" help:"Bring what Alexa, Google or another Hearkeep handed out to you, or a folder of recordings."`
	Doors    doorsCmd    `cmd:"" group:"Signed in at this terminal" help:"List the doors of a vault, pause them, let them listen."`
	Tokens   tokensCmd   `cmd:"" group:"Signed in at this terminal" help:"List, make and end API tokens for programs."`
	Sessions sessionsCmd `cmd:"" group:"Signed in at this terminal" help:"List where you are signed in, and sign out there."`

	Verify  verifyCmd  `cmd:"" group:"What you have" help:"Check receipts, your entries, a whole ledger, or an archive, without the keep."`
	Archive archiveCmd `cmd:"" group:"What you have" help:"Check an archive; open a sealed one."`

	Rights   rightsCmd   `cmd:"" group:"Signed in at this terminal" help:"Ask for a copy of everything, have it erased, frozen or kept no more; see how far that is."`
	Correct  correctCmd  `cmd:"" group:"Signed in at this terminal" help:"Correct the words of a recording."`
	Fetch    fetchCmd    `cmd:"" help:"Fetch a sealed archive with the one-time code that a letter brought."`
	Operator operatorCmd `cmd:"" help:"Print a link to the page of clocks and counts (serve --operator)."`

	SetupLink setupLinkCmd `cmd:"" help:"Print a link for one more household: its first person, who invites the others."`
	Backup    backupCmd    `cmd:"" help:"Copy a keep to two folders, in use or not; read the copy back; destroy old copies of keys."`
	Restore   restoreCmd   `cmd:"" help:"Make a keep of a backup; what was erased since stays erased."`
	Check     checkCmd     `cmd:"" help:"Read back and verify everything that a folder keeps; name what is damaged."`
	Doctor    doctorCmd    `cmd:"" help:"Look at folder, disk, engines, ports and clock; say what is wrong and what mends it."`
	Incident  incidentCmd  `cmd:"" help:"Look at cases, tell people, close them; play the drill."`
	Ledger    ledgerCmd    `cmd:"" help:"Print, prove, export the record of who opened what."`
	Demo      demoCmd      `cmd:"" help:"Fill a scratch keep with a made-up household that really spoke, and open it."`
	Version   versionCmd   `cmd:"" help:"Print the version."`
	Help      helpCmd      `cmd:"" help:"Show this help, or a command's."`
	Worker    workerCmd    `cmd:"" hidden:"" help:"The speech engine's process; Hearkeep starts it by itself."`
}

// console is where a command reads and writes.
type console struct {
	in       io.Reader
	out, err io.Writer
}

func main() {
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	defer stop()
	os.Exit(run(ctx, os.Args[1:], &console{os.Stdin, os.Stdout, os.Stderr}))
}

// run is main with everything from outside given, and returns the exit code.
func run(ctx context.Context, args []string, c *console) int {
	if len(args) == 0 {
		args = []string{"help"}
	}
	var cli commands
	parser, err := kong.New(&cli,
		kong.Name("hearkeep"),
		kong.Description(about),
		kong.DefaultEnvars("HEARKEEP"),
		kong.Writers(c.out, c.err),
		kong.Resolvers(&settings{path: configPath(args)}),
		kong.BindTo(ctx, (*context.Context)(nil)),
		kong.Bind(c),
		kong.ConfigureHelp(kong.HelpOptions{Compact: true, WrapUpperBound: 100}),
		kong.Exit(func(code int) { panic(exit(code)) }), // --help ends here
	)
	if err != nil {
		return fail(c, err)
	}
	code, parsed, err := parse(parser, args)
	switch {
	case err != nil:
		fmt.Fprintf(c.err, "hearkeep: error: %s\nhearkeep: hint: run hearkeep help\n", err)
		return exitUsage
	case parsed == nil:
		return code
	}
	if err := parsed.Run(); err != nil {
		return fail(c, err)
	}
	return exitDone
}

// exit carries kong's wish to end, which --help uses, back to run.
type exit int

func parse(parser *kong.Kong, args []string) (code int, parsed *kong.Context, err error) {
	defer func() {
		if r := recover(); r != nil {
			e, ok := r.(exit)
			if !ok {
				panic(r)
			}
			code, parsed, err = int(e), nil, nil
		}
	}()
	parsed, err = parser.Parse(args)
	return 0, parsed, err
}

// codedError is a failure that ends with an exit code of its own.
type codedError struct {
	code int
	err  error
}

func (e codedError) Error() string { return e.err.Error() }
func (e codedError) Unwrap() error { return e.err }

// fail prints a failure as a sentence and a hint. What carries none is
// printed whole: on the command line, the person is the operator.
func fail(c *console, err error) int {
	var told *hearkeep.Error
	if errors.As(err, &told) {
		fmt.Fprintln(c.err, "hearkeep: error:", told.Message)
		if told.Hint != "" {
			fmt.Fprintln(c.err, "hearkeep: hint:", told.Hint)
		}
		if told.Err != nil {
			fmt.Fprintln(c.err, "hearkeep: cause:", told.Err)
		}
	} else {
		fmt.Fprintln(c.err, "hearkeep: error:", err)
	}
	var coded codedError
	if errors.As(err, &coded) {
		return coded.code
	}
	return exitFailed
}

type versionCmd struct{}

func (versionCmd) Run(c *console) error {
	_, err := fmt.Fprintln(c.out, "hearkeep", version())
	return err
}

func version() string {
	info, ok := debug.ReadBuildInfo()
	if !ok || info.Main.Version == "" || info.Main.Version == "(devel)" {
		return "development"
	}
	return info.Main.Version
}
