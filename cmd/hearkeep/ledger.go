package main

import (
	"context"
	"encoding/base64"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"time"

	"github.com/hearkeep/hearkeep"
	"github.com/hearkeep/hearkeep/internal/ledger"
	"github.com/hearkeep/hearkeep/internal/store/sqlite"
)

type ledgerCmd struct {
	Checkpoint  ledgerCheckpointCmd  `cmd:"" help:"Print the newest signed checkpoint; keep it, and the log can be held to it."`
	Keys        ledgerKeysCmd        `cmd:"" help:"Print the keys that check what the ledger signs."`
	Consistency ledgerConsistencyCmd `cmd:"" help:"Prove that the log only grew since a checkpoint that somebody kept."`
	Export      ledgerExportCmd      `cmd:"" help:"Write the whole log, without what its entries say, as a folder that anybody can verify."`
	Continue    ledgerContinueCmd    `cmd:"" help:"Go on under a new origin with a database that lost entries, when nothing else is left."`
}

// ledgerOf is where a command finds the ledger.
type ledgerOf struct {
	Keep string `help:"The keep's folder; it may be in use." default:"./keep" type:"path"`
}

type ledgerCheckpointCmd struct{ ledgerOf }

// Run prints the note as it is, so that it can be kept in a file.
func (cmd ledgerCheckpointCmd) Run(ctx context.Context, c *console) error {
	return cmd.read(ctx, func(l *ledger.Ledger) error {
		head, err := l.Latest(ctx)
		if err == nil && head.Size == 0 {
			err = hearkeep.Errorf(hearkeep.NotFound, "The ledger is empty: there is no checkpoint yet.")
		}
		if err != nil {
			return err
		}
		_, err = c.out.Write(head.Signed)
		return err
	})
}

type ledgerKeysCmd struct{ ledgerOf }

func (cmd ledgerKeysCmd) Run(ctx context.Context, c *console) error {
	return cmd.read(ctx, func(l *ledger.Ledger) error {
		for _, key := range l.Keys() {
			fmt.Fprintln(c.out, key)
		}
		return nil
	})
}

type ledgerConsistencyCmd struct {
	Older string `arg:"" help:"A checkpoint of this log that was kept." type:"existingfile" placeholder:"FILE"`
	ledgerOf
}

// Run prints a proof in the form that a log sends to witnesses.
func (cmd ledgerConsistencyCmd) Run(ctx context.Context, c *console) error {
	signed, err := os.ReadFile(cmd.Older)
	if err != nil {
		return err
	}
	return cmd.read(ctx, func(l *ledger.Ledger) error {
		older, err := ledger.ParseCheckpoint(signed, l.Keys()...)
		if err != nil {
			return hearkeep.Errorf(hearkeep.Invalid, "%s is no checkpoint of this log.", cmd.Older).Because(err)
		}
		head, err := l.Latest(ctx)
		if err != nil {
			return err
		}
		if older.Size > head.Size {
			return codedError{exitDamaged, hearkeep.Errorf(hearkeep.Conflict, "That checkpoint speaks of %d entries, and the log has %d: entries were lost, or an older database was put in its place.", older.Size, head.Size)}
		}
		path, err := l.Consistency(ctx, older.Size, head.Size)
		if err != nil {
			return err
		}
		if err := head.CheckConsistency(older, path); err != nil {
			return codedError{exitDamaged, hearkeep.Errorf(hearkeep.Conflict, "The log does not go on from that checkpoint: it was replaced by another history.").Because(err)}
		}
		fmt.Fprintf(c.out, "old %d\n", older.Size)
		for _, h := range path {
			fmt.Fprintln(c.out, base64.StdEncoding.EncodeToString(h[:]))
		}
		_, err = fmt.Fprintf(c.out, "\n%s", head.Signed)
		return err
	})
}

type ledgerExportCmd struct {
	ledgerOf
	To   string `help:"The folder: empty, not there yet, or of an earlier export." type:"path" placeholder:"DIR" required:""`
	JSON bool   `help:"Print one JSON object." name:"json"`
}

