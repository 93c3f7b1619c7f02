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

// waiting is what waits in a vault for somebody who has its key.
type waiting struct {
	lineage  lineage
	accepted []store.Invitation
	ended    []store.Binding // whose end nobody signed yet
}

func (r *Room) waits(ctx context.Context, tx *store.Tx) (w waiting, err error) {
	if w.lineage, err = r.keep.lineage(ctx, tx, r.vault.ID); err != nil {
		return w, err
	}
	invitations, err := tx.Houses.InvitationsTo(ctx, r.vault.ID)
	if err != nil {
		return w, err
	}
	for _, i := range invitations {
		if !i.Account.IsZero() {
			w.accepted = append(w.accepted, i)
		}
	}
	w.ended, err = r.unsealedEnds(ctx, tx)
	return w, err
}

// Complete does what waits for a keyholder: generations without those who
// left, keys for those who accepted an invitation. Enter does it for the one
// vault; this does it for all that who holds, at sign-in. A vault that does
// not open is reported as Enter does, and the others go on.
func (k *Keep) Complete(ctx context.Context, who identity.Verified) error {
	held, err := k.Vaults(ctx, who)
	if err != nil {
		return err
	}
	var failed error
	for _, h := range held {
		if _, err := k.Enter(ctx, who, h.ID); err != nil {
			failed = errors.Join(failed, err)
		}
	}
	if failed != nil {
		return fmt.Errorf("vault: complete for %s: %w", who.Account(), failed)
	}
	return nil
}

// complete does what waits in this Room's vault. errStale says that the vault
// has a newer generation now, and is to be entered anew.
func (r *Room) complete(ctx context.Context, w waiting) error {
	if r.current != w.lineage.newest().N {
		return nil // for somebody who has the newest key
	}
	if len(w.ended) > 0 {
		err := r.keep.store.Update(ctx, func(tx *store.Tx) error {
			for _, b := range w.ended {
				if err := r.sealEnded(ctx, tx, b); err != nil {
					return err
				}
			}
			return nil
		})
		if err != nil {
			return err
		}
	}
	if len(w.lineage.leaving) > 0 {
		// Those who left were told, and written down, when they did. Invitations
		// end with this generation.
		err := r.succeed(ctx, w.lineage, plan{members: w.lineage.holders()})
		if err == nil {
			err = errStale
		}
		return err
	}
	if len(w.accepted) > 0 {
		return r.admit(ctx, w)
	}
	return nil
}

// admit makes the generation that those who accepted an invitation hold. What
// an intruder wrote into an invitation's row is reported, and ends it.
func (r *Room) admit(ctx context.Context, w waiting) error {
	var come []arrival
	var foreign, late []store.Invitation
	for _, i := range w.accepted {
		a, err := r.arrivalOf(ctx, w.lineage, come, i)
		switch {
		case errors.Is(err, errForeign):
			r.keep.log.Error("an invitation was refused", "invitation", i.ID, "vault", r.vault.ID, "err", err)
			foreign = append(foreign, i)
		case errors.Is(err, errNoPlace):
			late = append(late, i)
		case err != nil:
			return err
		default:
			come = append(come, a)
		}
	}
	if len(foreign) > 0 {
		if err := r.refuse(ctx, foreign); err != nil {
			return err
		}
	}
	if len(late) > 0 {
		if err := r.decline(ctx, late); err != nil {
			return err
		}
	}
	if len(come) == 0 {
		return nil
	}
	err := r.succeed(ctx, w.lineage, plan{members: w.lineage.holders(), come: come, note: r.noteArrivals(w.lineage, come)})
	if err == nil {
		err = errStale
	}
	return err
}

// errForeign says that an invitation is not to be honoured.
var errForeign = errors.New("vault: not an invitation of this vault")

// errNoPlace says that who accepted cannot become what they were invited as,
// because another was first.
var errNoPlace = errors.New("vault: who accepted cannot become that any more")

// arrivalOf returns who accepted an invitation, with the key to seal to: the
// one that came back authenticated under the secret of the link.
func (r *Room) arrivalOf(ctx context.Context, l lineage, come []arrival, i store.Invitation) (arrival, error) {
	foreign := func(err error) (arrival, error) { return arrival{}, fmt.Errorf("%w: %w", errForeign, err) }
	if i.Generation != l.newest().N {
		return foreign(fmt.Errorf("it is of generation %d, and somebody left since", i.Generation))
	}
	key, err := r.key(i.Generation)
	if err != nil {
		return arrival{}, err
	}
	secret, err := r.keep.openInvitation(key, i)
	if err != nil {
		return foreign(err)
	}
	public, err := seal.ParseAccountPublic(i.Public)
	if err == nil {
		err = seal.VerifyAcceptance(secret, seal.Acceptance{Invitation: i.ID, Vault: i.Vault, Account: i.Account, Public: public}, i.MAC)
	}
	if err != nil {
		return foreign(err)
	}
	members := slices.Clone(l.members)
	for _, a := range come {
		members = append(members, a.RosterMember)
	}
	if slices.ContainsFunc(members, isMember(i.Account)) || len(members) >= maxHolders || !mayBecome(r.vault, members, i.As) {
		return arrival{}, errNoPlace
	}
	var same bool
	var past hearkeep.Generation
	err = r.keep.store.View(ctx, func(tx *store.Tx) (err error) {
		if same, err = hasKey(ctx, tx, i.Account, public); err == nil && i.Past {
			past, err = r.keep.heldSince(ctx, tx, i.Vault, i.By)
		}
		return err
	})
	if err == nil && !same {
		return foreign(errors.New("who accepted has other keys now"))
	}
	return arrival{seal.RosterMember{Account: i.Account, As: i.As, Public: public}, past, i.ID}, err
}

