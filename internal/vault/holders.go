package vault

import (
	"context"
	"crypto/rand"
	"crypto/sha256"
	"encoding/base64"
	"errors"
	"fmt"
	"slices"
	"time"

	"github.com/hearkeep/hearkeep"
	"github.com/hearkeep/hearkeep/internal/identity"
	"github.com/hearkeep/hearkeep/internal/ledger"
	"github.com/hearkeep/hearkeep/internal/seal"
	"github.com/hearkeep/hearkeep/internal/store"
)

// Holder is somebody who holds this vault, or is about to.
type Holder struct {
	Account hearkeep.AccountID
	Name    string
	As      string // "holder", "guardian" or "child"
	Past    bool   // from the first generation on
	You     bool
	Leaving bool // refused already; a generation without them is still to be made
}

// Holders lists who holds this vault, who asks first.
func (r *Room) Holders(ctx context.Context) (holders []Holder, err error) {
	if err := r.keyholder(); err != nil {
		return nil, err
	}
	err = r.keep.store.View(ctx, func(tx *store.Tx) error {
		l, err := r.keep.lineage(ctx, tx, r.vault.ID)
		if err != nil {
			return err
		}
		for _, m := range l.members {
			has, err := tx.Vaults.Keyholder(ctx, r.vault.ID, m.Account)
			if err != nil && !errors.Is(err, store.ErrNotFound) {
				return err
			}
			holders = append(holders, Holder{
				Account: m.Account, Name: nameIn(ctx, tx, m.Account), As: m.As, You: m.Account == r.actor.account,
				Past: len(has) > 0 && has[0].Generation == 1, Leaving: l.leaves(m.Account),
			})
		}
		return nil
	})
	if err != nil {
		return nil, fmt.Errorf("vault: holders of %s: %w", r.vault.ID, err)
	}
	slices.SortStableFunc(holders, func(a, b Holder) int {
		switch {
		case a.You == b.You:
			return 0
		case a.You:
			return -1
		}
		return 1
	})
	return holders, nil
}

// decides refuses whoever may not decide who holds the vault: programs, and
// keyholders who did not show an unlocker lately.
func (r *Room) decides() error {
	if err := r.keyholder(); err != nil {
		return err
	}
	return r.actor.fresh()
}

// Invitation is what Invite offers. Admin and Household membership come with
// it for somebody who has no account here yet.
type Invitation struct {
	As   string // "holder", "guardian" or "child"
	Past bool   // with what was kept before, as far back as who invites opens it; a child always has it
}

// maxInvitations is how many invitations to one vault may be open.
const maxInvitations = 16

// Invite makes a one-use link to hold this vault, which must be shared or a
// child's, and returns its secret. Needs Fresh. It ends when somebody leaves
// the vault, or renews their keys: they could have made one like it.
func (r *Room) Invite(ctx context.Context, i Invitation) (string, error) {
	if err := r.decides(); err != nil {
		return "", err
	}
	var secret [32]byte
	rand.Read(secret[:])
	now := time.Now().UTC().Truncate(time.Millisecond)
	row := store.Invitation{
		ID: hearkeep.NewID[hearkeep.InvitationID](), Hash: sha256.Sum256(secret[:]), Vault: r.vault.ID,
		By: r.actor.account, Role: "member", As: i.As, Past: i.Past || i.As == asChild,
		Created: now, Expires: now.Add(identity.InvitationLife).Truncate(time.Millisecond),
	}
	err := r.keep.store.Update(ctx, func(tx *store.Tx) (err error) {
		if row.Generation, row.Household, err = r.mayInvite(ctx, tx, row.As); err != nil {
			return err
		}
		key, err := r.key(row.Generation)
		if err != nil {
			return err
		}
		if row.Sealed, err = r.keep.sealInvitation(key, secret, row); err != nil {
			return err
		}
		if err := tx.Houses.InsertInvitation(ctx, row); err != nil {
			return err
		}
		_, err = r.keep.ledger.Append(ctx, tx, entryOf(r.actor, r.vault.ID, ledger.KindKeys, "invited as "+row.As))
		return err
	})
	if err != nil {
		return "", fmt.Errorf("vault: invite to %s: %w", r.vault.ID, err)
	}
	return base64.RawURLEncoding.EncodeToString(secret[:]), nil
}

