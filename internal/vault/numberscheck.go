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

// CheckNumbers looks whether every number that was handed out stands for
// something, while the program runs, and opens a report for each vault where
// one does not. Unlike at a start, no crash explains that: nothing is accounted
// for, so that archives go on stopping at it.
func (k *Keep) CheckNumbers(ctx context.Context, now time.Time) error {
	var vaults []hearkeep.VaultID
	err := k.store.View(ctx, func(tx *store.Tx) (err error) {
		vaults, err = tx.Vaults.AllVaults(ctx)
		return err
	})
	if err != nil {
		return fmt.Errorf("vault: check numbers: %w", err)
	}
	for _, vault := range vaults {
		err := k.settled(ctx, vault, func() error {
			gaps, err := Gaps(ctx, k.store, vault)
			if err != nil || len(gaps) == 0 {
				return err
			}
			return &Stop{What: WhatNumbers, Vault: vault, Binding: gaps[0].Binding, Missing: gaps}
		})
		var s *Stop
		switch {
		case errors.As(err, &s):
			err = k.reportMissing(ctx, s, now)
		case err != nil && hearkeep.CodeOf(err) == hearkeep.Conflict:
			err = nil // never at rest: looked at again next time
		}
		if err != nil {
			return fmt.Errorf("vault: check numbers of %s: %w", vault, err)
		}
	}
	return nil
}

// reportMissing opens a report of missing numbers, unless one is open, and
// tells who holds the vault. Which numbers of which doors they are stands in
// the ledger's entry, which they can read.
func (k *Keep) reportMissing(ctx context.Context, s *Stop, now time.Time) error {
	r := store.Report{
		ID: hearkeep.NewID[hearkeep.ReportID](), What: WhatNumbers, Via: hearkeep.ReportSelf,
		Vault: s.Vault, Binding: s.Binding, At: now,
	}
	count := 0
	for _, run := range s.Missing {
		count += int(run.To - run.From + 1)
	}
	return k.store.Update(ctx, func(tx *store.Tx) error {
		if _, err := tx.Watch.OpenReport(ctx, r); err == nil || !errors.Is(err, store.ErrNotFound) {
			return err
		}
		k.log.Error("numbers are missing", "vault", s.Vault, "numbers", count)
		if err := tx.Incidents.InsertReport(ctx, r); err != nil {
			return err
		}
		v, err := tx.Vaults.Vault(ctx, s.Vault)
		if err != nil {
			return err
		}
		holders, err := k.toldOf(ctx, tx, s.Vault)
		if err != nil {
			return err
		}
		reported := ledger.Entry{
			Kind: ledger.KindReported, Role: hearkeep.RoleSystem, Vault: &s.Vault, Binding: &s.Binding,
			Purpose: WhatNumbers, Count: count, Items: s.Missing, Report: &r.ID,
		}
		return k.tell(ctx, tx, []ledger.Entry{reported}, holders, letterTaken(k.called(v), count))
	})
}
