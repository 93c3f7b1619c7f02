package main

import (
	"context"
	"encoding/json"
	"fmt"
	"os"
	"path/filepath"

	"github.com/hearkeep/hearkeep"
	"github.com/hearkeep/hearkeep/internal/blob/files"
	"github.com/hearkeep/hearkeep/internal/ledger"
	"github.com/hearkeep/hearkeep/internal/seal"
	"github.com/hearkeep/hearkeep/internal/store/sqlite"
	"github.com/hearkeep/hearkeep/internal/vault"
)

type checkCmd struct {
	Keep string `help:"The folder to read back; it may be in use." default:"./keep" type:"path"`
	JSON bool   `help:"Print one JSON object a line: damages, then the sums." name:"json"`
}

// Run reads everything back without opening any of it, and ends with 11
// where something is damaged.
func (cmd checkCmd) Run(ctx context.Context, c *console) error {
	if _, err := os.Stat(filepath.Join(cmd.Keep, fileHouse)); err != nil {
		return folderError(cmd.Keep, err)
	}
	house, err := seal.LoadOrCreateHouseKey(filepath.Join(cmd.Keep, fileHouse))
	if err != nil {
		return err
	}
	st, err := sqlite.OpenReadOnly(ctx, cmd.Keep)
	if err != nil {
		return err
	}
	defer st.Close()
	blobs, err := files.OpenReadOnly(filepath.Join(cmd.Keep, dirBlobs))
	if err != nil {
		return err
	}
	report := report{out: json.NewEncoder(c.out), console: c, asJSON: cmd.JSON}
	if err := st.Check(ctx); err != nil {
		report.damage("database", err.Error())
	}
	if l, err := ledger.Look(ctx, st, filepath.Join(cmd.Keep, fileLedger)); err != nil {
		report.damage("ledger", err.Error())
	} else if err := l.Verify(ctx); err != nil {
		report.damage("ledger", err.Error())
	}
	sum, err := vault.Check(ctx, st, blobs, house, func(d vault.Damage) { report.damage("recordings", d.String()) })
	if err != nil {
		return err
	}
	return report.end(sum)
}

type report struct {
	out     *json.Encoder
	console *console
	asJSON  bool
	found   int
}

func (r *report) damage(where, what string) {
	r.found++
	if r.asJSON {
		r.out.Encode(map[string]string{"damage": where, "what": what})
		return
	}
	fmt.Fprintf(r.console.out, "damaged  %s: %s\n", where, what)
}

func (r *report) end(sum vault.Checked) error {
	if r.asJSON {
		r.out.Encode(map[string]any{"vaults": sum.Vaults, "bindings": sum.Bindings, "recordings": sum.Recordings, "parts": sum.Parts, "bytes": sum.Bytes, "damages": r.found})
	} else {
		fmt.Fprintf(r.console.out, "read back %s (%s, %s) of %s and %s; the ledger was recomputed\n",
			counted(sum.Recordings, "recording"), counted(sum.Parts, "part"), counted(int(sum.Bytes), "byte"), counted(sum.Vaults, "vault"), counted(sum.Bindings, "door"))
	}
	if r.found == 0 {
		return nil
	}
	return codedError{exitDamaged, hearkeep.Errorf(hearkeep.Conflict, "Damage was found in %s.", counted(r.found, "place")).
		WithHint("What is named does not open any more; everything else does. Look at the disk, and at your backups: docs/backup.md.")}
}

// counted is such as "1 vault" and "2 vaults".
func counted(n int, what string) string {
	if n != 1 {
		what += "s"
	}
	return fmt.Sprintf("%d %s", n, what)
}
