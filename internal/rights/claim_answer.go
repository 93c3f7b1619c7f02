package rights

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"time"
	"unicode/utf8"

	"github.com/hearkeep/hearkeep"
	"github.com/hearkeep/hearkeep/internal/identity"
	"github.com/hearkeep/hearkeep/internal/ledger"
	"github.com/hearkeep/hearkeep/internal/store"
	"github.com/hearkeep/hearkeep/internal/vault"
)

// ToAnswer is a claim as the keyholders of the door's vault see it.
type ToAnswer struct {
	ID    hearkeep.ClaimID
	Door  hearkeep.BindingID
	From  time.Time
	To    time.Time
	Place string
	About string
	Reach string
	State string
	Made  time.Time
	Due   time.Time
	Ended time.Time
	Count int // of what lies in the window now; what was told once it is answered

	// Before: it reaches back to when the account did not hold the vault. They
	// are told nothing of that time, and somebody who held it answers.
	Before bool
}

// ClaimsTo returns the claims about doors of a vault that the account holds.
func (d *Desk) ClaimsTo(ctx context.Context, who identity.Verified, id hearkeep.VaultID) ([]ToAnswer, error) {
	room, err := d.Keep.Enter(ctx, who, id)
	if err != nil {
		return nil, err
	}
	since, err := room.Since(ctx)
	if err != nil {
		return nil, err
	}
	var list []ToAnswer
	err = d.Store.View(ctx, func(tx *store.Tx) error {
		claims, err := tx.Rights.ClaimsOf(ctx, room.ID())
		if err != nil {
			return err
		}
		for _, c := range claims {
			t, err := d.openClaim(c)
			if err != nil {
				d.Log.Error("a claim does not open", "claim", c.ID, "err", err)
			}
			a := ToAnswer{
				ID: c.ID, Door: c.Binding, From: c.From, To: c.To, Place: t.Place, About: t.About, Reach: t.Reach,
				State: c.State, Made: c.Made, Due: c.Due, Ended: c.Ended, Before: c.From.Before(since),
			}
			switch {
			case a.Before:
			case !c.Ended.IsZero():
				a.Count = c.Count
			default:
				if a.Count, err = tx.Rights.CountBetween(ctx, room.ID(), c.Binding, c.From, c.To); err != nil {
					return err
				}
			}
			list = append(list, a)
		}
		return nil
	})
	if err != nil {
		return nil, fmt.Errorf("rights: claims to %s: %w", id, err)
	}
	return list, nil
}

// ClaimsWaiting counts the claims about doors of a vault that the account
// holds and that nobody has answered yet.
func (d *Desk) ClaimsWaiting(ctx context.Context, who identity.Verified, id hearkeep.VaultID) (n int, err error) {
	room, err := d.Keep.Enter(ctx, who, id)
	if err != nil {
		return 0, err
	}
	err = d.Store.View(ctx, func(tx *store.Tx) error {
		claims, err := tx.Rights.ClaimsOf(ctx, room.ID())
		for _, c := range claims {
			if c.Ended.IsZero() {
				n++
			}
		}
		return err
	})
	if err != nil {
		return 0, fmt.Errorf("rights: claims to %s: %w", id, err)
	}
	return n, nil
}

// How a claim is answered.
const (
	AnswerCount  = "count"  // say how many recordings lie in the window
	AnswerErase  = "erase"  // erase them, and say how many
	AnswerInvite = "invite" // give the link of an invitation
)

// ClaimAnswer is what a keyholder answers. None of the answers gives a word or
// a sound away.
type ClaimAnswer struct {
	How    string
	Link   string // of an invitation that the keyholder made; for AnswerInvite alone
	Remark string // a sentence to the claimant; may be empty
}

