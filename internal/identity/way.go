package identity

import (
	"context"
	"fmt"
	"slices"
	"time"

	"github.com/hearkeep/hearkeep"
	"github.com/hearkeep/hearkeep/internal/ledger"
	"github.com/hearkeep/hearkeep/internal/seal"
	"github.com/hearkeep/hearkeep/internal/store"
)

// Way is one way into an account: an unlocker as its person sees it.
type Way struct {
	ID      hearkeep.UnlockerID
	Kind    string // KindPassphrase, KindPasskey, KindKit
	Name    string // of a passkey
	Created time.Time
	Used    time.Time // zero for never
	Unlocks bool      // false for a passkey without the PRF extension
	Checked bool      // of a kit: two groups were typed back
}

func wayOf(u store.Unlocker) Way {
	return Way{
		ID: u.ID, Kind: u.Kind, Name: u.Name, Created: u.Created, Used: u.Used, Unlocks: u.Wrap != nil,
		Checked: u.Kind == KindKit && len(u.Params) > 0,
	}
}

// Ways lists who's unlockers, oldest first.
func (d *Desk) Ways(ctx context.Context, who Verified) ([]Way, error) {
	if !who.Valid() {
		return nil, errSignIn(nil)
	}
	rows, err := d.unlockers(ctx, who.Account())
	if err != nil {
		return nil, err
	}
	ways := make([]Way, len(rows))
	for i, u := range rows {
		ways[i] = wayOf(u)
	}
	return ways, nil
}

func (d *Desk) unlockers(ctx context.Context, account hearkeep.AccountID) (rows []store.Unlocker, err error) {
	err = d.store.View(ctx, func(tx *store.Tx) error {
		rows, err = tx.Identity.Unlockers(ctx, account)
		return err
	})
	if err != nil {
		return nil, fmt.Errorf("identity: unlockers of %s: %w", account, err)
	}
	return rows, nil
}

// SetPassphrase gives who a passphrase, or another one. Needs Fresh; the
// session goes on under a new cookie. An account may a few times, then once a
// minute: the computation is one that signing in waits for, and each tells all
// channels.
func (d *Desk) SetPassphrase(ctx context.Context, who Verified, passphrase string, from Visitor) (SignedIn, error) {
	if err := who.Fresh(); err != nil {
		return SignedIn{}, err
	}
	if err := checkPassphrase(passphrase); err != nil {
		return SignedIn{}, err
	}
	if wait := d.attempts.take(time.Now(), []allowance{{"passphrase " + who.Account().String(), 5, time.Minute}}); wait > 0 {
		return SignedIn{}, errTooMany(wait)
	}
	params := d.costs()
	with, err := d.stretcher.Passphrase(ctx, passphrase, params)
	if err != nil {
		return SignedIn{}, fmt.Errorf("identity: set passphrase: %w", err)
	}
	u := store.Unlocker{ID: hearkeep.NewID[hearkeep.UnlockerID](), Kind: KindPassphrase, Params: params.Encode()}
	return d.enrol(ctx, who, u, seal.PublicOfUnlocker(with), from, nil)
}

