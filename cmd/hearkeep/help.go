package main

import (
	"fmt"

	"github.com/alecthomas/kong"
)

const about = "A voice assistant that keeps what your house says, for your house only."

// examples follows the list of commands.
const examples = `
Examples:
  hearkeep serve                              run on ./keep and print the set-up link
  hearkeep pair http://localhost:8484 CODE    connect this terminal (the line stands on your keep's page)
  hearkeep say "set a timer for ten minutes"  spoken, then heard as any recording
  hearkeep say question.wav --out answer.wav  a recording in, the answer's sound out
  hearkeep say --json "what time is it"       one JSON event a line
  hearkeep sign-in http://localhost:8484      sign in at this terminal, to read what is kept
  hearkeep history                            what was heard; then hearkeep show, listen or erase with an id
  hearkeep rights archive                     a copy of everything that is kept of you
  hearkeep import alexa.zip                   what another provider handed out to you, after you have looked at it
  hearkeep tokens make backup                 an API token for a program (docs/api.md)
  hearkeep events                             what is kept, erased and opened, as it happens
  hearkeep archive verify FILE.zip            whether an archive of yours is whole; it needs no keep
  hearkeep doctor --keep ./keep               what is wrong, and the line that mends it
  hearkeep check --keep ./keep                read back everything; name what is damaged
  hearkeep backup --to DIR --keys-to DIR2     a copy that counts once it was read back (docs/backup.md)
  hearkeep demo                               a made-up household that really spoke, to look around in
  hearkeep incident drill                     a wrong hand-over on made-up people: who is told what, and when

Settings: every flag is also a key of the file given with --config, and an
environment variable: --log-level is log-level and HEARKEEP_LOG_LEVEL. What asks
for your passphrase takes it from HEARKEEP_PASSPHRASE where that is set. For
e-mail give serve and doctor --smtp and --smtp-from: docs/letters.md. Whoever was
heard and has no account asks at the keep's page /claim: docs/claims.md.

Exit codes: 0 done, 1 failed (doctor: it found a problem), 2 usage, 3 partly
done, 10 the folder or the address is in use, 11 damage found, 12 no Hearkeep
answers there.
`

type helpCmd struct {
	Command []string `arg:"" optional:"" help:"The command to explain."`
}

func (h helpCmd) Run(c *console, k *kong.Kong) error {
	ctx, err := kong.Trace(k, h.Command)
	if err != nil {
		return err
	}
	if ctx.Error != nil {
		return codedError{exitUsage, ctx.Error}
	}
	if err := ctx.PrintUsage(false); err != nil {
		return err
	}
	if len(h.Command) == 0 {
		fmt.Fprint(c.out, examples)
	}
	return nil
}
