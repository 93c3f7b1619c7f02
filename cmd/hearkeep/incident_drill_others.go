package main

import (
	"context"
	"fmt"
	"time"

	"github.com/hearkeep/hearkeep"
	"github.com/hearkeep/hearkeep/internal/ledger"
	"github.com/hearkeep/hearkeep/internal/store"
	"github.com/hearkeep/hearkeep/internal/vault"
)

// drillOther is somebody who is there for the ledger alone: rows say that they
// hold a vault with a door, and there is no key to it.
type drillOther struct {
	account hearkeep.AccountID
	vault   hearkeep.VaultID
	door    hearkeep.BindingID
}

const drillOthers = 500

// others makes them.
func (d *drill) others(ctx context.Context, since time.Time) (all []drillOther, err error) {
	err = d.folder.store.Update(ctx, func(tx *store.Tx) error {
		for range drillOthers {
			o := drillOther{hearkeep.NewID[hearkeep.AccountID](), hearkeep.NewID[hearkeep.VaultID](), hearkeep.NewID[hearkeep.BindingID]()}
			if err := tx.Vaults.InsertVault(ctx, store.Vault{ID: o.vault, Kind: vault.Personal, Created: since}); err != nil {
				return err
			}
			g := store.Generation{Vault: o.vault, N: 1, Keyholders: []hearkeep.AccountID{o.account}, Created: since}
			if err := tx.Vaults.InsertGeneration(ctx, g); err != nil {
				return err
			}
			b := store.Binding{
				ID: o.door, Vault: o.vault, Generation: 1, Source: hearkeep.SourceUpload, Rule: hearkeep.RoomRule{Keep: hearkeep.KeepAll}, Created: since,
			}
			if err := tx.Vaults.InsertBinding(ctx, b); err != nil {
				return err
			}
			all = append(all, o)
		}
		return nil
	})
	return all, err
}

// fill puts entries of others into the ledger, as a year of listening makes
// them: most are openings, a few are sign-ins, archives, expiry, keys.
func (d *drill) fill(ctx context.Context) error {
	const batch, days = 2000, 360
	if d.cmd.Entries == 0 {
		return nil
	}
	begin := time.Now()
	since := begin.AddDate(0, 0, -days)
	others, err := d.others(ctx, since)
	if err != nil {
		return err
	}
	every := (days - 1) * 24 * time.Hour / time.Duration(d.cmd.Entries)
	for n := 0; n < d.cmd.Entries; {
		var entries []ledger.Entry
		for ; n < d.cmd.Entries && len(entries) < batch; n++ {
			entries = append(entries, others[n*7919%drillOthers].entry(n, since.Add(time.Duration(n)*every)))
		}
		if _, err := d.folder.ledger.Write(ctx, entries...); err != nil {
			return err
		}
	}
	d.result.Filled = time.Since(begin).Seconds()
	d.before("The ledger holds %d made-up entries of %d others (%.1f s).", d.cmd.Entries, drillOthers, d.result.Filled)
	return nil
}

// entry is the nth that is made up.
func (o drillOther) entry(n int, at time.Time) ledger.Entry {
	first := hearkeep.Number(n/drillOthers + 1)
	e := ledger.Entry{
		Kind: ledger.KindOpened, At: at, Account: &o.account, Role: hearkeep.RoleKeyholder, Vault: &o.vault,
		Session: fmt.Sprintf("%016x", n/40), Purpose: "listen", Count: 1, Items: []hearkeep.Run{{Binding: o.door, From: first, To: first}},
	}
	switch n % 50 {
	case 0:
		e.Kind, e.Purpose, e.Vault, e.Items, e.Count = ledger.KindSignedIn, "passphrase", nil, nil, 0
	case 1:
		e.Kind, e.Purpose, e.Session, e.Archive = ledger.KindDisclosed, "access disclosed, sealed", "", new(hearkeep.NewID[hearkeep.ArchiveID]())
		e.Items[0].From, e.Count = 1, int(first)
	case 2:
		e.Kind, e.Purpose, e.Session = ledger.KindExpired, "retention", ""
	case 3:
		e.Kind, e.Purpose, e.Items, e.Count = ledger.KindKeys, "keyholder added", nil, 0
	}
	return e
}
