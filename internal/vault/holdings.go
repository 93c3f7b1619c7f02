package vault

import (
	"context"
	"errors"
	"fmt"
	"slices"

	"github.com/hearkeep/hearkeep"
	"github.com/hearkeep/hearkeep/internal/store"
)

// Counted is what one vault keeps for somebody who holds it, counted by rows
// alone.
type Counted struct {
	Held
	Totals     store.Totals // of what they can open
	Withheld   int          // recordings of before, which nobody gave them
	Restricted bool         // something of it is frozen
	ByOthers   bool         // and not by this account alone, which could not end that
}

// Counted returns every vault that an account holds, its own first, with what
// it keeps. It opens nothing, and nobody need be signed in. Where Vaults passes
// over what is not what was signed, this fails, with Stopped over a *Stop: who
// is told what is kept of them is told all of it.
func (k *Keep) Counted(ctx context.Context, account hearkeep.AccountID) ([]Counted, error) {
	var out []Counted
	err := k.store.View(ctx, func(tx *store.Tx) error {
		held, err := k.holdings(ctx, tx, account)
		if err != nil {
			return err
		}
		for _, h := range held {
			c := Counted{Held: k.heldBy(ctx, tx, h.holding, account)}
			if c.Waits, err = someoneWaits(ctx, tx, h.holding); err != nil {
				return err
			}
			if c.Totals, err = tx.Vaults.Totals(ctx, h.vault.ID, h.span()); err != nil {
				return err
			}
			if from := h.span().From; from > 1 {
				before, err := tx.Vaults.Totals(ctx, h.vault.ID, store.Span{From: 1, To: from - 1})
				if err != nil {
					return err
				}
				c.Withheld = before.Recordings
			}
			frozen, err := tx.Rights.Restrictions(ctx, h.vault.ID)
			if err != nil {
				return err
			}
			c.Restricted = len(frozen) > 0
			c.ByOthers = slices.ContainsFunc(frozen, func(r store.Restriction) bool { return r.Account != account })
			out = append(out, c)
		}
		return nil
	})
	return out, k.asStopped(account, err)
}

// asStopped makes of a *Stop what people are told.
func (k *Keep) asStopped(account hearkeep.AccountID, err error) error {
	var s *Stop
	if errors.As(err, &s) {
		k.log.Error("what an account holds does not add up", "account", account, "err", s)
		return stopped(s.Vault, s)
	}
	if err != nil {
		return fmt.Errorf("vault: what %s holds: %w", account, err)
	}
	return nil
}

// held is a holding with the account's rows, each pinned and of the lineage.
type held struct {
	holding
	rows []store.Keyholder // ascending by generation, at least one
}

// span is what of the vault the account can open.
func (h held) span() store.Span { return store.Span{From: h.rows[0].Generation} }

// holdings is heldIn for what must be all: a row that is not what was signed
// and pinned is a *Stop, and so is a vault that says it is held by the account
// and for which the account's rows are gone. Who was removed, or left, holds
// nothing, whatever their rows say.
func (k *Keep) holdings(ctx context.Context, tx *store.Tx, account hearkeep.AccountID) (out []held, err error) {
	rows, err := tx.Vaults.VaultsOf(ctx, account)
	if err != nil {
		return nil, err
	}
	for _, v := range rows {
		h, holds, err := k.heldOf(ctx, tx, account, v.ID)
		if err != nil {
			return nil, err
		}
		if holds {
			out = append(out, h)
		}
	}
	slices.SortStableFunc(out, func(a, b held) int {
		switch {
		case a.own() == b.own():
			return 0
		case a.own():
			return -1
		}
		return 1
	})
	return out, k.noneTaken(ctx, tx, account, rows)
}

// heldOf returns what an account holds of one vault, if it does.
func (k *Keep) heldOf(ctx context.Context, tx *store.Tx, account hearkeep.AccountID, vault hearkeep.VaultID) (h held, holds bool, err error) {
	stop := func(format string, args ...any) *Stop {
		s := foreign(hearkeep.BindingID{}, hearkeep.RecordingID{}, format, args...)
		s.Vault = vault
		return s
	}
	h.lineage, err = k.lineage(ctx, tx, vault)
	if errors.Is(err, errAltered) {
		return h, false, stop("%w", err)
	}
	if err != nil {
		return h, false, err
	}
	me, ok := h.lineage.holder(account)
	if !ok {
		return h, false, nil
	}
	h.vault, h.as = h.lineage.vault, me.As
	if h.rows, err = tx.Vaults.Keyholder(ctx, vault, account); errors.Is(err, store.ErrNotFound) {
		return h, false, stop("account %s holds it, and its keys are gone", account)
	} else if err != nil {
		return h, false, err
	}
	for i, row := range h.rows {
		public, err := k.checkHolder(row)
		if err != nil {
			return h, false, stop("%w", err)
		}
		n := int(row.Generation)
		if n > len(h.lineage.gens) || !publicOf(h.lineage.gens[n-1]).Equal(public) || i > 0 && row.Generation != h.rows[i-1].Generation+1 {
			return h, false, stop("generation %d of account %s is not one of the vault's", n, account)
		}
	}
	if h.rows[len(h.rows)-1].Generation != h.lineage.newest().N {
		return h, false, stop("account %s has not the newest generation", account)
	}
	return h, true, nil
}

// noneTaken looks for a vault that keeps something, that says it is held by an
// account, and of which the account has no row: somebody took it.
func (k *Keep) noneTaken(ctx context.Context, tx *store.Tx, account hearkeep.AccountID, has []store.Vault) error {
	all, err := tx.Vaults.AllVaults(ctx)
	if err != nil {
		return err
	}
	for _, vault := range all {
		if slices.ContainsFunc(has, func(v store.Vault) bool { return v.ID == vault }) {
			continue
		}
		newest, err := newestIn(ctx, tx, vault)
		if errors.Is(err, store.ErrNotFound) || err == nil && !slices.Contains(newest.Keyholders, account) {
			continue
		}
		if err != nil {
			return err
		}
		gone, err := tx.Vaults.Departures(ctx, vault)
		if err != nil {
			return err
		}
		if slices.ContainsFunc(gone, func(d store.Departure) bool { return d.Account == account }) {
			continue
		}
		kept, err := tx.Vaults.Totals(ctx, vault, store.Span{})
		if err != nil {
			return err
		}
		if kept.Recordings > 0 {
			s := foreign(hearkeep.BindingID{}, hearkeep.RecordingID{}, "account %s holds it, and its keys are gone", account)
			s.Vault = vault
			return s
		}
	}
	return nil
}

// heldBy is a vault as its keyholder knows it.
func (k *Keep) heldBy(ctx context.Context, tx *store.Tx, row holding, account hearkeep.AccountID) Held {
	h := Held{
		ID: row.vault.ID, Name: k.name(row.vault), Kind: row.vault.Kind, As: row.as,
		Holders: len(row.lineage.holders()), OfAge: row.vault.OfAge,
	}
	for _, m := range row.lineage.holders() {
		if m.Account != account {
			h.With = append(h.With, nameIn(ctx, tx, m.Account))
		}
	}
	slices.Sort(h.With)
	return h
}
