package vault

import (
	"context"
	"errors"
	"fmt"
	"slices"
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
// have neither a recording nor a tombstone. A crash leaves such numbers; so
// does whoever takes rows away and starts the program again. Nobody can tell
// one from the other but who was there: the vault's keyholders are told, and a
// report is opened.
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
		err = k.store.Update(ctx, func(tx *store.Tx) error { return k.missingAtStart(ctx, tx, vault, gaps) })
		if err != nil {
			return fmt.Errorf("numbers of %s: %w", vault, err)
		}
	}
	return nil
}

// missingAtStart accounts for numbers that a start found missing.
func (k *Keep) missingAtStart(ctx context.Context, tx *store.Tx, vault hearkeep.VaultID, gaps []hearkeep.Run) error {
	now := time.Now()
	if err := tx.Vaults.InsertTombstones(ctx, vault, hearkeep.OutcomeFailed, now, gaps); err != nil {
		return err
	}
	v, err := tx.Vaults.Vault(ctx, vault)
	if err != nil {
		return err
	}
	holders, err := k.toldOf(ctx, tx, vault)
	if err != nil {
		return err
	}
	report := store.Report{ID: hearkeep.NewID[hearkeep.ReportID](), What: WhatAtStart, Via: hearkeep.ReportSelf, Vault: vault, Binding: gaps[0].Binding, At: now}
	if len(holders) == 1 {
		report.Account = holders[0]
	}
	if err := tx.Incidents.InsertReport(ctx, report); err != nil {
		return err
	}
	count := 0
	for _, run := range gaps {
		count += int(run.To - run.From + 1)
	}
	failed := ledger.Entry{Kind: ledger.KindKeepFailed, Role: hearkeep.RoleSystem, Vault: &vault, Purpose: "found at start", Count: count, Items: gaps}
	reported := ledger.Entry{Kind: ledger.KindReported, Role: hearkeep.RoleSystem, Vault: &vault, Purpose: WhatAtStart, Count: count, Report: &report.ID}
	k.log.Warn("numbers were missing at start", "vault", vault, "numbers", count)
	return k.tell(ctx, tx, []ledger.Entry{failed, reported}, holders, letterMissing(k.called(v), count))
}

// toldOf is who is told of what is wrong with a vault: who holds it or, where
// that is not what was signed, whoever is pinned to any generation of it.
func (k *Keep) toldOf(ctx context.Context, tx *store.Tx, vault hearkeep.VaultID) (accounts []hearkeep.AccountID, err error) {
	l, err := k.lineage(ctx, tx, vault)
	if err == nil {
		return accountsOf(l.holders()), nil
	}
	if !errors.Is(err, errAltered) {
		return nil, err
	}
	for _, g := range l.gens {
		rows, err := tx.Vaults.Keyholders(ctx, vault, g.N)
		if err != nil {
			return nil, err
		}
		for _, row := range rows {
			if _, err := k.checkHolder(row); err == nil && !slices.Contains(accounts, row.Account) {
				accounts = append(accounts, row.Account)
			}
		}
	}
	return accounts, nil
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
