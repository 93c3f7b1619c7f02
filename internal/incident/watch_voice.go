package incident

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"time"

	"github.com/hearkeep/hearkeep"
	"github.com/hearkeep/hearkeep/internal/ledger"
	"github.com/hearkeep/hearkeep/internal/store"
)

// errListened ends the search of Listened at the first that is found.
var errListened = errors.New("incident: somebody opened something")

// Listened reports whether anybody else opened what a vault keeps, or was
// handed it, since a time: for the answer by voice. Of a vault that one account
// holds, what it did itself, signed in, does not count; its programs do, since
// whoever has their token is somebody else for all that is known. Of a vault
// of several, everything counts: nobody knows who of them is asking.
func (d *Desk) Listened(ctx context.Context, vault hearkeep.VaultID, since time.Time) (bool, error) {
	err := d.Store.View(ctx, func(tx *store.Tx) error {
		holders, err := holdersOf(ctx, tx, vault)
		if err != nil {
			return err
		}
		return tx.Ledger.EachOpening(ctx, store.Opened{Vault: vault, From: since}, func(row store.LedgerEntry) error {
			var e ledger.Entry
			if row.Body != nil {
				if err := json.Unmarshal(row.Body, &e); err != nil {
					return fmt.Errorf("entry %d: %w", row.Seq, err)
				}
			}
			if len(holders) == 1 && e.Role == hearkeep.RoleKeyholder && e.Account != nil && *e.Account == holders[0] {
				return nil
			}
			return errListened
		})
	})
	if errors.Is(err, errListened) {
		return true, nil
	}
	if err != nil {
		return false, fmt.Errorf("incident: who opened vault %s: %w", vault, err)
	}
	return false, nil
}

// NotMine takes a report by voice: the last thing that was kept of a door is
// not its keeper's.
func (d *Desk) NotMine(ctx context.Context, vault hearkeep.VaultID, binding hearkeep.BindingID) error {
	_, err := d.File(ctx, Filing{What: WhatNotMine, Via: hearkeep.ReportVoice, Vault: vault, Binding: binding}, "")
	return err
}