func (cmd ledgerExportCmd) Run(ctx context.Context, c *console) error {
	return cmd.read(ctx, func(l *ledger.Ledger) error {
		began := time.Now()
		head, err := l.Export(ctx, cmd.To)
		if errors.Is(err, ledger.ErrForked) {
			return ledgerError(err)
		}
		if err != nil {
			return err
		}
		if cmd.JSON {
			return json.NewEncoder(c.out).Encode(map[string]any{"origin": head.Origin, "entries": head.Size, "to": cmd.To})
		}
		fmt.Fprintf(c.out, "wrote the %d entries of %s to %s in %s: how many there are, and not what they say\nverify it:  hearkeep verify %s\n",
			head.Size, head.Origin, cmd.To, took(began), cmd.To)
		return nil
	})
}

// read opens the ledger beside a server that may run. What leaves is kept
// outside of the database before: by the server, or here where none runs.
func (o ledgerOf) read(ctx context.Context, do func(*ledger.Ledger) error) (err error) {
	if !hasFile(o.Keep, fileRows) {
		return folderError(o.Keep, os.ErrNotExist)
	}
	if err := askToKeep(ctx, o.Keep); errors.Is(err, errNoServer) {
		err = o.keepHere(ctx)
		if err != nil {
			return err
		}
	} else if err != nil {
		return err
	}
	st, err := sqlite.OpenReadOnly(ctx, o.Keep)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, st.Close()) }()
	l, err := ledger.Look(ctx, st, filepath.Join(o.Keep, fileLedger))
	if err != nil {
		return ledgerError(err)
	}
	return do(l)
}

// keepHere keeps the ledger's head in this process, which takes the folder for it.
func (o ledgerOf) keepHere(ctx context.Context) (err error) {
	lock, err := lockFolder(o.Keep)
	if err != nil {
		return err
	}
	defer lock.Close()
	if err := wholeFolder(o.Keep); err != nil {
		return err
	}
	st, err := sqlite.Open(ctx, o.Keep)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, st.Close()) }()
	l, err := ledger.Open(ctx, st, filepath.Join(o.Keep, fileLedger))
	if err != nil {
		return ledgerError(err)
	}
	return l.Keep(ctx)
}

type ledgerContinueCmd struct {
	Keep       string `help:"The keep's folder; no server runs on it." default:"./keep" type:"path"`
	AcceptLoss bool   `help:"Go on although what was signed later is lost." required:""`
}

// Run has the log go on under a new origin: what was signed under the old one
// stays true, and what the database lacks of it is lost for good.
func (cmd ledgerContinueCmd) Run(ctx context.Context, c *console) (err error) {
	if !hasFile(cmd.Keep, fileRows) {
		return folderError(cmd.Keep, os.ErrNotExist)
	}
	lock, err := lockFolder(cmd.Keep)
	if err != nil {
		return err
	}
	defer lock.Close()
	if err := wholeFolder(cmd.Keep); err != nil {
		return err
	}
	st, err := sqlite.Open(ctx, cmd.Keep)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, st.Close()) }()
	path := filepath.Join(cmd.Keep, fileLedger)
	l, err := ledger.OpenCopy(ctx, st, path)
	if err != nil {
		return ledgerError(err)
	}
	if err := l.Verify(ctx); err != nil {
		return ledgerError(err)
	}
	to, err := l.Continue(ctx, path, ledger.Entry{Kind: ledger.KindOperator, Role: hearkeep.RoleOperator, Purpose: "ledger went back; goes on under a new origin"})
	if err != nil {
		return err
	}
	fmt.Fprintf(c.out, "the ledger goes on as %s; its first entry says from where, and checkpoints of what is lost stay in %s\ncopy %s to where you keep the old one\n",
		to.Origin(), filepath.Join(cmd.Keep, ledger.FileCheckpoints), path)
	return nil
}
