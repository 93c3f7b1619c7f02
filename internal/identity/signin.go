package identity

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/hearkeep/hearkeep"
	"github.com/hearkeep/hearkeep/internal/ledger"
	"github.com/hearkeep/hearkeep/internal/seal"
	"github.com/hearkeep/hearkeep/internal/store"
)

// decoy is an account that nobody has. Unknown names are tried against it, so
// that they cost what a wrong passphrase costs.
type decoy struct {
	account  store.Account
	unlocker store.Unlocker
}

func newDecoy(costs seal.Argon2Params) (decoy, error) {
	id, uid := hearkeep.NewID[hearkeep.AccountID](), hearkeep.NewID[hearkeep.UnlockerID]()
	public := seal.PublicOfUnlocker(seal.KitUnlocker(seal.NewKit(), id))
	wrap, err := seal.WrapAccountKey(seal.NewAccountKey(), public, id, uid)
	if err != nil {
		return decoy{}, fmt.Errorf("identity: decoy: %w", err)
	}
	return decoy{
		account:  store.Account{ID: id},
		unlocker: store.Unlocker{ID: uid, Account: id, Kind: KindPassphrase, Params: costs.Encode(), Wrap: wrap},
	}, nil
}

// SignIn checks a name and a passphrase. Both being wrong in any way fails
// with Unauthorized and the same sentence; too many attempts with TooMany.
func (d *Desk) SignIn(ctx context.Context, name, passphrase string, from Visitor) (SignedIn, error) {
	return d.signIn(ctx, name, KindPassphrase, from, func(a store.Account, u store.Unlocker) (seal.UnlockerPrivate, error) {
		params, err := seal.ParseArgon2(u.Params)
		if err != nil {
			return seal.UnlockerPrivate{}, err
		}
		return d.stretcher.Passphrase(ctx, clip(passphrase, maxPassphrase+1), params)
	})
}

// SignInWithKit checks a name and a recovery kit, however it is typed. A kit
// whose check symbols do not fit fails with Invalid before anything is tried.
func (d *Desk) SignInWithKit(ctx context.Context, name, kit string, from Visitor) (SignedIn, error) {
	parsed, err := readKit(kit)
	if err != nil {
		return SignedIn{}, err
	}
	return d.signIn(ctx, name, KindKit, from, func(a store.Account, _ store.Unlocker) (seal.UnlockerPrivate, error) {
		return seal.KitUnlocker(parsed, a.ID), nil
	})
}

func readKit(kit string) (seal.Kit, error) {
	parsed, err := seal.ParseKit(kit)
	if err != nil {
		return seal.Kit{}, hearkeep.Errorf(hearkeep.Invalid, "That is not a whole recovery kit.").
			WithHint("It has nine groups of four; one of them is mistyped or missing.").Because(err)
	}
	return parsed, nil
}

func (d *Desk) signIn(ctx context.Context, name, kind string, from Visitor, derive func(store.Account, store.Unlocker) (seal.UnlockerPrivate, error)) (SignedIn, error) {
	defer evenly(ctx, time.Now())
	account, unlocker, err := d.find(ctx, foldName(clip(name, 4*maxName)), kind)
	if err != nil {
		return SignedIn{}, err
	}
	attempt := attemptOf(foldName(clip(name, 4*maxName)), from, d.knows(account.ID, from.Known))
	if wait := d.attempts.take(time.Now(), attempt); wait > 0 {
		return SignedIn{}, errTooMany(wait)
	}
	with, err := derive(account, unlocker)
	if err != nil {
		return SignedIn{}, fmt.Errorf("identity: sign in: %w", err)
	}
	key, err := seal.UnwrapAccountKey(unlocker.Wrap, with, account.ID, unlocker.ID)
	if err != nil {
		d.log.Info("sign-in refused", "from", from.Addr, "by", kind)
		return SignedIn{}, hearkeep.Errorf(hearkeep.Unauthorized, "That name and %s do not go together.", called(kind)).
			WithHint("Check both; capital letters and spaces count in a passphrase.")
	}
	in, err := d.admit(ctx, account, unlocker, key, from)
	if err != nil {
		return SignedIn{}, err
	}
	d.attempts.forgive(attempt)
	return in, nil
}

// admit begins the session of somebody whose unlocker gave the account key.
func (d *Desk) admit(ctx context.Context, account store.Account, unlocker store.Unlocker, key seal.AccountKey, from Visitor) (SignedIn, error) {
	in, row, err := d.begin(account, key, from)
	if err != nil {
		return SignedIn{}, err
	}
	err = d.store.Update(ctx, func(tx *store.Tx) error {
		// An unlocker that is being removed at this moment signs nobody in.
		if err := unchanged(ctx, tx, account); err != nil {
			return err
		}
		if err := noteUse(ctx, tx, unlocker); err != nil {
			return err
		}
		if err := tx.Identity.InsertSession(ctx, row); err != nil {
			return err
		}
		_, err := d.ledger.Append(ctx, tx, in.Who.entry(ledger.KindSignedIn, unlocker.Kind))
		return err
	})
	if err != nil {
		return SignedIn{}, fmt.Errorf("identity: sign in %s: %w", account.ID, err)
	}
	return in, nil
}

// noteUse notes that an unlocker was used just now, and a passkey's counter.
func noteUse(ctx context.Context, tx *store.Tx, u store.Unlocker) error {
	rows, err := tx.Identity.Unlockers(ctx, u.Account)
	if err != nil {
		return err
	}
	for _, row := range rows {
		if row.ID == u.ID {
			row.Used = time.Now()
			switch row.Kind {
			case KindPasskey:
				row.Params = u.Params
			case KindKit: // who typed all of it has it on paper
				row.Params = kitChecked()
			}
			return tx.Identity.SetUnlocker(ctx, row)
		}
	}
	return errSignIn(store.ErrNotFound) // removed a moment ago
}

// find returns an account and its unlocker of a kind, or the decoy.
func (d *Desk) find(ctx context.Context, folded, kind string) (store.Account, store.Unlocker, error) {
	account, unlocker := d.decoy.account, d.decoy.unlocker
	err := d.store.View(ctx, func(tx *store.Tx) error {
		a, err := tx.Identity.AccountByName(ctx, folded)
		if errors.Is(err, store.ErrNotFound) {
			// The same second query, for the same work.
			_, err = tx.Identity.Unlockers(ctx, account.ID)
			return err
		}
		if err != nil {
			return err
		}
		all, err := tx.Identity.Unlockers(ctx, a.ID)
		if err != nil {
			return err
		}
		for _, u := range all {
			if u.Kind == kind {
				account, unlocker = a, u
			}
		}
		return nil
	})
	if err != nil {
		return store.Account{}, store.Unlocker{}, fmt.Errorf("identity: find account: %w", err)
	}
	return account, unlocker, nil
}

func called(kind string) string {
	if kind == KindKit {
		return "recovery kit"
	}
	return kind
}