// AnswerClaim answers a claim about a door of a vault that the account holds.
// Erasing takes what began in the claim's window at that door.
func (d *Desk) AnswerClaim(ctx context.Context, who identity.Verified, id hearkeep.VaultID, claim hearkeep.ClaimID, a ClaimAnswer, now time.Time) error {
	room, err := d.Keep.Enter(ctx, who, id)
	if err != nil {
		return err
	}
	c, text, err := d.claimTo(ctx, room.ID(), claim)
	if err != nil {
		return err
	}
	if utf8.RuneCountInString(a.Remark) > maxClaimText || !utf8.ValidString(a.Remark) {
		return hearkeep.Errorf(hearkeep.TooLarge, "That is too much text.").WithHint("At most %d characters.", maxClaimText)
	}
	text.Remark = a.Remark
	since, err := room.Since(ctx)
	if err != nil {
		return err
	}
	if c.From.Before(since) {
		return hearkeep.Errorf(hearkeep.Conflict, "You cannot answer this claim: it reaches back to when you did not hold this vault.").
			WithHint("Somebody who held it then can.")
	}
	entry := ledger.Entry{Role: hearkeep.RoleKeyholder, Account: new(who.Account()), Session: who.Session(), Vault: new(room.ID()), Binding: new(c.Binding)}
	switch a.How {
	case AnswerCount:
		n, err := d.between(ctx, c)
		if err != nil {
			return err
		}
		return d.endClaim(ctx, c.ID, now, counted(n), n, text, entry)
	case AnswerErase:
		n, err := d.eraseBetween(ctx, room, c)
		if err != nil {
			return err
		}
		state := claimErased
		if n == 0 {
			state = claimNothing
		}
		return d.endClaim(ctx, c.ID, now, state, n, text, entry)
	case AnswerInvite:
		if !strings.HasPrefix(a.Link, d.Origin+"/join/") {
			return hearkeep.Errorf(hearkeep.Invalid, "That is not the link of an invitation of this keep.").WithHint("Make one on the page of your household, and paste its link.")
		}
		text.Link = a.Link
		return d.endClaim(ctx, c.ID, now, claimInvited, 0, text, entry)
	}
	return hearkeep.Errorf(hearkeep.Invalid, "Choose how to answer.")
}

func counted(n int) string {
	if n == 0 {
		return claimNothing
	}
	return claimCounted
}

func (d *Desk) claimTo(ctx context.Context, id hearkeep.VaultID, claim hearkeep.ClaimID) (c store.Claim, t claimText, err error) {
	err = d.Store.View(ctx, func(tx *store.Tx) (err error) {
		c, err = tx.Rights.Claim(ctx, claim)
		return err
	})
	if errors.Is(err, store.ErrNotFound) || err == nil && c.Vault != id {
		return c, t, hearkeep.Errorf(hearkeep.NotFound, "There is nothing here.")
	}
	if err != nil {
		return c, t, fmt.Errorf("rights: claim %s: %w", claim, err)
	}
	if !c.Ended.IsZero() {
		return c, t, hearkeep.Errorf(hearkeep.Conflict, "This claim was answered already.")
	}
	t, err = d.openClaim(c)
	return c, t, err
}

func (d *Desk) between(ctx context.Context, c store.Claim) (n int, err error) {
	err = d.Store.View(ctx, func(tx *store.Tx) (err error) {
		n, err = tx.Rights.CountBetween(ctx, c.Vault, c.Binding, c.From, c.To)
		return err
	})
	if err != nil {
		return 0, fmt.Errorf("rights: claim %s: %w", c.ID, err)
	}
	return n, nil
}

// eraseBatch is how many a Room erases at a time.
const eraseBatch = 500

// eraseBetween erases what lies in a claim's window, in batches that a Room takes.
func (d *Desk) eraseBetween(ctx context.Context, room *vault.Room, c store.Claim) (erased int, err error) {
	for {
		var recs []store.Recording
		err := d.Store.View(ctx, func(tx *store.Tx) (err error) {
			recs, err = tx.Rights.RecordingsBetween(ctx, room.ID(), c.Binding, c.From, c.To, eraseBatch)
			return err
		})
		if err != nil {
			return erased, fmt.Errorf("rights: claim %s: %w", c.ID, err)
		}
		if len(recs) == 0 {
			return erased, nil
		}
		ids := make([]hearkeep.RecordingID, len(recs))
		for i, rec := range recs {
			ids[i] = rec.ID
		}
		receipt, err := room.Erase(ctx, ids...)
		if hearkeep.CodeOf(err) == hearkeep.NotFound {
			err = hearkeep.Errorf(hearkeep.Conflict, "Not all of it could be erased: somebody else may be erasing it right now.").WithHint("Look at the claim again.").Because(err)
		}
		if err != nil {
			return erased, err
		}
		erased += receipt.Count
	}
}
