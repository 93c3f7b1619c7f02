package vault

import (
	"context"
	"slices"
	"time"

	"github.com/hearkeep/hearkeep"
	"github.com/hearkeep/hearkeep/internal/ledger"
	"github.com/hearkeep/hearkeep/internal/seal"
	"github.com/hearkeep/hearkeep/internal/store"
)

// lastGuardian reports whether a child that is not of age would hold a vault
// without a guardian once an account does no more: nobody could be invited to
// it then, and nobody take it over or leave it.
func lastGuardian(l lineage, account hearkeep.AccountID) bool {
	me, ok := l.holder(account)
	return ok && me.As == asGuardian && !ofAge(l.vault) && !slices.ContainsFunc(l.holders(), func(m seal.RosterMember) bool {
		return m.As == asGuardian && m.Account != account
	})
}

// leaveToChild lets the child take its vault over at once where its last
// guardian goes for good: nobody else could let it.
func (k *Keep) leaveToChild(ctx context.Context, tx *store.Tx, h holding, account hearkeep.AccountID) (store.Vault, error) {
	v := h.lineage.vault
	if h.altered != nil || !lastGuardian(h.lineage, account) {
		return v, nil
	}
	v.OfAge = time.Now().UTC().Truncate(time.Millisecond)
	if err := tx.Vaults.SetVault(ctx, v); err != nil {
		return v, err
	}
	entry := ledger.Entry{Kind: ledger.KindKeys, Account: &account, Role: hearkeep.RoleSystem, Vault: &v.ID, Purpose: "vault handed over"}
	letter := letterHandedOver(k.called(v), nameIn(ctx, tx, account))
	return v, k.tell(ctx, tx, []ledger.Entry{entry}, accountsOf(h.lineage.holders()), letter)
}
