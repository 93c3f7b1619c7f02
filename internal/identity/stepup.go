package identity

import (
	"context"
	"encoding/hex"
	"fmt"
	"time"

	"github.com/hearkeep/hearkeep"
	"github.com/hearkeep/hearkeep/internal/ledger"
	"github.com/hearkeep/hearkeep/internal/seal"
	"github.com/hearkeep/hearkeep/internal/store"
)

// StepUpLife is for how long an unlocker that was shown counts as fresh.
const StepUpLife = 5 * time.Minute

// WaitLife is for how long archives and tokens wait after a way in or an
// address was added or changed, where Config.Wait does not say otherwise.
const WaitLife = 72 * time.Hour

// Fresh fails with StepUp where no unlocker was shown in the last five minutes.
func (v Verified) Fresh() error {
	if v.Valid() && time.Since(v.SteppedUp()) < StepUpLife {
		return nil
	}
	return hearkeep.Errorf(hearkeep.StepUp, "Please show that it is you.").
		WithHint("This needs your passphrase, passkey or recovery kit once more; then it goes on.")
}

// Waits is until when archives and tokens wait, since a way in or an address
// was added or changed lately (A2); zero where they do not.
func (v Verified) Waits() time.Time {
	if v.of == nil || v.of.account.Changed.IsZero() {
		return time.Time{}
	}
	until := v.of.account.Changed.Add(v.of.wait)
	if !time.Now().Before(until) {
		return time.Time{}
	}
	return until
}

// Wait is how long archives and tokens wait after such a change, and the
// erasure of an account after somebody asked for it.
func (d *Desk) Wait() time.Duration { return d.wait }

// Proof is an unlocker as a person shows it: exactly one field is set.
type Proof struct {
	Passphrase string
	Kit        string
	Passkey    *PasskeyAnswer
}

// StepUp notes that who showed an unlocker again. The session goes on under
// a new cookie; the old one ends.
//
// A proof that is not who's own fails with Forbidden, so that it is not taken
// for the end of the session, which is Unauthorized. Attempts are counted as
// those of signing in are, and by session: TooMany.
func (d *Desk) StepUp(ctx context.Context, who Verified, proof Proof, from Visitor) (SignedIn, error) {
	if !who.Valid() {
		return SignedIn{}, errSignIn(nil)
	}
	account := who.of.account
	attempt := append(attemptOf(account.Name, from, d.knows(account.ID, from.Known)),
		allowance{"step-up " + who.Session(), 10, 20 * time.Second})
	if wait := d.attempts.take(time.Now(), attempt); wait > 0 {
		return SignedIn{}, errTooMany(wait)
	}
	unlocker, with, err := d.prove(ctx, who, proof)
	if err != nil {
		return SignedIn{}, err
	}
	key, err := seal.UnwrapAccountKey(unlocker.Wrap, with, account.ID, unlocker.ID)
	if err != nil {
		return SignedIn{}, d.errProof(unlocker.Kind, err)
	}
	// That the key opens the account's own private key is checked here too.
	in, row, err := d.goOn(who, account, key, time.Now(), from)
	if err != nil {
		return SignedIn{}, d.errProof(unlocker.Kind, err)
	}
	err = d.store.Update(ctx, func(tx *store.Tx) error {
		if err := standing(ctx, tx, who); err != nil {
			return err
		}
		if err := noteUse(ctx, tx, unlocker); err != nil {
			return err
		}
		if err := replace(ctx, tx, who, row); err != nil {
			return err
		}
		_, err := d.ledger.Append(ctx, tx, in.Who.entry(ledger.KindSignedIn, "step-up by "+called(unlocker.Kind)))
		return err
	})
	if err != nil {
		return SignedIn{}, fmt.Errorf("identity: step up %s: %w", who.Session(), err)
	}
	d.attempts.forgive(attempt)
	return in, nil
}

// prove derives what a proof unlocks with, and finds who's unlocker for it.
func (d *Desk) prove(ctx context.Context, who Verified, proof Proof) (store.Unlocker, seal.UnlockerPrivate, error) {
	var none seal.UnlockerPrivate
	account := who.Account()
	switch {
	case proof.Passkey != nil && proof.Passphrase == "" && proof.Kit == "":
		_, u, err := d.assert(ctx, *proof.Passkey, forStepUp, who.Session())
		if err != nil {
			return u, none, err
		}
		if u.Account != account { // a ceremony of this session is of its account
			return u, none, forStepUp.refuse(nil)
		}
		if u.Wrap == nil || len(proof.Passkey.PRF) == 0 {
			return u, none, errCannotUnlock()
		}
		with, err := prfUnlocker(proof.Passkey.PRF)
		return u, with, err
	case proof.Passkey == nil && proof.Passphrase != "" && proof.Kit == "":
		u, err := d.unlockerOf(ctx, account, KindPassphrase)
		if err != nil {
			return u, none, err
		}
		params, err := seal.ParseArgon2(u.Params)
		if err != nil {
			return u, none, fmt.Errorf("identity: unlocker %s: %w", u.ID, err)
		}
		with, err := d.stretcher.Passphrase(ctx, clip(proof.Passphrase, maxPassphrase+1), params)
		return u, with, err
	case proof.Passkey == nil && proof.Passphrase == "" && proof.Kit != "":
		kit, err := readKit(proof.Kit)
		if err != nil {
			return store.Unlocker{}, none, err
		}
		u, err := d.unlockerOf(ctx, account, KindKit)
		return u, seal.KitUnlocker(kit, account), err
	}
	return store.Unlocker{}, none, hearkeep.Errorf(hearkeep.Invalid, "Please show one way in.").
		WithHint("Your passphrase, a passkey, or your recovery kit.")
}

