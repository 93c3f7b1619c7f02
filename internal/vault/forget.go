package vault

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"time"

	"github.com/hearkeep/hearkeep"
	"github.com/hearkeep/hearkeep/internal/ledger"
	"github.com/hearkeep/hearkeep/internal/seal"
	"github.com/hearkeep/hearkeep/internal/store"
)

// Leave ends what this Room's person holds of it; the next keyholder's
// sign-in makes the generation without them. The last keyholder cannot leave,
// nor the last guardian of a child that is not of age, nor who alone can open
// something: that would be lost.
func (r *Room) Leave(ctx context.Context) error {
	if err := r.keyholder(); err != nil {
		return err
	}
	err := r.keep.store.Update(ctx, func(tx *store.Tx) error {
		l, me, err := r.stillHolds(ctx, tx)
		if err != nil {
			return err
		}
		stay := slices.DeleteFunc(l.holders(), isMember(me.Account))
		if len(stay) == 0 {
			return hearkeep.Errorf(hearkeep.Conflict, "You are the last one who holds this vault.").
				WithHint("Erase what it keeps, or invite somebody who takes it on.")
		}
		if lastGuardian(l, me.Account) {
			return hearkeep.Errorf(hearkeep.Conflict, "You are the child's last guardian.").WithHint("Hand the vault over first, or invite another guardian.")
		}
		if err := r.takesNothing(ctx, tx, stay); err != nil {
			return err
		}
		return r.keep.depart(ctx, tx, l, store.Departure{Account: me.Account, By: me.Account}, r.about("keyholder left", me.Account))
	})
	if err != nil {
		return fmt.Errorf("vault: leave %s: %w", r.vault.ID, err)
	}
	return nil
}

// takesNothing fails where something is kept that none of those who stay opens.
func (r *Room) takesNothing(ctx context.Context, tx *store.Tx, stay []seal.RosterMember) error {
	first := r.current + 1
	for _, m := range stay {
		has, err := tx.Vaults.Keyholder(ctx, r.vault.ID, m.Account)
		if errors.Is(err, store.ErrNotFound) {
			continue
		}
		if err != nil {
			return err
		}
		first = min(first, has[0].Generation)
	}
	if first <= r.span.From {
		return nil
	}
	alone, err := tx.Vaults.Totals(ctx, r.vault.ID, store.Span{From: r.span.From, To: first - 1})
	if err == nil && alone.Recordings > 0 {
		err = hearkeep.Errorf(hearkeep.Conflict, "Of what is kept here, %d recordings open for you alone.", alone.Recordings).
			WithHint("Let another keyholder open what was kept before, or erase it; then you can leave.")
	}
	return err
}

// depart notes that an account holds a vault, which others hold as well, no
// more. Invitations end: whoever leaves could have made them.
func (k *Keep) depart(ctx context.Context, tx *store.Tx, l lineage, d store.Departure, entries []ledger.Entry) error {
	d.Vault, d.At = l.vault.ID, time.Now().UTC().Truncate(time.Millisecond)
	if err := tx.Vaults.PutDeparture(ctx, d); err != nil {
		return err
	}
	if err := k.letGo(ctx, tx, d.Vault, d.Account); err != nil {
		return err
	}
	if err := k.endInvitations(ctx, tx, l.vault); err != nil {
		return err
	}
	letter := letterLeft(k.called(l.vault), nameIn(ctx, tx, d.Account))
	if d.By != d.Account {
		letter = letterRemoved(k.called(l.vault), nameIn(ctx, tx, d.Account), nameIn(ctx, tx, d.By))
	}
	return k.tell(ctx, tx, entries, accountsOf(l.holders()), letter)
}

// letGo removes an account's keys to a vault, those of its programs, and what
// it had frozen there.
func (k *Keep) letGo(ctx context.Context, tx *store.Tx, vault hearkeep.VaultID, account hearkeep.AccountID) error {
	if err := k.liftOf(ctx, tx, vault, account); err != nil {
		return err
	}
	if err := tx.Vaults.DeleteKeyholder(ctx, vault, account); err != nil {
		return err
	}
	tokens, err := tx.Vaults.APITokens(ctx, account)
	if err != nil {
		return err
	}
	for _, t := range tokens {
		if t.Vault != vault {
			continue
		}
		if err := tx.Vaults.DeleteAPIToken(ctx, account, t.ID); err != nil {
			return err
		}
	}
	return nil
}

// endInvitations ends a vault's invitations, and tells who accepted one: they
// wait for a keyholder who will not come for that any more.
func (k *Keep) endInvitations(ctx context.Context, tx *store.Tx, v store.Vault) error {
	open, err := tx.Houses.InvitationsTo(ctx, v.ID)
	for _, i := range open {
		if err := k.endInvitation(ctx, tx, v, i); err != nil {
			return err
		}
	}
	return err
}

