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

type setupLinkCmd struct {
	Keep   string `help:"The keep's folder; it may be in use." default:"./keep" type:"path"`
	Origin string `help:"Where people reach the portal; by default where this keep was last served." placeholder:"URL"`
}

// Run makes a set-up link for one more person, who gets a household and a
// vault of their own.
// It writes one row, so a running server need not be stopped.
func (cmd setupLinkCmd) Run(ctx context.Context, c *console) (err error) {
	if _, err := os.Stat(filepath.Join(cmd.Keep, fileHouse)); err != nil {
		return folderError(cmd.Keep, err)
	}
	house, err := seal.LoadOrCreateHouseKey(filepath.Join(cmd.Keep, fileHouse))
	if err != nil {
		return err
	}
	st, err := sqlite.Open(ctx, cmd.Keep)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, st.Close()) }()
	l, err := ledger.Open(ctx, st, filepath.Join(cmd.Keep, fileLedger))
	if err != nil {
		return ledgerError(err)
	}
	desk, err := identity.New(identity.Config{Store: st, Ledger: l, House: house})
	if err != nil {
		return err
	}
	secret, err := desk.AnotherLink(ctx)
	if err != nil {
		return err
	}
	known, err := readKept(cmd.Keep)
	if err != nil {
		return err
	}
	origin := cmp.Or(cmd.Origin, known.Origin, "http://localhost:8484")
	fmt.Fprintf(c.out, "This link sets up one more person, once, within one hour:\n\n  %s/setup/%s\n\n", origin, secret)
	return nil
}