// mayInvite returns the generation that an invitation is sealed under, and the
// household that comes with it.
func (r *Room) mayInvite(ctx context.Context, tx *store.Tx, as string) (n hearkeep.Generation, house hearkeep.HouseholdID, err error) {
	l, me, err := r.stillHolds(ctx, tx)
	if err != nil {
		return 0, house, err
	}
	switch {
	case l.vault.Kind != Shared && l.vault.Kind != Child:
		return 0, house, hearkeep.Errorf(hearkeep.Invalid, "This vault is for one person.").WithHint("Make a shared one, and move doors and recordings there.")
	case me.As == asChild:
		return 0, house, hearkeep.Errorf(hearkeep.Forbidden, "The guardians of this vault decide who holds it.")
	case len(l.members) >= maxHolders:
		return 0, house, hearkeep.Errorf(hearkeep.TooMany, "%d people hold this vault, which is as many as there can be.", len(l.members))
	case !mayBecome(l.vault, l.members, as):
		return 0, house, hearkeep.Errorf(hearkeep.Invalid, "Nobody can be invited to this vault as that.").
			WithHint("A shared vault has holders; a child's has guardians and one child.")
	}
	open, err := tx.Houses.InvitationsTo(ctx, r.vault.ID)
	if err == nil && len(open) >= maxInvitations {
		err = hearkeep.Errorf(hearkeep.TooMany, "%d invitations to this vault are open, which is as many as there can be.", len(open)).WithHint("Withdraw one first.")
	}
	if house = l.vault.Household; err == nil && house.IsZero() {
		house, err = householdOf(ctx, tx, r.actor.account)
	}
	return l.newest().N, house, err
}

// stillHolds reads, in tx, who holds the vault, and what this Room's person
// is of it. Conflict where the Room does not have its newest key any more, and
// Unauthorized where its session has ended.
func (r *Room) stillHolds(ctx context.Context, tx *store.Tx) (lineage, seal.RosterMember, error) {
	if err := r.actor.lives(ctx, tx, time.Now()); err != nil {
		return lineage{}, seal.RosterMember{}, err
	}
	l, err := r.keep.lineage(ctx, tx, r.vault.ID)
	if err != nil {
		return l, seal.RosterMember{}, err
	}
	me, ok := l.holder(r.actor.account)
	if !ok {
		return l, me, errNoVault(nil)
	}
	if r.current != l.newest().N {
		return l, me, errBusy(nil)
	}
	return l, me, nil
}

// RemoveHolder ends what another holds of this vault, with a new generation
// that is sealed to the others. What the other alone could open opens for
// nobody then, and is erased. Needs Fresh.
func (r *Room) RemoveHolder(ctx context.Context, account hearkeep.AccountID) error {
	if err := r.decides(); err != nil {
		return err
	}
	if account == r.actor.account {
		return hearkeep.Errorf(hearkeep.Invalid, "You cannot remove yourself.").WithHint("You can leave the vault.")
	}
	err := r.renew(ctx, func(l lineage) (plan, error) {
		me, _ := l.holder(r.actor.account)
		other, ok := l.holder(account)
		if !ok {
			return plan{}, hearkeep.Errorf(hearkeep.NotFound, "They do not hold this vault.")
		}
		if err := mayRemove(l.vault, me, other); err != nil {
			return plan{}, err
		}
		holders := l.holders()
		return plan{
			members: slices.DeleteFunc(slices.Clone(holders), isMember(account)),
			note: func(ctx context.Context, tx *store.Tx) error {
				letter := letterRemoved(r.keep.called(l.vault), nameIn(ctx, tx, account), nameIn(ctx, tx, r.actor.account))
				return r.keep.tell(ctx, tx, r.about("keyholder removed", account), accountsOf(holders), letter)
			},
		}, nil
	})
	if err != nil {
		return fmt.Errorf("vault: remove a keyholder of %s: %w", r.vault.ID, err)
	}
	return nil
}

// mayRemove keeps guardians from the child that is of age, and the child that
// is not from its guardians.
func mayRemove(v store.Vault, me, other seal.RosterMember) error {
	grown := ofAge(v)
	switch {
	case other.As == asChild && grown:
		return hearkeep.Errorf(hearkeep.Forbidden, "This vault is the child's to take over.").WithHint("You can leave it.")
	case me.As == asChild && !grown:
		return hearkeep.Errorf(hearkeep.Forbidden, "The guardians of this vault decide who holds it.")
	}
	return nil
}

// ofAge reports whether the child may take its vault over.
func ofAge(v store.Vault) bool { return !v.OfAge.IsZero() && !v.OfAge.After(time.Now()) }

