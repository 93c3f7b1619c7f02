package vault

import (
	"bytes"
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

// maxHolders is how many accounts may hold one vault.
const maxHolders = 32

// arrival is somebody who comes with a generation.
type arrival struct {
	seal.RosterMember
	past       hearkeep.Generation // from which on the past is given; zero for none of it
	invitation hearkeep.InvitationID
}

// plan is what is to become of a vault with its next generation.
type plan struct {
	members []seal.RosterMember // who stays
	come    []arrival
	mine    seal.AccountPublic // the maker's key from now on; zero: what it is
	change  func(*store.Vault) // of the vault's row, as it is then; nil: none
	note    func(context.Context, *store.Tx) error
}

// successor is a generation that is ready to be written, with what comes and
// goes with it.
type successor struct {
	plan
	after lineage // on which it was prepared
	actor actor
	old   seal.VaultKey // of the generation before
	gen   store.Generation
	key   seal.VaultKey
	rows  []store.Keyholder // the generation's own, and the past of who is given it
	again []store.Keyholder // rows that are there, sealed anew
	gone  []hearkeep.AccountID
}

// prepare makes the next generation, outside of any transaction. It is sealed
// to keys of the roster before it, which the house key pinned, and to those of
// arrivals, which were authenticated under their invitation's secret. Rows of
// accounts are not asked for keys.
func (r *Room) prepare(l lineage, p plan) (s successor, err error) {
	old, err := r.key(l.newest().N)
	if err != nil {
		return s, err
	}
	if p.mine.Bytes() == nil {
		p.mine = seal.PublicOfAccount(r.actor.who.Private())
	}
	members := slices.Clone(p.members)
	if at := slices.IndexFunc(members, isMember(r.actor.account)); at >= 0 {
		members[at].Public = p.mine
	}
	for _, a := range p.come {
		members = append(members, a.RosterMember)
	}
	s = successor{plan: p, after: l, actor: r.actor, old: old}
	if s.key, err = seal.NewVaultKey(); err != nil {
		return s, err
	}
	now := time.Now().UTC().Truncate(time.Millisecond)
	if s.gen, s.rows, err = r.keep.generation(r.vault.ID, l.newest().N+1, s.key, old, members, now); err != nil {
		return s, err
	}
	for _, a := range p.come {
		if a.past == 0 {
			continue
		}
		given, err := r.pastFor(a.RosterMember, a.past, nil)
		if err != nil {
			return s, err
		}
		s.rows = append(s.rows, given...)
	}
	for _, m := range l.members {
		if !slices.Contains(s.gen.Keyholders, m.Account) {
			s.gone = append(s.gone, m.Account)
		}
	}
	return s, nil
}

// pastFor seals the generations that this Room opens, from one on and but
// those that are had already, to a member.
func (r *Room) pastFor(m seal.RosterMember, from hearkeep.Generation, had []store.Keyholder) (rows []store.Keyholder, err error) {
	for _, mine := range r.held {
		n := mine.Generation
		if n < from || slices.ContainsFunc(had, func(h store.Keyholder) bool { return h.Generation == n }) {
			continue
		}
		key, err := r.key(n)
		if err != nil {
			return nil, err
		}
		h, err := r.keep.holderRow(r.vault.ID, n, key, m, nil)
		if err != nil {
			return nil, err
		}
		rows = append(rows, h)
	}
	return rows, nil
}

// succeed makes the next generation of this Room's vault as planned, and
// leaves the Room with its key. errStale where somebody else was first.
func (r *Room) succeed(ctx context.Context, l lineage, p plan) error {
	s, err := r.prepare(l, p)
	if err != nil {
		return fmt.Errorf("vault: generation %d of %s: %w", l.newest().N+1, r.vault.ID, err)
	}
	if err := r.keep.store.Update(ctx, func(tx *store.Tx) error { return r.keep.take(ctx, tx, s) }); err != nil {
		return fmt.Errorf("vault: generation %d of %s: %w", s.gen.N, r.vault.ID, err)
	}
	for _, h := range s.rows {
		if h.Account == r.actor.account && h.Generation == s.gen.N {
			r.keys[s.gen.N], r.current, r.held = s.key, s.gen.N, append(r.held, h)
		}
	}
	if p.change != nil {
		p.change(&r.vault)
	}
	if len(s.gone) > 0 {
		r.keep.eraseUnopened(ctx, r.vault.ID)
	}
	if err := r.keep.advances(r.vault.ID, s.gen.N, publicOf(s.gen)); err != nil { // another came after this one
		r.keep.log.Debug("a generation has a successor already", "vault", r.vault.ID, "err", err)
	}
	return nil
}

// take writes a generation, unless what it was prepared on has changed. What
// belongs to the generation before ends: what was held by who is gone, every
// API token, and the envelopes of every door, which follow at once. A session
// that has ended makes none.
func (k *Keep) take(ctx context.Context, tx *store.Tx, s successor) error {
	if err := s.actor.lives(ctx, tx, time.Now()); err != nil {
		return err
	}
	vault := s.gen.Vault
	now, err := k.lineage(ctx, tx, vault)
	if err != nil {
		return err
	}
	if !now.same(s.after) {
		return errStale
	}
	if err := stillComing(ctx, tx, vault, s.come); err != nil {
		return err
	}
	if err := tx.Vaults.InsertGeneration(ctx, s.gen); errors.Is(err, store.ErrExists) {
		return errStale
	} else if err != nil {
		return err
	}
	if err := s.putHolders(ctx, tx); err != nil {
		return err
	}
	for _, account := range s.gone {
		if err := k.liftOf(ctx, tx, vault, account); err != nil {
			return err
		}
	}
	if err := k.moveDoors(ctx, tx, append(slices.Clone(now.gens), s.gen), len(s.come) > 0); err != nil {
		return err
	}
	if err := k.stopDoors(ctx, tx, s); err != nil {
		return err
	}
	if err := k.carryInvitations(ctx, tx, s); err != nil {
		return err
	}
	if s.change != nil {
		v := now.vault
		s.change(&v)
		if err := tx.Vaults.SetVault(ctx, v); err != nil {
			return err
		}
	}
	entries := []ledger.Entry{entryOf(s.actor, vault, ledger.KindKeys, "generation made")}
	if n, err := tx.Vaults.DeleteAPITokensOf(ctx, vault); err != nil {
		return err
	} else if n > 0 {
		ended := entryOf(s.actor, vault, ledger.KindToken, "tokens ended with the generation")
		ended.Count = n
		entries = append(entries, ended)
	}
	if _, err := k.ledger.Append(ctx, tx, entries...); err != nil || s.note == nil {
		return err
	}
	return s.note(ctx, tx)
}

// stillComing fails with errStale where an invitation was withdrawn meanwhile,
// or who accepted it has other keys now.
func stillComing(ctx context.Context, tx *store.Tx, vault hearkeep.VaultID, come []arrival) error {
	if len(come) == 0 {
		return nil
	}
	open, err := tx.Houses.InvitationsTo(ctx, vault)
	if err != nil {
		return err
	}
	for _, a := range come {
		if !slices.ContainsFunc(open, func(i store.Invitation) bool { return i.ID == a.invitation && i.Account == a.Account }) {
			return errStale
		}
		if ok, err := hasKey(ctx, tx, a.Account, a.Public); err != nil || !ok {
			return errors.Join(err, errStale)
		}
	}
	return nil
}

// hasKey reports whether an account is there and its row has this public key.
// That a row says so makes no key anybody's; that it says otherwise means that
// the account has changed its keys since.
func hasKey(ctx context.Context, tx *store.Tx, account hearkeep.AccountID, public seal.AccountPublic) (bool, error) {
	row, err := tx.Identity.Account(ctx, account)
	if errors.Is(err, store.ErrNotFound) {
		return false, nil
	}
	return err == nil && bytes.Equal(row.Public, public.Bytes()), err
}

func (s successor) putHolders(ctx context.Context, tx *store.Tx) error {
	out := slices.Clone(s.gone)
	for _, a := range s.come { // rows of theirs that somebody put there
		out = append(out, a.Account)
	}
	for _, account := range out {
		if err := tx.Vaults.DeleteKeyholder(ctx, s.gen.Vault, account); err != nil {
			return err
		}
		if err := tx.Vaults.DeleteDeparture(ctx, s.gen.Vault, account); err != nil {
			return err
		}
	}
	for _, h := range s.rows {
		if err := tx.Vaults.InsertKeyholder(ctx, h); err != nil {
			return err
		}
	}
	for _, h := range s.again {
		if err := tx.Vaults.SetKeyholder(ctx, h); err != nil {
			return err
		}
	}
	return nil
}

// moveDoors advances the pins of a vault's doors to its newest generation in
// the transaction that makes it, so that no old pin waits for somebody to sign
// another successor. A row that does not check is left to be refused. Where
// somebody comes, each door says once more what is kept there, and for whom
// (V1): those who speak there have one more who hears it.
func (k *Keep) moveDoors(ctx context.Context, tx *store.Tx, gens []store.Generation, come bool) error {
	vault := gens[0].Vault
	doors, err := tx.Vaults.Bindings(ctx, vault)
	if err != nil {
		return err
	}
	for _, b := range doors {
		if !b.Ended.IsZero() {
			continue
		}
		p, err := k.readPin(b)
		if err == nil {
			p, err = successorOf(gens, vault, p)
		}
		if err != nil {
			k.log.Error("a door stays with an older generation", "binding", b.ID, "err", err)
			continue
		}
		stored, err := k.makePin(b, p)
		if err != nil {
			return err
		}
		if err := tx.Vaults.SetPin(ctx, vault, b.ID, stored); err != nil {
			return err
		}
		k.dropEnvelope(b.ID)
		if !come {
			continue
		}
		if err := tx.Acts.Count(ctx, b.ID, countNoticesDue, 1); err != nil {
			return err
		}
	}
	return nil
}

// carryInvitations seals the secrets of open invitations under the new
// generation. Where somebody went, or keys were renewed, they end instead:
// whoever had the generation before could have written one for himself, and
// only those of the newest generation are honoured.
func (k *Keep) carryInvitations(ctx context.Context, tx *store.Tx, s successor) error {
	open, err := tx.Houses.InvitationsTo(ctx, s.gen.Vault)
	if err != nil {
		return err
	}
	ends := len(s.gone) > 0 || len(s.again) > 0
	for _, i := range open {
		comes := slices.ContainsFunc(s.come, func(a arrival) bool { return a.invitation == i.ID })
		if ends && !comes {
			if err := k.endInvitation(ctx, tx, s.after.vault, i); err != nil {
				return err
			}
			continue
		}
		if err := tx.Houses.DeleteInvitation(ctx, i.ID); err != nil {
			return err
		}
		if comes || i.Generation != s.after.newest().N {
			continue
		}
		secret, err := k.openInvitation(s.old, i)
		if err != nil {
			continue // nobody's: what does not open is never honoured
		}
		i.Generation = s.gen.N
		if i.Sealed, err = k.sealInvitation(s.key, secret, i); err != nil {
			return err
		}
		if err := tx.Houses.InsertInvitation(ctx, i); err != nil {
			return err
		}
	}
	return nil
}

// renew makes the next generation as plan, asked anew each time somebody else
// was first, wants it.
func (r *Room) renew(ctx context.Context, planOf func(lineage) (plan, error)) error {
	for range 4 {
		fresh, w, err := r.keep.open(ctx, r.actor.who, r.vault.ID)
		if err != nil {
			return err
		}
		*r = *fresh
		p, err := planOf(w.lineage)
		if err != nil {
			return err
		}
		if err := r.succeed(ctx, w.lineage, p); !errors.Is(err, errStale) {
			return err
		}
	}
	return errBusy(nil)
}

func errBusy(err error) error {
	return hearkeep.Errorf(hearkeep.Conflict, "Somebody changed who holds this vault at the same moment.").
		WithHint("Look again, and repeat it if it is still wanted.").Because(err)
}
