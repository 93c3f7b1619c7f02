package vault

import (
	"context"
	"fmt"
	"time"

	"github.com/hearkeep/hearkeep"
	"github.com/hearkeep/hearkeep/internal/identity"
	"github.com/hearkeep/hearkeep/internal/store"
)

// Invited is an invitation to a vault as those who hold it see it.
type Invited struct {
	ID       hearkeep.InvitationID
	From     string // who made it
	Yours    bool   // it was who asks
	As       string // "holder", "guardian" or "child"
	Past     bool
	Accepted string // who accepted, and waits for a keyholder; empty while it is open
	Expires  time.Time
}

// Invited lists the invitations to this vault that are open, or accepted and
// waiting, oldest first. Whoever holds the vault sees all of them.
func (r *Room) Invited(ctx context.Context) ([]Invited, error) {
	if err := r.keyholder(); err != nil {
		return nil, err
	}
	var out []Invited
	err := r.keep.store.View(ctx, func(tx *store.Tx) error {
		rows, err := tx.Houses.InvitationsTo(ctx, r.vault.ID)
		for _, i := range rows {
			if i.Account.IsZero() && !time.Now().Before(i.Expires) {
				continue
			}
			one := Invited{ID: i.ID, From: nameIn(ctx, tx, i.By), Yours: i.By == r.actor.account, As: i.As, Past: i.Past, Expires: i.Expires}
			if !i.Account.IsZero() {
				one.Accepted = nameIn(ctx, tx, i.Account)
			}
			out = append(out, one)
		}
		return err
	})
	if err != nil {
		return nil, fmt.Errorf("vault: invitations to %s: %w", r.vault.ID, err)
	}
	return out, nil
}

// Departing is somebody who holds a shared vault no more, while its new keys
// are still to be made: until then rows alone keep them out.
type Departing struct {
	VaultName string
	Name      string
	Since     time.Time
}

// Departing lists those of a household's shared and children's vaults, oldest
// first within each: for its admins, who need not hold them.
func (k *Keep) Departing(ctx context.Context, who identity.Verified) ([]Departing, error) {
	if !who.Valid() {
		return nil, errNobody()
	}
	var out []Departing
	err := k.store.View(ctx, func(tx *store.Tx) error {
		vaults, err := houseVaults(ctx, tx, who)
		if err != nil {
			return err
		}
		for _, v := range vaults {
			left, err := tx.Vaults.Departures(ctx, v.ID)
			if err != nil {
				return err
			}
			for _, d := range left {
				out = append(out, Departing{k.name(v), nameIn(ctx, tx, d.Account), d.At})
			}
		}
		return nil
	})
	if err != nil {
		return nil, fmt.Errorf("vault: departures in the household of %s: %w", who.Account(), err)
	}
	return out, nil
}