// enrol puts an unlocker in force, in the place of an earlier one where there
// is one of the kind only: the account key wrapped to public, the sealed list
// with it, the waiting time begun, every channel told. first, which may be
// nil, runs at the head of the transaction. A passkey that cannot unlock comes
// with the zero public: the keys stay as they are.
func (d *Desk) enrol(ctx context.Context, who Verified, u store.Unlocker, public seal.UnlockerPublic, from Visitor, first func(*store.Tx) error) (SignedIn, error) {
	account, key := who.of.account, who.of.key
	u.Account, u.Created = account.ID, time.Now().UTC().Truncate(time.Millisecond)
	var replaced []hearkeep.UnlockerID
	if u.Kind != KindPasskey {
		rows, err := d.unlockers(ctx, account.ID)
		if err != nil {
			return SignedIn{}, err
		}
		for _, row := range rows {
			if row.Kind == u.Kind {
				replaced = append(replaced, row.ID)
			}
		}
	}
	if public.Bytes() != nil {
		if err := relist(&account, key, replaced, seal.ListedUnlocker{ID: u.ID, Public: public}); err != nil {
			return SignedIn{}, err
		}
		var err error
		if u.Wrap, err = seal.WrapAccountKey(key, public, account.ID, u.ID); err != nil {
			return SignedIn{}, fmt.Errorf("identity: wrap to unlocker %s: %w", u.ID, err)
		}
	}
	account.Changed = u.Created
	in, row, err := d.goOn(who, account, key, who.SteppedUp(), from)
	if err != nil {
		return SignedIn{}, err
	}
	err = d.store.Update(ctx, func(tx *store.Tx) error {
		if err := standing(ctx, tx, who); err != nil {
			return err
		}
		if first != nil {
			if err := first(tx); err != nil {
				return err
			}
		}
		for _, id := range replaced {
			if err := tx.Identity.DeleteUnlocker(ctx, account.ID, id); err != nil {
				return err
			}
		}
		if err := tx.Identity.InsertUnlocker(ctx, u); err != nil {
			return err
		}
		if err := tx.Identity.SetAccount(ctx, account); err != nil {
			return err
		}
		if err := replace(ctx, tx, who, row); err != nil {
			return err
		}
		return d.announce(ctx, tx, in.Who, letterEnrolled(u.Kind, account.Display, len(replaced) > 0, u.Wrap != nil))
	})
	if err != nil {
		return SignedIn{}, fmt.Errorf("identity: enrol unlocker %s: %w", u.ID, err)
	}
	return in, nil
}

// relist seals an account's list of unlockers again, without some and with one.
func relist(a *store.Account, key seal.AccountKey, without []hearkeep.UnlockerID, with seal.ListedUnlocker) error {
	list, err := seal.OpenUnlockerList(key, a.ID, a.SealedList)
	if err != nil {
		return fmt.Errorf("identity: unlockers of %s: %w", a.ID, err)
	}
	list = slices.DeleteFunc(list, func(l seal.ListedUnlocker) bool { return slices.Contains(without, l.ID) })
	if a.SealedList, err = seal.SealUnlockerList(key, a.ID, append(list, with)); err != nil {
		return fmt.Errorf("identity: unlockers of %s: %w", a.ID, err)
	}
	return nil
}

// announce writes what became of an account to the ledger, under the letter's
// topic, and tells all its channels.
func (d *Desk) announce(ctx context.Context, tx *store.Tx, who Verified, l hearkeep.Letter) error {
	if _, err := d.ledger.Append(ctx, tx, who.entry(ledger.KindKeys, l.Topic)); err != nil {
		return err
	}
	return d.letters.Tell(ctx, tx, who.Account(), l)
}

// RenameWay names a passkey.
func (d *Desk) RenameWay(ctx context.Context, who Verified, id hearkeep.UnlockerID, name string) error {
	if !who.Valid() {
		return errSignIn(nil)
	}
	name, _, err := checkName(name)
	if err != nil {
		return err
	}
	err = d.store.Update(ctx, func(tx *store.Tx) error {
		if err := standing(ctx, tx, who); err != nil {
			return err
		}
		rows, err := tx.Identity.Unlockers(ctx, who.Account())
		if err != nil {
			return err
		}
		i := slices.IndexFunc(rows, func(u store.Unlocker) bool { return u.ID == id && u.Kind == KindPasskey })
		if i < 0 {
			return errNoWay(nil)
		}
		rows[i].Name = name
		if err := tx.Identity.SetUnlocker(ctx, rows[i]); err != nil {
			return err
		}
		_, err = d.ledger.Append(ctx, tx, who.entry(ledger.KindKeys, "passkey renamed"))
		return err
	})
	if err != nil {
		return fmt.Errorf("identity: rename unlocker %s: %w", id, err)
	}
	return nil
}

func errNoWay(err error) error {
	return hearkeep.Errorf(hearkeep.NotFound, "There is no such way in.").WithHint("It may have been removed already.").Because(err)
}

// removeTries is how often RemoveWay begins again where a vault's keys were
// changed by somebody else while it made new ones.
const removeTries = 3