func (k *Keep) endInvitation(ctx context.Context, tx *store.Tx, v store.Vault, i store.Invitation) error {
	if err := tx.Houses.DeleteInvitation(ctx, i.ID); err != nil || i.Account.IsZero() {
		return err
	}
	return k.write(ctx, tx, i.Account, letterInvitationEnded(k.called(v)))
}

// Depart implements identity.Vaults. A vault of the household that nobody who
// stays there holds goes with the account, into the household where it is now:
// others elsewhere who hold it go on to.
func (k *Keep) Depart(ctx context.Context, tx *store.Tx, account hearkeep.AccountID, house hearkeep.HouseholdID, by hearkeep.AccountID) error {
	held, err := k.heldIn(ctx, tx, account)
	if err != nil {
		return fmt.Errorf("vault: depart of %s: %w", account, err)
	}
	for _, h := range held {
		if h.vault.Household != house || house.IsZero() {
			continue
		}
		along, err := k.along(ctx, tx, h, account)
		if err == nil && along {
			err = k.takeAlong(ctx, tx, h.vault, account)
		} else if err == nil {
			err = k.departOne(ctx, tx, h, account, by)
		}
		if err != nil {
			return fmt.Errorf("vault: depart of %s from %s: %w", account, h.vault.ID, err)
		}
	}
	return nil
}

// along reports whether a vault goes with an account that left its household:
// whether nobody who belongs to that household still holds it. Where it is not
// what was signed, whoever else may hold it counts.
func (k *Keep) along(ctx context.Context, tx *store.Tx, h holding, account hearkeep.AccountID) (bool, error) {
	if h.altered != nil {
		return k.alone(ctx, tx, h, account)
	}
	for _, m := range h.lineage.holders() {
		at, err := tx.Houses.Member(ctx, m.Account)
		if errors.Is(err, store.ErrNotFound) {
			continue
		}
		if err != nil {
			return false, err
		}
		if at.Household == h.vault.Household {
			return false, nil
		}
	}
	return true, nil
}

// takeAlong puts a vault into the household where an account is now.
func (k *Keep) takeAlong(ctx context.Context, tx *store.Tx, v store.Vault, account hearkeep.AccountID) (err error) {
	if v.Household, err = householdOf(ctx, tx, account); err != nil {
		return err
	}
	if err := k.endInvitations(ctx, tx, v); err != nil { // they are to the household that was
		return err
	}
	return tx.Vaults.SetVault(ctx, v)
}

// departOne notes that an account holds a vault, which others hold as well, no
// more.
func (k *Keep) departOne(ctx context.Context, tx *store.Tx, h holding, account, by hearkeep.AccountID) error {
	if h.altered == nil && lastGuardian(h.lineage, account) {
		return hearkeep.Errorf(hearkeep.Conflict, "%s is the last guardian of a child's vault here.", nameIn(ctx, tx, account)).
			WithHint("Another guardian has to hold that vault first, or the child be let take it over.")
	}
	purpose, role := "keyholder left", hearkeep.RoleKeyholder
	if by != account {
		purpose, role = "keyholder removed", hearkeep.RoleAdmin
	}
	entries := []ledger.Entry{{Kind: ledger.KindKeys, Account: &account, Role: role, Vault: &h.vault.ID, Purpose: purpose}}
	if by != account {
		entries = append(entries, ledger.Entry{Kind: ledger.KindKeys, Account: &by, Role: role, Vault: &h.vault.ID, Purpose: purpose})
	}
	return k.depart(ctx, tx, h.lineage, store.Departure{Account: account, By: by}, entries)
}

// alone reports whether nobody else holds a vault. Where that is not what was
// signed, whoever is pinned to any generation counts.
func (k *Keep) alone(ctx context.Context, tx *store.Tx, h holding, account hearkeep.AccountID) (bool, error) {
	if h.altered == nil {
		return !slices.ContainsFunc(h.lineage.holders(), func(m seal.RosterMember) bool { return m.Account != account }), nil
	}
	gens, err := tx.Vaults.Generations(ctx, h.vault.ID)
	if err != nil {
		return false, err
	}
	for _, g := range gens {
		rows, err := tx.Vaults.Keyholders(ctx, h.vault.ID, g.N)
		if err != nil {
			return false, err
		}
		for _, row := range rows {
			if _, err := k.checkHolder(row); err == nil && row.Account != account {
				return false, nil
			}
		}
	}
	return true, nil
}

