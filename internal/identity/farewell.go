package identity

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"time"

	"github.com/hearkeep/hearkeep"
	"github.com/hearkeep/hearkeep/internal/ledger"
	"github.com/hearkeep/hearkeep/internal/notify"
	"github.com/hearkeep/hearkeep/internal/store"
)

// FarewellLife is how long the link of a farewell works.
const FarewellLife = 24 * time.Hour

const linkFarewell = "farewell"

const (
	maxAsks     = 64          // farewells that are looked up at once
	askPatience = time.Minute // for one of them
	maxAsked    = 2048        // bytes of an address, as typed
)

// AskFarewell is for somebody whose every unlocker is lost: if the address is
// one of that name's confirmed ones, a link goes there. It answers every name
// and address alike, and before it has looked.
func (d *Desk) AskFarewell(ctx context.Context, name, address string, from Visitor) error {
	if !d.letters.Can(notify.Email) && !d.letters.Can(notify.Webhook) {
		return hearkeep.Errorf(hearkeep.Unavailable, "This keep cannot send letters.").
			WithHint("Ask whoever runs it to erase your account.")
	}
	if wait := d.attempts.take(time.Now(), []allowance{
		{"farewell " + network(from.Addr), 5, 5 * time.Minute},
		{"farewells " + site(from.Addr), 30, time.Minute},
	}); wait > 0 {
		return hearkeep.Errorf(hearkeep.TooMany, "Too many attempts from here.").
			WithHint("Wait %d minutes and try again.", int(wait/time.Minute)+1).After(wait)
	}
	defer evenly(ctx, time.Now())
	name, address = foldName(clip(name, 4*maxName)), clip(address, maxAsked)
	select {
	case d.asks <- struct{}{}:
	case <-ctx.Done():
		return fmt.Errorf("identity: ask for farewell: %w", ctx.Err())
	}
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), askPatience)
	go func() {
		defer func() { cancel(); <-d.asks }()
		if err := d.sendFarewellLink(ctx, name, address); err != nil {
			d.log.Error("the link of a farewell was not sent", "err", err)
		}
	}()
	return nil
}

// sendFarewellLink queues a link to the channel that an account has at an
// address, where it has one. Whoever knows name and address can have three
// letters a day sent, and no more. Where no letter goes, the same work is done
// for a link that nobody gets: on a small machine work that goes on elsewhere
// can be felt.
func (d *Desk) sendFarewellLink(ctx context.Context, name, address string) error {
	account, channel, err := d.askedFor(ctx, name, address)
	sends := err == nil && d.attempts.take(time.Now(), []allowance{{"farewell of " + account.ID.String(), 3, 8 * time.Hour}}) == 0
	if err != nil && !errors.Is(err, store.ErrNotFound) {
		return err
	}
	secret, hash := newSecret()
	l := store.Link{Kind: linkFarewell, Hash: hash, Payload: slices.Concat(account.ID[:], channel.ID[:]), Expires: time.Now().Add(FarewellLife)}
	if !sends {
		l.Payload, l.Expires = slices.Concat(d.decoy.account.ID[:], channel.ID[:]), time.Now().Add(time.Minute)
	}
	return d.store.Update(ctx, func(tx *store.Tx) error {
		if err := tx.Identity.PutLink(ctx, l); err != nil || !sends {
			return err
		}
		return d.letters.TellOne(ctx, tx, channel, letterFarewellLink(account.Display, d.origin+"/farewell/"+secret))
	})
}

// askedFor is an account by its name, with its confirmed channel that has an
// address; ErrNotFound where there is none such.
func (d *Desk) askedFor(ctx context.Context, name, address string) (account store.Account, channel store.Channel, err error) {
	err = d.store.View(ctx, func(tx *store.Tx) error {
		account, err = tx.Identity.AccountByName(ctx, name)
		if errors.Is(err, store.ErrNotFound) {
			account, err = d.decoy.account, nil // who has no channels: the same second query
		}
		if err != nil {
			return err
		}
		channel, err = d.channelAt(ctx, tx, account.ID, address)
		return err
	})
	return account, channel, err
}

// channelAt is an account's confirmed channel with an address, however that is
// written; ErrNotFound where it has none.
func (d *Desk) channelAt(ctx context.Context, tx *store.Tx, account hearkeep.AccountID, address string) (store.Channel, error) {
	channels, err := tx.Letters.Channels(ctx, account)
	if err != nil {
		return store.Channel{}, err
	}
	for _, c := range channels {
		asked, err := d.letters.Check(c.Kind, address)
		if err != nil || c.Confirmed.IsZero() || c.Kind == notify.Spoken {
			continue
		}
		if kept, err := d.letters.Open(c); err == nil && kept == asked {
			return c, nil
		}
	}
	return store.Channel{}, store.ErrNotFound
}

