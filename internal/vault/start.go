package vault

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/hearkeep/hearkeep"
	"github.com/hearkeep/hearkeep/internal/ledger"
	"github.com/hearkeep/hearkeep/internal/store"
)

// finishErasures applies what stands in the journal and not in the rows: a
// crash came between, or yesterday's database was put in the place of today's.
func (k *Keep) finishErasures(ctx context.Context) error {
	return k.journal.Each(func(e store.Erasure) error {
		if !e.Account.IsZero() {
			return nil // said for a restore: Forget erased what there was
		}
		err := k.store.View(ctx, func(tx *store.Tx) error {
			_, err := tx.Vaults.Erasure(ctx, e.Vault, e.Receipt)
			return err
		})
		if err == nil || !errors.Is(err, store.ErrNotFound) {
			return err
		}
		k.log.Warn("an erasure is finished now", "receipt", e.Receipt, "recordings", len(e.Recordings))
		vault := e.Vault
		_, err = k.finish(ctx, e, ledger.Entry{Kind: ledger.KindErased, Role: hearkeep.RoleSystem, Vault: &vault, Purpose: "finished at start"})
		return err
	})
}

// accountForNumbers makes failed keeps of numbers that were handed out and
// have neither a recording nor a tombstone.
func (k *Keep) accountForNumbers(ctx context.Context) error {
	var vaults []hearkeep.VaultID
	err := k.store.View(ctx, func(tx *store.Tx) (err error) {
		vaults, err = tx.Vaults.AllVaults(ctx)
		return err
	})
	if err != nil {
		return err
	}
	for _, vault := range vaults {
		gaps, err := Gaps(ctx, k.store, vault)
		if err != nil {
			return fmt.Errorf("numbers of %s: %w", vault, err)
		}
		if len(gaps) == 0 {
			continue
		}
		err = k.store.Update(ctx, func(tx *store.Tx) error {
			if err := tx.Vaults.InsertTombstones(ctx, vault, hearkeep.OutcomeFailed, time.Now(), gaps); err != nil {
				return err
			}
			_, err := k.ledger.Append(ctx, tx, ledger.Entry{
				Kind: ledger.KindKeepFailed, Role: hearkeep.RoleSystem, Vault: &vault, Purpose: "found at start",
				Count: len(gaps), Items: gaps,
			})
			return err
		})
		if err != nil {
			return fmt.Errorf("numbers of %s: %w", vault, err)
		}
	}
	return nil
}

// Gaps returns the numbers that a vault's bindings handed out and that
// neither a recording nor a tombstone accounts for.
func Gaps(ctx context.Context, st store.Store, vault hearkeep.VaultID) (gaps []hearkeep.Run, err error) {
	err = st.View(ctx, func(tx *store.Tx) error {
		bindings, err := tx.Vaults.Bindings(ctx, vault)
		if err != nil {
			return err
		}
		stones, err := tx.Vaults.Tombstones(ctx, vault)
		if err != nil {
			return err
		}
		for _, b := range bindings {
			missing, err := gapsOf(ctx, tx, b, stones)
			if err != nil {
				return err
			}
			gaps = append(gaps, missing...)
		}
		return nil
	})
	return gaps, err
}

// gapsOf merges a binding's recordings and tombstones, both ascending, and
// returns what lies between them.
func gapsOf(ctx context.Context, tx *store.Tx, b store.Binding, stones []store.Tombstone) ([]hearkeep.Run, error) {
	var own []store.Tombstone
	for _, s := range stones {
		if s.Binding == b.ID {
			own = append(own, s)
		}
	}
	var gaps []hearkeep.Run
	next := hearkeep.Number(1)
	account := func(from, to hearkeep.Number) {
		if from > next {
			gaps = append(gaps, hearkeep.Run{Binding: b.ID, From: next, To: from - 1})
		}
		next = max(next, to+1)
	}
	stonesUpTo := func(n hearkeep.Number) {
		for len(own) > 0 && own[0].From <= n {
			account(own[0].From, own[0].To)
			own = own[1:]
		}
	}
	for after := hearkeep.Number(0); ; {
		recs, err := tx.Vaults.RecordingsByNumber(ctx, b.Vault, b.ID, after, 1000)
		if err != nil {
			return nil, err
		}
		for _, rec := range recs {
			stonesUpTo(rec.Number)
			account(rec.Number, rec.Number)
			after = rec.Number
		}
		if len(recs) == 0 {
			break
		}
	}
	stonesUpTo(b.Next - 1)
	account(b.Next, b.Next-1)
	return gaps, nil
}
