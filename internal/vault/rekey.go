package vault

import (
	"context"
	"errors"
	"fmt"
	"slices"

	"github.com/hearkeep/hearkeep"
	"github.com/hearkeep/hearkeep/internal/identity"
	"github.com/hearkeep/hearkeep/internal/ledger"
	"github.com/hearkeep/hearkeep/internal/seal"
	"github.com/hearkeep/hearkeep/internal/store"
)

// Rekey implements identity.Vaults: of every vault that from holds it prepares
// a generation whose roster has to's key, and what from holds sealed to that.
// It first does what waits there, so that who accepted an invitation comes in.
//
// commit fails with Conflict, and writes nothing, where who holds one of the
// vaults, or which vaults there are, has changed meanwhile. A vault that does
// not open fails the whole: with the old keys gone, it never would again.
func (k *Keep) Rekey(ctx context.Context, from, to identity.Verified) (func(*store.Tx) error, error) {
	if !from.Valid() || !to.Valid() || from.Account() != to.Account() {
		return nil, errNobody()
	}
	held, err := k.Vaults(ctx, from)
	if err != nil {
		return nil, err
	}
	var all []successor
	for _, h := range held {
		s, err := k.rekeyOne(ctx, from, to, h.ID)
		if err != nil {
			return nil, fmt.Errorf("vault: renew the keys of %s: %w", h.ID, err)
		}
		all = append(all, s)
	}
	return func(tx *store.Tx) error {
		err := k.rekeyAll(ctx, tx, from.Account(), all)
		if errors.Is(err, errStale) {
			return errBusy(err)
		}
		return err
	}, nil
}

func (k *Keep) rekeyOne(ctx context.Context, from, to identity.Verified, id hearkeep.VaultID) (s successor, err error) {
	if _, err := k.Enter(ctx, from, id); err != nil {
		return s, err
	}
	r, w, err := k.open(ctx, from, id)
	if err != nil {
		return s, err
	}
	public := seal.PublicOfAccount(to.Private())
	if s, err = r.prepare(w.lineage, plan{members: w.lineage.holders(), mine: public}); err != nil {
		return s, err
	}
	s.actor = personOf(to)
	s.note = func(ctx context.Context, tx *store.Tx) error {
		_, err := k.ledger.Append(ctx, tx, entryOf(s.actor, id, ledger.KindKeys, "keys of a keyholder renewed"))
		return err
	}
	for _, h := range r.held {
		key, err := r.key(h.Generation)
		if err != nil {
			return s, err
		}
		if h.Wrap, err = seal.SealVaultKey(key, public, id, h.Generation, h.Account); err != nil {
			return s, err
		}
		s.again = append(s.again, h) // its pin says which keys are the vault's, and goes on saying that
	}
	return s, nil
}

// rekeyAll writes what was prepared of all vaults, which must be all that the
// account holds, each with all that it holds of it.
func (k *Keep) rekeyAll(ctx context.Context, tx *store.Tx, account hearkeep.AccountID, all []successor) error {
	held, err := k.heldIn(ctx, tx, account)
	if err != nil {
		return err
	}
	if len(held) != len(all) {
		return errStale
	}
	for _, s := range all {
		if !slices.ContainsFunc(held, func(h holding) bool { return h.vault.ID == s.gen.Vault }) {
			return errStale
		}
		has, err := tx.Vaults.Keyholder(ctx, s.gen.Vault, account)
		if err != nil {
			return err
		}
		if !slices.EqualFunc(has, s.again, func(a, b store.Keyholder) bool { return a.Generation == b.Generation }) {
			return errStale // the past was given meanwhile
		}
		if err := k.take(ctx, tx, s); err != nil {
			return err
		}
	}
	return nil
}