// GivePast lets another keyholder open what was kept before they came, as far
// back as this Room does. Needs Fresh.
func (r *Room) GivePast(ctx context.Context, account hearkeep.AccountID) error {
	if err := r.decides(); err != nil {
		return err
	}
	var l lineage
	var had []store.Keyholder
	err := r.keep.store.View(ctx, func(tx *store.Tx) (err error) {
		if l, _, err = r.stillHolds(ctx, tx); err == nil {
			had, err = tx.Vaults.Keyholder(ctx, r.vault.ID, account)
		}
		return err
	})
	other, ok := l.holder(account)
	if errors.Is(err, store.ErrNotFound) || err == nil && (!ok || account == r.actor.account) {
		return hearkeep.Errorf(hearkeep.NotFound, "They do not hold this vault.").Because(err)
	}
	if err != nil {
		return fmt.Errorf("vault: give the past of %s: %w", r.vault.ID, err)
	}
	if other.Public.Bytes() == nil {
		return fmt.Errorf("vault: give the past of %s: %w: no key in the roster", r.vault.ID, errAltered)
	}
	rows, err := r.pastFor(other, r.span.From, had)
	if err != nil {
		return fmt.Errorf("vault: give the past of %s: %w", r.vault.ID, err)
	}
	if len(rows) == 0 {
		return hearkeep.Errorf(hearkeep.Conflict, "They can open all that you can open.")
	}
	err = r.keep.store.Update(ctx, func(tx *store.Tx) error {
		now, _, err := r.stillHolds(ctx, tx)
		if err != nil {
			return err
		}
		if !now.same(l) {
			return errBusy(nil)
		}
		for _, h := range rows {
			if err := tx.Vaults.InsertKeyholder(ctx, h); errors.Is(err, store.ErrExists) {
				return errBusy(err)
			} else if err != nil {
				return err
			}
		}
		letter := letterPast(r.keep.called(l.vault), nameIn(ctx, tx, account), nameIn(ctx, tx, r.actor.account))
		return r.keep.tell(ctx, tx, r.about("past given", account), accountsOf(l.holders()), letter)
	})
	if err != nil {
		return fmt.Errorf("vault: give the past of %s: %w", r.vault.ID, err)
	}
	return nil
}

// HandOver lets the child of this vault take it over from now on: for guardians.
func (r *Room) HandOver(ctx context.Context) error {
	if err := r.keyholder(); err != nil {
		return err
	}
	err := r.keep.store.Update(ctx, func(tx *store.Tx) error {
		l, me, err := r.stillHolds(ctx, tx)
		switch {
		case err != nil:
			return err
		case me.As != asGuardian:
			return hearkeep.Errorf(hearkeep.Forbidden, "Its guardians hand a child's vault over.")
		case !slices.ContainsFunc(l.holders(), isChild):
			return hearkeep.Errorf(hearkeep.Conflict, "No child holds this vault yet.").WithHint("Invite the child first.")
		case ofAge(l.vault):
			return nil // it may already
		}
		v := l.vault
		v.OfAge = time.Now().UTC().Truncate(time.Millisecond)
		if err := tx.Vaults.SetVault(ctx, v); err != nil {
			return err
		}
		r.vault = v
		letter := letterHandedOver(r.keep.called(v), nameIn(ctx, tx, r.actor.account))
		return r.keep.tell(ctx, tx, r.about("vault handed over", r.actor.account), accountsOf(l.holders()), letter)
	})
	if err != nil {
		return fmt.Errorf("vault: hand %s over: %w", r.vault.ID, err)
	}
	return nil
}

// TakeOver is for the child, of age or after HandOver: the guardians hold the
// vault no more, and it becomes personal. Needs Fresh.
func (r *Room) TakeOver(ctx context.Context) error {
	if err := r.decides(); err != nil {
		return err
	}
	err := r.renew(ctx, func(l lineage) (plan, error) {
		me, _ := l.holder(r.actor.account)
		if me.As != asChild {
			return plan{}, hearkeep.Errorf(hearkeep.Forbidden, "Only its child takes a vault over.")
		}
		if !ofAge(l.vault) {
			return plan{}, hearkeep.Errorf(hearkeep.Forbidden, "It is too early to take this vault over.").
				WithHint("A guardian can hand it over before the day that was set.")
		}
		me.As = asHolder
		return plan{
			members: []seal.RosterMember{me},
			change: func(v *store.Vault) {
				v.Kind, v.Household, v.OfAge = Personal, hearkeep.HouseholdID{}, time.Time{}
			},
			note: func(ctx context.Context, tx *store.Tx) error {
				letter := letterTakenOver(r.keep.called(l.vault), nameIn(ctx, tx, r.actor.account))
				return r.keep.tell(ctx, tx, r.about("vault taken over", r.actor.account), accountsOf(l.holders()), letter)
			},
		}, nil
	})
	if err != nil {
		return fmt.Errorf("vault: take %s over: %w", r.vault.ID, err)
	}
	return nil
}
