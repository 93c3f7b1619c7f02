package main

import (
	"cmp"
	"context"
	"fmt"

	"github.com/hearkeep/hearkeep/internal/identity"
)

type setupLinkCmd struct {
	Keep   string `help:"The keep's folder; it may be in use." default:"./keep" type:"path"`
	Origin string `help:"Where people reach the portal; by default where this keep was last served." placeholder:"URL"`
}

// Run makes a set-up link for one more person, who gets a household and a
// vault of their own.
// It writes one row, so a running server need not be stopped.
func (cmd setupLinkCmd) Run(ctx context.Context, c *console) error {
	return withDesk(ctx, cmd.Keep, func(desk *identity.Desk) error {
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
	})
}
