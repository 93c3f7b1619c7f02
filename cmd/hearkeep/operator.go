package main

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"

	"github.com/hearkeep/hearkeep/internal/identity"
	"github.com/hearkeep/hearkeep/internal/ledger"
	"github.com/hearkeep/hearkeep/internal/seal"
	"github.com/hearkeep/hearkeep/internal/store/sqlite"
)

type operatorCmd struct {
	Keep   string `help:"The keep's folder; it may be in use." default:"./keep" type:"path"`
	Origin string `help:"Where people reach the portal; by default where this keep was last served." placeholder:"URL"`
}

// Run makes a link to the page of clocks and counts, which is there where
// Hearkeep is served with --operator. It writes one row, as setup-link does.
func (cmd operatorCmd) Run(ctx context.Context, c *console) error {
	known, err := readKept(cmd.Keep)
	if err != nil {
		return err
	}
	return withDesk(ctx, cmd.Keep, func(desk *identity.Desk) error {
		secret, err := desk.OperatorLink(ctx)
		if err != nil {
			return err
		}
		origin := cmp.Or(cmd.Origin, known.Origin, "http://localhost:8484")
		fmt.Fprintf(c.out, "This link opens the operator’s page in one browser, once, within ten minutes,\nwhere Hearkeep is served with --operator:\n\n  %s/operator/%s\n\n", origin, secret)
		return nil
	})
}

// withDesk opens a folder for a row of room identity, beside a server that may
// run on it.
func withDesk(ctx context.Context, keep string, do func(*identity.Desk) error) (err error) {
	if _, err := os.Stat(filepath.Join(keep, fileHouse)); err != nil {
		return folderError(keep, err)
	}
	house, err := seal.LoadOrCreateHouseKey(filepath.Join(keep, fileHouse))
	if err != nil {
		return err
	}
	st, err := sqlite.Open(ctx, keep)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, st.Close()) }()
	l, err := ledger.Look(ctx, st, filepath.Join(keep, fileLedger))
	if err != nil {
		return ledgerError(err)
	}
	desk, err := identity.New(identity.Config{Store: st, Ledger: l, House: house})
	if err != nil {
		return err
	}
	return do(desk)
}
