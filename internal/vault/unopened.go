package vault

import (
	"context"
	"errors"

	"github.com/hearkeep/hearkeep"
	"github.com/hearkeep/hearkeep/internal/ledger"
	"github.com/hearkeep/hearkeep/internal/store"
)

// eraseOpenToNoOther erases what of a shared vault opens for one account alone:
// what was kept before the others came, and nobody gave them.
func (k *Keep) eraseOpenToNoOther(ctx context.Context, account hearkeep.AccountID, vault hearkeep.VaultID, entry ledger.Entry) error {
	var mine, theirs hearkeep.Generation
	err := k.store.View(ctx, func(tx *store.Tx) error {
		l, err := k.lineage(ctx, tx, vault)
		if errors.Is(err, errAltered) {
			return nil // nobody knows who opens what
		}
		if err != nil {
			return err
		}
		if mine, err = k.heldSince(ctx, tx, vault, account); err != nil {
			return err
		}
		for _, m := range l.holders() {
			if m.Account == account {
				continue
			}
			first, err := k.heldSince(ctx, tx, vault, m.Account)
			if err != nil {
				return err
			}
			if first == 0 {
				mine = 0 // their rows are damaged, which may be mended
			}
			if theirs == 0 || first < theirs {
				theirs = first
			}
		}
		return nil
	})
	if err != nil || mine == 0 || theirs <= mine {
		return err
	}
	_, err = k.eraseSpan(ctx, vault, store.Span{From: mine, To: theirs - 1}, entry)
	return err
}

// eraseUnopened erases what nobody who holds a vault opens any more, once
// somebody went who alone did: the keys to it are gone with them, and nobody
// could give it back or erase it. Where it fails it goes with its time, or when
// the next one goes.
func (k *Keep) eraseUnopened(ctx context.Context, vault hearkeep.VaultID) {
	ctx = context.WithoutCancel(ctx)
	var first hearkeep.Generation
	err := k.store.View(ctx, func(tx *store.Tx) error {
		l, err := k.lineage(ctx, tx, vault)
		if err != nil {
			return err
		}
		first = l.newest().N
		for _, m := range l.holders() {
			rows, err := tx.Vaults.Keyholder(ctx, vault, m.Account) // also such as do not check: they may be mended
			if err != nil {
				return err
			}
			first = min(first, rows[0].Generation)
		}
		return nil
	})
	if err == nil && first > 1 {
		entry := ledger.Entry{Kind: ledger.KindErased, Role: hearkeep.RoleSystem, Vault: &vault, Purpose: "opens for nobody"}
		_, err = k.eraseSpan(ctx, vault, store.Span{From: 1, To: first - 1}, entry)
	}
	if err != nil {
		k.log.Error("what opens for nobody was not erased", "vault", vault, "err", err)
	}
}