// RemoveWay removes an unlocker: a new account key and pair, sealed to the
// unlockers that stay, new generations of all that who holds, and the end of
// all other sessions and of all API tokens. The last way that unlocks cannot
// go. Needs Fresh.
//
// Nothing is done by halves: somebody else's change at the same moment fails
// one of the two with Conflict. A passkey that cannot unlock never held the
// account key, and leaves without a new one.
func (d *Desk) RemoveWay(ctx context.Context, who Verified, id hearkeep.UnlockerID, from Visitor) (SignedIn, error) {
	if err := who.Fresh(); err != nil {
		return SignedIn{}, err
	}
	rows, err := d.unlockers(ctx, who.Account())
	if err != nil {
		return SignedIn{}, err
	}
	i := slices.IndexFunc(rows, func(u store.Unlocker) bool { return u.ID == id })
	if i < 0 {
		return SignedIn{}, errNoWay(nil)
	}
	gone := rows[i]
	if gone.Wrap == nil {
		return d.removeMute(ctx, who, gone, from)
	}
	for try := 1; ; try++ {
		in, again, err := d.removeWay(ctx, who, gone, slices.Delete(slices.Clone(rows), i, i+1), from)
		if err == nil || !again || try == removeTries {
			return in, err
		}
	}
}

// removeMute removes a passkey that cannot unlock.
func (d *Desk) removeMute(ctx context.Context, who Verified, gone store.Unlocker, from Visitor) (SignedIn, error) {
	in, row, err := d.goOn(who, who.of.account, who.of.key, who.SteppedUp(), from)
	if err != nil {
		return SignedIn{}, err
	}
	err = d.store.Update(ctx, func(tx *store.Tx) error {
		if err := standing(ctx, tx, who); err != nil {
			return err
		}
		if err := tx.Identity.DeleteUnlocker(ctx, gone.Account, gone.ID); err != nil {
			return errNoWay(err)
		}
		if err := replace(ctx, tx, who, row); err != nil {
			return err
		}
		return d.announce(ctx, tx, in.Who, letterWayRemoved(gone, who.Name()))
	})
	if err != nil {
		return SignedIn{}, fmt.Errorf("identity: remove unlocker %s: %w", gone.ID, err)
	}
	return in, nil
}

// removeWay removes an unlocker and leaves rest. It may be tried again where
// another keyholder changed a vault's keys meanwhile.
func (d *Desk) removeWay(ctx context.Context, who Verified, gone store.Unlocker, rest []store.Unlocker, from Visitor) (in SignedIn, again bool, err error) {
	if d.vaults == nil {
		return SignedIn{}, false, fmt.Errorf("identity: remove unlocker %s: there is no room vault that could make new keys", gone.ID)
	}
	account, key, wraps, err := rekeyed(who, rest)
	if err != nil {
		return SignedIn{}, false, err
	}
	in, row, err := d.goOn(who, account, key, who.SteppedUp(), from)
	if err != nil {
		return SignedIn{}, false, err
	}
	commit, err := d.vaults.Rekey(ctx, who, in.Who)
	if err != nil {
		return SignedIn{}, again, fmt.Errorf("identity: remove unlocker %s: %w", gone.ID, err)
	}
	err = d.store.Update(ctx, func(tx *store.Tx) error {
		if err := standing(ctx, tx, who); err != nil {
			return err
		}
		if err := rewrap(ctx, tx, account, wraps); err != nil {
			return err
		}
		if _, err := tx.Identity.DeleteSessions(ctx, account.ID, row.IDHash); err != nil {
			return err
		}
		if err := tx.Identity.InsertSession(ctx, row); err != nil {
			return err
		}
		if err := endTokens(ctx, tx, account.ID); err != nil {
			return err
		}
		if err := commit(tx); err != nil {
			again = hearkeep.CodeOf(err) == hearkeep.Conflict
			return err
		}
		return d.announce(ctx, tx, in.Who, letterWayRemoved(gone, who.Name()))
	})
	if err != nil {
		return SignedIn{}, again, fmt.Errorf("identity: remove unlocker %s: %w", gone.ID, err)
	}
	return in, false, nil
}

