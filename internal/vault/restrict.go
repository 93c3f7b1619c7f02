package vault

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"time"

	"github.com/hearkeep/hearkeep"
	"github.com/hearkeep/hearkeep/internal/ledger"
	"github.com/hearkeep/hearkeep/internal/store"
)

// Restriction freezes release, expiry and training of a vault, of a door's
// recordings or of one recording. Keyholders still play and erase (Art. 18).
// What is frozen is not moved to another vault either, where it would not be
// frozen any more.
type Restriction struct {
	ID        hearkeep.RestrictionID
	Binding   hearkeep.BindingID   // zero: all of the vault's
	Recording hearkeep.RecordingID // zero: all of the door's, or the vault's
	Request   hearkeep.RequestID   // zero where a report is the cause
	Mine      bool                 // asked for by this Room's account, which may lift it
	At        time.Time
}

// maxRestrictions of one vault are in force at a time for each who holds it,
// and one of the whole vault beside them.
const maxRestrictions = 200

// Restrict freezes this vault, or with a recording that one alone, for a
// request of this Room's account. Those who hold the vault as well are told.
// What the account has frozen already stays as it is.
func (r *Room) Restrict(ctx context.Context, request hearkeep.RequestID, id hearkeep.RecordingID) (hearkeep.RestrictionID, error) {
	if err := r.keyholder(); err != nil {
		return hearkeep.RestrictionID{}, err
	}
	if !id.IsZero() {
		if _, err := r.recording(ctx, id); err != nil {
			return hearkeep.RestrictionID{}, err
		}
	}
	row := store.Restriction{
		ID: hearkeep.NewID[hearkeep.RestrictionID](), Vault: r.vault.ID, Recording: id,
		Account: r.actor.account, Request: request, At: time.Now().UTC().Truncate(time.Millisecond),
	}
	err := r.keep.store.Update(ctx, func(tx *store.Tx) error {
		if err := r.actor.lives(ctx, tx, time.Now()); err != nil {
			return err
		}
		if _, err := tx.Rights.Request(ctx, r.actor.account, request); errors.Is(err, store.ErrNotFound) {
			return errGone()
		} else if err != nil {
			return err
		}
		frozen, err := tx.Rights.Restrictions(ctx, r.vault.ID)
		if err != nil {
			return err
		}
		own := 0
		for _, f := range frozen {
			if f.Account != row.Account {
				continue
			}
			if f.Recording == row.Recording && f.Binding.IsZero() {
				row = f
				return nil
			}
			own++
		}
		if own >= maxRestrictions && !id.IsZero() {
			return hearkeep.Errorf(hearkeep.TooMany, "You have frozen %d things in this vault, which is as many as there can be.", own).
				WithHint("Freeze the whole vault instead.")
		}
		if err := tx.Rights.InsertRestriction(ctx, row); err != nil {
			return err
		}
		return r.tellRestricted(ctx, tx, row, "restricted")
	})
	if err != nil {
		return hearkeep.RestrictionID{}, fmt.Errorf("vault: restrict %s: %w", r.vault.ID, err)
	}
	return row.ID, nil
}

// tellRestricted writes down that something is frozen, or is not any more, and
// tells the others who hold the vault.
func (r *Room) tellRestricted(ctx context.Context, tx *store.Tx, row store.Restriction, purpose string) error {
	l, err := r.holdsIn(ctx, tx)
	if err != nil {
		return err
	}
	e := entryOf(r.actor, r.vault.ID, ledger.KindRestricted, purpose)
	e.Request, e.At = &row.Request, time.Now()
	if !row.Recording.IsZero() {
		rec, err := tx.Vaults.Recording(ctx, r.vault.ID, row.Recording)
		if err != nil && !errors.Is(err, store.ErrNotFound) {
			return err
		}
		if err == nil {
			e.Count, e.Items = 1, runsOf([]store.Recording{rec})
		}
	}
	letter := letterRestricted(r.keep.called(l.vault), nameIn(ctx, tx, r.actor.account), purpose == "restricted")
	others := slices.DeleteFunc(accountsOf(l.holders()), func(a hearkeep.AccountID) bool { return a == r.actor.account })
	return r.keep.tell(ctx, tx, []ledger.Entry{e}, others, letter)
}

// Restrictions returns what is frozen here, oldest first. Of what this Room
// does not open, nothing is told.
func (r *Room) Restrictions(ctx context.Context) ([]Restriction, error) {
	var out []Restriction
	err := r.keep.store.View(ctx, func(tx *store.Tx) error {
		rows, err := tx.Rights.Restrictions(ctx, r.vault.ID)
		for _, row := range rows {
			if !row.Recording.IsZero() {
				rec, err := tx.Vaults.Recording(ctx, r.vault.ID, row.Recording)
				if errors.Is(err, store.ErrNotFound) || err == nil && !r.span.Holds(rec.Generation) {
					continue
				}
				if err != nil {
					return err
				}
			}
			mine := row.Account == r.actor.account && !row.Account.IsZero()
			shown := Restriction{row.ID, row.Binding, row.Recording, row.Request, mine, row.At}
			if !mine {
				shown.Request = hearkeep.RequestID{} // another's
			}
			out = append(out, shown)
		}
		return err
	})
	if err != nil {
		return nil, fmt.Errorf("vault: restrictions of %s: %w", r.vault.ID, err)
	}
	return out, nil
}