// Forget implements identity.Vaults. Of a vault that the account alone holds,
// the doors end first, so that nothing comes after; then everything in it is
// erased; and then what the account holds of it goes, so that a Forget that
// was cut short finds it again. Of a vault that others hold as well, what none
// of them opens is erased: nobody could do that later. A child whose last
// guardian goes may take its vault over at once.
func (k *Keep) Forget(ctx context.Context, account hearkeep.AccountID) error {
	var held []holding
	err := k.store.View(ctx, func(tx *store.Tx) (err error) {
		held, err = k.heldIn(ctx, tx, account)
		return err
	})
	if err != nil {
		return fmt.Errorf("vault: forget %s: %w", account, err)
	}
	for _, h := range held {
		if err := k.forgetOne(ctx, account, h.vault.ID); err != nil {
			return fmt.Errorf("vault: forget %s: %s: %w", account, h.vault.ID, err)
		}
	}
	// So that a restored backup does not bring the account back.
	err = k.journal.Append(ctx, store.Erasure{Receipt: hearkeep.NewID[hearkeep.ReceiptID](), Account: account, Outcome: hearkeep.OutcomeErased, At: time.Now()})
	if err != nil {
		return fmt.Errorf("vault: forget %s: %w", account, err)
	}
	return nil
}

func (k *Keep) forgetOne(ctx context.Context, account hearkeep.AccountID, vault hearkeep.VaultID) error {
	entry := ledger.Entry{Kind: ledger.KindErased, Account: &account, Role: hearkeep.RoleSystem, Vault: &vault, Purpose: "farewell"}
	if err := k.eraseOpenToNoOther(ctx, account, vault, entry); err != nil {
		return err
	}
	alone, err := k.endDoorsOrDepart(ctx, account, vault)
	if err != nil || !alone {
		return err
	}
	if _, err := k.eraseAll(ctx, vault, store.Span{}, entry); err != nil && hearkeep.CodeOf(err) != hearkeep.NotFound {
		return err
	}
	return k.store.Update(ctx, func(tx *store.Tx) error {
		v, err := tx.Vaults.Vault(ctx, vault)
		if err != nil {
			return err
		}
		v.Label, v.Household = nil, hearkeep.HouseholdID{}
		if err := tx.Vaults.SetVault(ctx, v); err != nil {
			return err
		}
		if err := k.endInvitations(ctx, tx, v); err != nil {
			return err
		}
		if _, err := tx.Vaults.DeleteAPITokensOf(ctx, vault); err != nil {
			return err
		}
		if err := k.letGo(ctx, tx, vault, account); err != nil {
			return err
		}
		entry.Kind, entry.Purpose = ledger.KindKeys, "vault ended"
		_, err = k.ledger.Append(ctx, tx, entry)
		return err
	})
}

// endDoorsOrDepart ends the doors of a vault that an account alone holds, or
// what it holds together with others. No session is there to sign that: for a
// vault that nobody opens any more, rows are enough.
func (k *Keep) endDoorsOrDepart(ctx context.Context, account hearkeep.AccountID, vault hearkeep.VaultID) (alone bool, err error) {
	var doors []store.Binding
	err = k.store.Update(ctx, func(tx *store.Tx) error {
		held, err := k.heldIn(ctx, tx, account)
		if err != nil {
			return err
		}
		at := slices.IndexFunc(held, func(h holding) bool { return h.vault.ID == vault })
		if at < 0 {
			return nil // another was first
		}
		if alone, err = k.alone(ctx, tx, held[at], account); err != nil {
			return err
		}
		if !alone {
			if held[at].lineage.vault, err = k.leaveToChild(ctx, tx, held[at], account); err != nil {
				return err
			}
			return k.departOne(ctx, tx, held[at], account, account)
		}
		if doors, err = tx.Vaults.Bindings(ctx, vault); err != nil {
			return err
		}
		for _, b := range doors {
			if err := k.closeDoor(ctx, tx, b, account); err != nil {
				return err
			}
		}
		return nil
	})
	for _, b := range doors {
		k.dropEnvelope(b.ID)
	}
	return alone, err
}

func (k *Keep) closeDoor(ctx context.Context, tx *store.Tx, b store.Binding, account hearkeep.AccountID) error {
	if !b.Ended.IsZero() {
		return nil
	}
	if err := tx.Vaults.EndBinding(ctx, b.Vault, b.ID, time.Now()); err != nil {
		return err
	}
	if err := tx.Identity.DeleteToken(ctx, b.ID); err != nil {
		return err
	}
	_, err := k.ledger.Append(ctx, tx, ledger.Entry{
		Kind: ledger.KindUnbound, Account: &account, Role: hearkeep.RoleSystem, Vault: &b.Vault, Binding: &b.ID, Purpose: "farewell",
	})
	return err
}
