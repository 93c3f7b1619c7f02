package notify

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/hearkeep/hearkeep"
	"github.com/hearkeep/hearkeep/internal/store"
)

const (
	spokenFor    = 30 * 24 * time.Hour // a notice waits for somebody to speak, and then is given up
	spokenAtOnce = 256                 // notices of one person looked through when somebody speaks
)

// Aloud reports whether somebody who spoke at a door just now is to be told
// that there is a notice, and notes that they were: each notice is said once.
// What it is about is not said, nor for whom it is. A notice for somebody who
// does not hold the door's vault any more is never said there.
func (d *Desk) Aloud(ctx context.Context, door hearkeep.BindingID) (bool, error) {
	if d == nil {
		return false, nil
	}
	var rows []store.Delivery
	err := d.Store.View(ctx, func(tx *store.Tx) (err error) {
		rows, err = waitingAt(ctx, tx, door)
		return err
	})
	if err != nil {
		return false, fmt.Errorf("notify: notices for door %s: %w", door, err)
	}
	var mine []store.Delivery
	for _, row := range rows {
		if l, err := d.open(row); err == nil && l.Address == door.String() {
			mine = append(mine, row)
		}
	}
	if len(mine) == 0 {
		return false, nil
	}
	said := false
	err = d.Store.Update(ctx, func(tx *store.Tx) error {
		said = false
		for _, row := range mine {
			one, err := d.say(ctx, tx, door, row.ID)
			if err != nil {
				return err
			}
			said = said || one
		}
		return nil
	})
	if err != nil {
		return false, fmt.Errorf("notify: say a notice at door %s: %w", door, err)
	}
	return said, nil
}

// waitingAt is what waits to be said to those who hold, or held, a door's
// vault: however many notices wait elsewhere, they are in nobody's way.
func waitingAt(ctx context.Context, tx *store.Tx, door hearkeep.BindingID) (rows []store.Delivery, err error) {
	b, err := tx.Vaults.Binding(ctx, door)
	if errors.Is(err, store.ErrNotFound) {
		return nil, nil
	}
	if err != nil {
		return nil, err
	}
	generations, err := tx.Vaults.Generations(ctx, b.Vault)
	if err != nil {
		return nil, err
	}
	asked := map[hearkeep.AccountID]bool{}
	for _, g := range generations {
		for _, account := range g.Keyholders {
			if asked[account] {
				continue
			}
			asked[account] = true
			theirs, err := tx.Letters.SpokenDeliveries(ctx, account, spokenAtOnce)
			if err != nil {
				return nil, err
			}
			rows = append(rows, theirs...)
		}
	}
	return rows, nil
}

// say notes that a notice was said, unless somebody else's turn did so a
// moment ago, or it is not for saying there any more.
func (d *Desk) say(ctx context.Context, tx *store.Tx, door hearkeep.BindingID, id int64) (bool, error) {
	row, err := tx.Letters.Delivery(ctx, id)
	if errors.Is(err, store.ErrNotFound) || err == nil && row.State != queued {
		return false, nil
	}
	if err != nil {
		return false, err
	}
	may, err := holdsDoor(ctx, tx, row.Account, door)
	if err != nil {
		return false, err
	}
	row.State, row.Sealed, row.Due = failed, nil, time.Now()
	if may {
		row.State, row.Sent, row.Attempts = sent, row.Due, row.Attempts+1
		d.Log.Info("a notice was said", "delivery", row.ID, "channel", row.Channel, "topic", row.Topic)
	}
	return may, tx.Letters.SetDelivery(ctx, row)
}

// holdsDoor reports whether a door is there and an account holds its vault.
func holdsDoor(ctx context.Context, tx *store.Tx, account hearkeep.AccountID, door hearkeep.BindingID) (bool, error) {
	b, err := tx.Vaults.Binding(ctx, door)
	if errors.Is(err, store.ErrNotFound) || err == nil && !b.Ended.IsZero() {
		return false, nil
	}
	if err != nil {
		return false, err
	}
	held, err := tx.Vaults.Keyholder(ctx, b.Vault, account)
	if errors.Is(err, store.ErrNotFound) {
		return false, nil
	}
	return len(held) > 0, err
}

// HoldsDoor fails with NotFound where an account may not choose a door to say
// that there is a notice for it.
func (d *Desk) HoldsDoor(ctx context.Context, tx *store.Tx, account hearkeep.AccountID, door hearkeep.BindingID) error {
	may, err := holdsDoor(ctx, tx, account, door)
	if err == nil && !may {
		err = hearkeep.Errorf(hearkeep.NotFound, "There is no such door.").WithHint("Choose one of a vault that you hold.")
	}
	return err
}