// rekeyed is an account under a new key and with a new pair, and the new key's
// wraps for those unlockers of rest that the sealed list names. The public
// keys come from that list alone: a row can be written by whoever writes rows.
func rekeyed(who Verified, rest []store.Unlocker) (store.Account, seal.AccountKey, map[hearkeep.UnlockerID][]byte, error) {
	account, none := who.of.account, seal.AccountKey{}
	listed, err := seal.OpenUnlockerList(who.of.key, account.ID, account.SealedList)
	if err != nil {
		return account, none, nil, fmt.Errorf("identity: unlockers of %s: %w", account.ID, err)
	}
	listed = slices.DeleteFunc(listed, func(l seal.ListedUnlocker) bool {
		return !slices.ContainsFunc(rest, func(u store.Unlocker) bool { return u.ID == l.ID && u.Wrap != nil })
	})
	if len(listed) == 0 {
		return account, none, nil, hearkeep.Errorf(hearkeep.Conflict, "This is the last way in that opens your vault.").
			WithHint("Add another first. A passkey that only signs in does not count.")
	}
	key := seal.NewAccountKey()
	private, public, err := seal.NewAccountPair()
	if err != nil {
		return account, none, nil, fmt.Errorf("identity: new keys of %s: %w", account.ID, err)
	}
	account.Public = public.Bytes()
	if account.SealedPrivate, err = seal.SealAccountPrivate(key, account.ID, private); err != nil {
		return account, none, nil, fmt.Errorf("identity: new keys of %s: %w", account.ID, err)
	}
	if account.SealedList, err = seal.SealUnlockerList(key, account.ID, listed); err != nil {
		return account, none, nil, fmt.Errorf("identity: new keys of %s: %w", account.ID, err)
	}
	wraps := map[hearkeep.UnlockerID][]byte{}
	for _, l := range listed {
		if wraps[l.ID], err = seal.WrapAccountKey(key, l.Public, account.ID, l.ID); err != nil {
			return account, none, nil, fmt.Errorf("identity: wrap to unlocker %s: %w", l.ID, err)
		}
	}
	return account, key, wraps, nil
}

// rewrap writes an account's new keys. What unlocked and has no new wrap goes:
// the way that is removed, and any row that its person never enrolled.
func rewrap(ctx context.Context, tx *store.Tx, account store.Account, wraps map[hearkeep.UnlockerID][]byte) error {
	if err := tx.Identity.SetAccount(ctx, account); err != nil {
		return err
	}
	rows, err := tx.Identity.Unlockers(ctx, account.ID)
	if err != nil {
		return err
	}
	for _, u := range rows {
		if wrap, ok := wraps[u.ID]; ok {
			u.Wrap = wrap
			err = tx.Identity.SetUnlocker(ctx, u)
		} else if u.Wrap != nil {
			err = tx.Identity.DeleteUnlocker(ctx, account.ID, u.ID)
		}
		if err != nil {
			return err
		}
	}
	return nil
}

// endTokens ends what an account let in besides itself: its API tokens, the
// invitations to its household that it made, and those that it accepted with
// the key that is no longer its own.
func endTokens(ctx context.Context, tx *store.Tx, account hearkeep.AccountID) error {
	tokens, err := tx.Vaults.APITokens(ctx, account)
	if err != nil {
		return err
	}
	for _, t := range tokens {
		if err := tx.Vaults.DeleteAPIToken(ctx, account, t.ID); err != nil {
			return err
		}
	}
	m, err := tx.Houses.Member(ctx, account)
	if err != nil {
		return err
	}
	if err := endInvitations(ctx, tx, m.Household, ofMember(account)); err != nil {
		return err
	}
	return endAccepted(ctx, tx, account)
}

// endAccepted removes what an account accepted and nobody completed, of
// whichever household: a keyholder would otherwise find a key that is nobody's,
// and report it.
func endAccepted(ctx context.Context, tx *store.Tx, account hearkeep.AccountID) error {
	accepted, err := tx.Houses.InvitationsOf(ctx, account)
	for _, i := range accepted {
		if err := tx.Houses.DeleteInvitation(ctx, i.ID); err != nil {
			return err
		}
	}
	return err
}