func farewellLinkError(err error) error {
	if errors.Is(err, store.ErrNotFound) {
		return hearkeep.Errorf(hearkeep.NotFound, "This link no longer works.").
			WithHint("It works once and for one day. Ask for a new one.").Because(err)
	}
	return err
}

// farewellAccount is the account that a link would erase. Letters must still
// go to where the link went: whoever removes an address that somebody else
// reads ends what went there.
func farewellAccount(ctx context.Context, tx *store.Tx, l store.Link) (store.Account, error) {
	var account hearkeep.AccountID
	var channel hearkeep.ChannelID
	if len(l.Payload) != len(account)+len(channel) {
		return store.Account{}, store.ErrNotFound
	}
	copy(account[:], l.Payload)
	copy(channel[:], l.Payload[len(account):])
	channels, err := tx.Letters.Channels(ctx, account)
	if err != nil {
		return store.Account{}, err
	}
	if !slices.ContainsFunc(channels, func(c store.Channel) bool { return c.ID == channel && !c.Confirmed.IsZero() }) {
		return store.Account{}, store.ErrNotFound
	}
	return tx.Identity.Account(ctx, account)
}

// FarewellLink says whose account a link would erase, without using it.
func (d *Desk) FarewellLink(ctx context.Context, secret string) (name string, err error) {
	begin := time.Now()
	err = d.store.View(ctx, func(tx *store.Tx) error {
		l, err := tx.Identity.Link(ctx, linkFarewell, hashSecret(secret), begin)
		if err != nil {
			return err
		}
		a, err := farewellAccount(ctx, tx, l)
		name = a.Display
		return err
	})
	if err != nil {
		evenly(ctx, begin)
		return "", fmt.Errorf("identity: link of a farewell: %w", farewellLinkError(err))
	}
	return name, nil
}

// ConfirmFarewell uses the link: after the waiting time everything that the
// account alone holds is erased, and the account with it. All channels are
// told, and whoever still signs in can stop it.
func (d *Desk) ConfirmFarewell(ctx context.Context, secret string) (due time.Time, err error) {
	err = d.store.Update(ctx, func(tx *store.Tx) error {
		l, err := tx.Identity.TakeLink(ctx, linkFarewell, hashSecret(secret), time.Now())
		if err != nil {
			return err
		}
		a, err := farewellAccount(ctx, tx, l)
		if err != nil {
			return err
		}
		due, err = d.bid(ctx, tx, a, ledger.Entry{
			Kind: ledger.KindFarewell, Account: &a.ID, Role: hearkeep.RoleKeyholder, Purpose: "asked for by letter",
		})
		return err
	})
	if err != nil {
		return time.Time{}, fmt.Errorf("identity: confirm farewell: %w", farewellLinkError(err))
	}
	return due, nil
}

// SayFarewell is the same for who is signed in. Needs Fresh.
func (d *Desk) SayFarewell(ctx context.Context, who Verified) (due time.Time, err error) {
	err = d.change(ctx, who, "say farewell", func(tx *store.Tx) error {
		if err := who.Fresh(); err != nil {
			return err
		}
		a, err := tx.Identity.Account(ctx, who.Account())
		if err != nil {
			return err
		}
		due, err = d.bid(ctx, tx, a, who.entry(ledger.KindFarewell, "asked for"))
		return err
	})
	return due, err
}

// bid notes a farewell, and leaves one that waits already as it is.
func (d *Desk) bid(ctx context.Context, tx *store.Tx, a store.Account, e ledger.Entry) (time.Time, error) {
	f, err := tx.Houses.Farewell(ctx, a.ID)
	if !errors.Is(err, store.ErrNotFound) {
		return f.Due, err
	}
	now := time.Now().UTC().Truncate(time.Millisecond)
	f = store.Farewell{Account: a.ID, Asked: now, Due: now.Add(d.wait)}
	if err := tx.Houses.PutFarewell(ctx, f); err != nil {
		return time.Time{}, err
	}
	if _, err := d.ledger.Append(ctx, tx, e); err != nil {
		return time.Time{}, err
	}
	return f.Due, d.letters.Tell(ctx, tx, a.ID, letterFarewellBegun(a.Display, f.Due))
}

// Farewell is when who's account is to be erased; zero where it is not.
func (d *Desk) Farewell(ctx context.Context, who Verified) (due time.Time, err error) {
	if !who.Valid() {
		return time.Time{}, errSignIn(nil)
	}
	err = d.store.View(ctx, func(tx *store.Tx) error {
		f, err := tx.Houses.Farewell(ctx, who.Account())
		due = f.Due
		return err
	})
	if err != nil && !errors.Is(err, store.ErrNotFound) {
		return time.Time{}, fmt.Errorf("identity: farewell of %s: %w", who.Account(), err)
	}
	return due, nil
}