// Lift frees what this Room's account had frozen. What another froze, or a
// report, is not this account's to free: Forbidden. What is over by then
// expires soon.
func (r *Room) Lift(ctx context.Context, id hearkeep.RestrictionID) error {
	if err := r.keyholder(); err != nil {
		return err
	}
	err := r.keep.store.Update(ctx, func(tx *store.Tx) error {
		if err := r.actor.lives(ctx, tx, time.Now()); err != nil {
			return err
		}
		rows, err := tx.Rights.Restrictions(ctx, r.vault.ID)
		if err != nil {
			return err
		}
		at := slices.IndexFunc(rows, func(row store.Restriction) bool { return row.ID == id })
		if at < 0 {
			return errGone()
		}
		if rows[at].Account != r.actor.account {
			return hearkeep.Errorf(hearkeep.Forbidden, "You did not freeze this.").
				WithHint("Whoever asked for it can end it. What a report froze is freed when that is closed.")
		}
		if err := tx.Rights.LiftRestriction(ctx, r.vault.ID, id, time.Now()); err != nil {
			return err
		}
		return r.tellRestricted(ctx, tx, rows[at], "lifted")
	})
	if err != nil {
		return fmt.Errorf("vault: lift %s: %w", id, err)
	}
	return nil
}

// notFrozen refuses to take recordings out of a vault of which a restriction
// freezes one of them.
func notFrozen(ctx context.Context, tx *store.Tx, vault hearkeep.VaultID, recs ...store.Recording) error {
	rows, err := tx.Rights.Restrictions(ctx, vault)
	if err != nil {
		return err
	}
	for _, row := range rows {
		for _, rec := range recs {
			if freezes(row, rec) {
				return hearkeep.Errorf(hearkeep.Conflict, "Some of this is frozen, and stays where it is.").
					WithHint("Look at what is restricted in this vault. Whoever asked for that can end it; playing and erasing go on.")
			}
		}
	}
	return nil
}

// freezes is what store.Vaults.DueParts says in SQL.
func freezes(row store.Restriction, rec store.Recording) bool {
	switch {
	case !row.Recording.IsZero():
		return row.Recording == rec.ID
	case !row.Binding.IsZero():
		return row.Binding == rec.Binding
	}
	return true
}

// liftGone ends restrictions of recordings that are erased: nothing is left to
// be frozen, and nothing more is to wait for it.
func liftGone(ctx context.Context, tx *store.Tx, vault hearkeep.VaultID, gone []store.Recording, now time.Time) error {
	if len(gone) == 0 {
		return nil
	}
	rows, err := tx.Rights.Restrictions(ctx, vault)
	if err != nil {
		return err
	}
	for _, row := range rows {
		if !slices.ContainsFunc(gone, func(rec store.Recording) bool { return rec.ID == row.Recording }) {
			continue
		}
		if err := tx.Rights.LiftRestriction(ctx, vault, row.ID, now); err != nil {
			return err
		}
	}
	return nil
}

// liftOf ends what an account had frozen in a vault that it does not hold any
// more: nobody else could.
func (k *Keep) liftOf(ctx context.Context, tx *store.Tx, vault hearkeep.VaultID, account hearkeep.AccountID) error {
	rows, err := tx.Rights.Restrictions(ctx, vault)
	if err != nil {
		return err
	}
	for _, row := range rows {
		if row.Account != account || account.IsZero() {
			continue
		}
		if err := tx.Rights.LiftRestriction(ctx, vault, row.ID, time.Now()); err != nil {
			return err
		}
		e := ledger.Entry{Kind: ledger.KindRestricted, Account: &account, Role: hearkeep.RoleSystem, Vault: &vault, Purpose: "lifted: holds it no more", Request: &row.Request}
		if _, err := k.ledger.Append(ctx, tx, e); err != nil {
			return err
		}
	}
	return nil
}

func letterRestricted(vault, who string, frozen bool) hearkeep.Letter {
	if !frozen {
		return hearkeep.Letter{
			Topic: "restriction ended", Subject: "Something is not frozen any more in a vault that you hold",
			Text: fmt.Sprintf("%s ended what they had frozen in %s. What its time is over for goes now, and archives can be made again.", who, vault),
		}
	}
	return hearkeep.Letter{
		Topic: "restricted", Subject: "Something is frozen in a vault that you hold",
		Text: fmt.Sprintf("%s asked that something in %s is kept as it is (GDPR Art. 18). Until they end that, it does not expire, it is not moved, and no archive is made of that vault. You can still play it, and erase it.", who, vault),
	}
}