// heldSince is the first generation that an account is pinned to hold, and
// zero where it holds none: nobody gives more of the past than they have.
func (k *Keep) heldSince(ctx context.Context, tx *store.Tx, vault hearkeep.VaultID, account hearkeep.AccountID) (hearkeep.Generation, error) {
	held, err := tx.Vaults.Keyholder(ctx, vault, account)
	if err != nil && !errors.Is(err, store.ErrNotFound) {
		return 0, err
	}
	for _, h := range held {
		if _, err := k.checkHolder(h); err == nil {
			return h.Generation, nil
		}
	}
	return 0, nil
}

// mayBecome reports whether one more may hold a vault as what is said. A
// child's has guardians and one child.
func mayBecome(v store.Vault, members []seal.RosterMember, as string) bool {
	switch v.Kind {
	case Shared:
		return as == asHolder
	case Child:
		return as == asGuardian || as == asChild && !slices.ContainsFunc(members, isChild)
	}
	return false
}

func isChild(m seal.RosterMember) bool { return m.As == asChild }

// refuse ends invitations that are not honoured, and writes that down.
func (r *Room) refuse(ctx context.Context, foreign []store.Invitation) error {
	return r.keep.store.Update(ctx, func(tx *store.Tx) error {
		for _, i := range foreign {
			if err := tx.Houses.DeleteInvitation(ctx, i.ID); err != nil {
				return err
			}
		}
		e := entryOf(r.actor, r.vault.ID, ledger.KindOpeningFailed, "invitation")
		e.Count = len(foreign)
		_, err := r.keep.ledger.Append(ctx, tx, e)
		return err
	})
}

// decline ends invitations that came too late: a second child's, or one to a
// vault that as many hold as can. Whoever accepted is told.
func (r *Room) decline(ctx context.Context, late []store.Invitation) error {
	return r.keep.store.Update(ctx, func(tx *store.Tx) error {
		for _, i := range late {
			if err := tx.Houses.DeleteInvitation(ctx, i.ID); err != nil {
				return err
			}
			letter := letterNoPlace(r.keep.called(r.vault), nameIn(ctx, tx, i.Account))
			to := []hearkeep.AccountID{i.Account, i.By}
			if err := r.keep.tell(ctx, tx, r.about("invitation ended: no place", i.Account), to, letter); err != nil {
				return err
			}
		}
		return nil
	})
}

// noteArrivals writes down who came, and tells everybody who holds the vault.
func (r *Room) noteArrivals(l lineage, come []arrival) func(context.Context, *store.Tx) error {
	return func(ctx context.Context, tx *store.Tx) error {
		to := accountsOf(l.holders())
		for _, a := range come {
			to = append(to, a.Account)
		}
		for _, a := range come {
			letter := letterAdded(r.keep.called(r.vault), nameIn(ctx, tx, a.Account), a.As, r.given(a))
			if err := r.keep.tell(ctx, tx, r.about("keyholder added", a.Account), to, letter); err != nil {
				return err
			}
		}
		return nil
	}
}

// given is from which generation on somebody who comes can open what was kept
// before, zero for none of it: nobody gives more than they have themselves.
func (r *Room) given(a arrival) hearkeep.Generation {
	at := slices.IndexFunc(r.held, func(h store.Keyholder) bool { return h.Generation >= a.past })
	if a.past == 0 || at < 0 {
		return 0
	}
	return r.held[at].Generation
}

// about is the entries of what was done with somebody: of who did it, and of
// who it concerns, so that it stands in the lists of both.
func (r *Room) about(purpose string, with hearkeep.AccountID) []ledger.Entry {
	entries := []ledger.Entry{entryOf(r.actor, r.vault.ID, ledger.KindKeys, purpose)}
	if with != r.actor.account {
		entries = append(entries, ledger.Entry{
			Kind: ledger.KindKeys, Account: &with, Role: hearkeep.RoleKeyholder, Vault: &r.vault.ID, Purpose: purpose,
		})
	}
	return entries
}