// StopFarewell keeps the account, and ends the links that would erase it: one
// who reads its letters may have more of them. Once the time has come it fails with
// Conflict: the erasure may have begun.
func (d *Desk) StopFarewell(ctx context.Context, who Verified) error {
	return d.change(ctx, who, "stop farewell", func(tx *store.Tx) error {
		f, err := tx.Houses.Farewell(ctx, who.Account())
		if errors.Is(err, store.ErrNotFound) {
			return nil
		}
		if err != nil {
			return err
		}
		if !time.Now().Before(f.Due) {
			return hearkeep.Errorf(hearkeep.Conflict, "It is too late: this account is being erased.")
		}
		if err := tx.Houses.DeleteFarewell(ctx, f.Account); err != nil {
			return err
		}
		if err := tx.Identity.DeleteLinksOf(ctx, linkFarewell, f.Account); err != nil {
			return err
		}
		if _, err := d.ledger.Append(ctx, tx, who.entry(ledger.KindFarewell, "stopped")); err != nil {
			return err
		}
		return d.letters.Tell(ctx, tx, f.Account, letterFarewellStopped(who.Name()))
	})
}

// expireHouses removes invitations that have expired, and erases the accounts
// whose time has come. One that fails is tried again the next time, and keeps
// none of the others.
func (d *Desk) expireHouses(ctx context.Context, now time.Time) error {
	var due []store.Farewell
	err := d.store.Update(ctx, func(tx *store.Tx) (err error) {
		if _, err := tx.Houses.ExpireInvitations(ctx, now); err != nil {
			return err
		}
		due, err = tx.Houses.DueFarewells(ctx, now)
		return err
	})
	if err != nil {
		return fmt.Errorf("identity: expire households: %w", err)
	}
	var failed []error
	for _, f := range due {
		if err := d.eraseAccount(ctx, f.Account); err != nil {
			failed = append(failed, fmt.Errorf("identity: farewell of %s: %w", f.Account, err))
		}
	}
	return errors.Join(failed...)
}

// eraseAccount ends an account whose farewell is due. The row of the farewell
// goes last and with the account, so that a crash before that begins anew.
func (d *Desk) eraseAccount(ctx context.Context, id hearkeep.AccountID) error {
	if d.vaults == nil {
		return errNoVaults
	}
	// Whoever is signed in makes nothing new from here on.
	err := d.store.Update(ctx, func(tx *store.Tx) error {
		_, err := tx.Identity.DeleteSessions(ctx, id, [32]byte{})
		return err
	})
	if err != nil {
		return err
	}
	if err := d.vaults.Forget(ctx, id); err != nil {
		return err
	}
	return d.store.Update(ctx, func(tx *store.Tx) error {
		a, err := tx.Identity.Account(ctx, id)
		if err != nil {
			return err
		}
		// Letters on their way do not need the channel's row.
		if err := d.letters.Tell(ctx, tx, id, letterFarewellDone(a.Display)); err != nil {
			return err
		}
		m, err := tx.Houses.Member(ctx, id)
		if err != nil {
			return err
		}
		if err := endAccepted(ctx, tx, id); err != nil {
			return err
		}
		if err := tx.Identity.DeleteAccount(ctx, id); err != nil {
			return err
		}
		if err := d.closeUp(ctx, tx, m); err != nil {
			return err
		}
		_, err = d.ledger.Append(ctx, tx, ledger.Entry{
			Kind: ledger.KindFarewell, Account: &id, Role: hearkeep.RoleSystem, Purpose: "account erased",
		})
		return err
	})
}

// closeUp puts a household in order that a member is gone from for good: its
// last admin's place is taken by who belonged to it for the longest.
func (d *Desk) closeUp(ctx context.Context, tx *store.Tx, gone store.Member) error {
	stay, err := tx.Houses.Members(ctx, gone.Household)
	if err != nil {
		return err
	}
	if len(stay) == 0 {
		return disband(ctx, tx, gone.Household)
	}
	if err := endInvitations(ctx, tx, gone.Household, ofMember(gone.Account)); err != nil {
		return err
	}
	for _, m := range stay {
		if m.Role == roleAdmin {
			return nil
		}
	}
	heir := stay[0]
	heir.Role = roleAdmin
	if err := tx.Houses.PutMember(ctx, heir); err != nil {
		return err
	}
	_, err = d.ledger.Append(ctx, tx, ledger.Entry{
		Kind: ledger.KindHousehold, Account: &heir.Account, Role: hearkeep.RoleSystem, Purpose: "admin made",
	})
	if err != nil {
		return err
	}
	return d.letters.Tell(ctx, tx, heir.Account, letterHeir())
}
