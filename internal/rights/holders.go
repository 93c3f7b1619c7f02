package rights

import (
	"context"

	"github.com/hearkeep/hearkeep"
	"github.com/hearkeep/hearkeep/internal/store"
)

// holdersOf returns who holds a vault's newest generation, as rows have it:
// for letters, which say nothing that a wrong reader could use. Whoever enters
// the vault is checked there.
func holdersOf(ctx context.Context, tx *store.Tx, id hearkeep.VaultID) ([]hearkeep.AccountID, error) {
	gens, err := tx.Vaults.Generations(ctx, id)
	if err != nil || len(gens) == 0 {
		return nil, err
	}
	rows, err := tx.Vaults.Keyholders(ctx, id, gens[len(gens)-1].N)
	if err != nil {
		return nil, err
	}
	leaving, err := tx.Vaults.Departures(ctx, id)
	gone := map[hearkeep.AccountID]bool{}
	for _, l := range leaving {
		gone[l.Account] = true
	}
	var holders []hearkeep.AccountID
	for _, h := range rows {
		if !gone[h.Account] {
			holders = append(holders, h.Account)
		}
	}
	return holders, err
}

// tellHolders queues a letter to everybody who holds a vault.
func (d *Desk) tellHolders(ctx context.Context, tx *store.Tx, id hearkeep.VaultID, l hearkeep.Letter) error {
	holders, err := holdersOf(ctx, tx, id)
	if err != nil {
		return err
	}
	for _, account := range holders {
		if err := d.Letters.Tell(ctx, tx, account, l); err != nil {
			return err
		}
	}
	return nil
}