// unlockerOf returns an account's unlocker of a kind that there is one of.
func (d *Desk) unlockerOf(ctx context.Context, account hearkeep.AccountID, kind string) (store.Unlocker, error) {
	rows, err := d.unlockers(ctx, account)
	for _, u := range rows {
		if u.Kind == kind {
			return u, nil
		}
	}
	if err != nil {
		return store.Unlocker{}, err
	}
	return store.Unlocker{}, hearkeep.Errorf(hearkeep.Invalid, "This account has no %s.", called(kind)).
		WithHint("Use one of its other ways in.")
}

func (d *Desk) errProof(kind string, err error) error {
	d.log.Info("step-up refused", "by", kind)
	return hearkeep.Errorf(hearkeep.Forbidden, "That %s is not one of this account.", called(kind)).
		WithHint("Check it and try again, or use another way in.").Because(err)
}

func errTooMany(wait time.Duration) error {
	return hearkeep.Errorf(hearkeep.TooMany, "Too many attempts from here.").
		WithHint("Wait %d seconds and try again.", int(wait.Round(time.Second)/time.Second)+1).After(wait)
}

// Session is one signed-in browser or terminal, as its person sees it.
type Session struct {
	ID      string // 16 hexadecimal digits, as in the ledger
	Agent   string
	Created time.Time
	Used    time.Time
	Expires time.Time
	Current bool
}

// Sessions lists who's sessions, the last used first.
func (d *Desk) Sessions(ctx context.Context, who Verified) ([]Session, error) {
	if !who.Valid() {
		return nil, errSignIn(nil)
	}
	var rows []store.Session
	err := d.store.View(ctx, func(tx *store.Tx) (err error) {
		rows, err = tx.Identity.Sessions(ctx, who.Account())
		return err
	})
	if err != nil {
		return nil, fmt.Errorf("identity: sessions of %s: %w", who.Account(), err)
	}
	var list []Session
	now := time.Now()
	for _, row := range rows {
		if now.Before(row.Expires) {
			list = append(list, Session{
				ID: sessionName(row), Agent: row.Agent, Created: row.Created, Used: row.Used, Expires: row.Expires,
				Current: row.IDHash == who.of.row.IDHash,
			})
		}
	}
	return list, nil
}

func sessionName(row store.Session) string { return hex.EncodeToString(row.IDHash[:8]) }

// EndSession ends one of who's sessions.
func (d *Desk) EndSession(ctx context.Context, who Verified, id string) error {
	if !who.Valid() {
		return errSignIn(nil)
	}
	err := d.store.Update(ctx, func(tx *store.Tx) error {
		if err := standing(ctx, tx, who); err != nil {
			return err
		}
		rows, err := tx.Identity.Sessions(ctx, who.Account())
		if err != nil {
			return err
		}
		for _, row := range rows {
			if sessionName(row) != id {
				continue
			}
			if err := tx.Identity.DeleteSession(ctx, row.IDHash); err != nil {
				return err
			}
			ended := who.entry(ledger.KindSignedOut, "by its account")
			ended.Session = id
			_, err := d.ledger.Append(ctx, tx, ended)
			return err
		}
		return hearkeep.Errorf(hearkeep.NotFound, "There is no such session.").WithHint("It may have ended already.")
	})
	if err != nil {
		return fmt.Errorf("identity: end a session of %s: %w", who.Account(), err)
	}
	return nil
}

// EndOthers ends all of who's sessions but this one, and says how many.
func (d *Desk) EndOthers(ctx context.Context, who Verified) (int, error) {
	if !who.Valid() {
		return 0, errSignIn(nil)
	}
	var ended int
	err := d.store.Update(ctx, func(tx *store.Tx) (err error) {
		if err := standing(ctx, tx, who); err != nil {
			return err
		}
		if ended, err = tx.Identity.DeleteSessions(ctx, who.Account(), who.of.row.IDHash); err != nil || ended == 0 {
			return err
		}
		entry := who.entry(ledger.KindSignedOut, "all others")
		entry.Count = ended
		_, err = d.ledger.Append(ctx, tx, entry)
		return err
	})
	if err != nil {
		return 0, fmt.Errorf("identity: end other sessions of %s: %w", who.Account(), err)
	}
	return ended, nil
}
