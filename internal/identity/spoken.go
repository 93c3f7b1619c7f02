package identity

import (
	"context"
	"fmt"
	"time"

	"github.com/hearkeep/hearkeep"
	"github.com/hearkeep/hearkeep/internal/notify"
	"github.com/hearkeep/hearkeep/internal/store"
)

// AddSpoken has a door of a vault that who holds say that there is a notice
// for somebody, when there is one that weighs enough: never what it is, nor
// for whom. Needs Fresh. There is no code to type back: who holds the vault
// decides what its doors say. As nothing can be read there, it is no address
// for codes, and neither adding nor removing it makes archives wait.
func (d *Desk) AddSpoken(ctx context.Context, who Verified, door hearkeep.BindingID, from Visitor) (SignedIn, error) {
	if err := who.Fresh(); err != nil {
		return SignedIn{}, err
	}
	if d.letters == nil {
		return SignedIn{}, hearkeep.Errorf(hearkeep.Unavailable, "This keep sends no letters.")
	}
	var id hearkeep.ChannelID
	err := d.store.Update(ctx, func(tx *store.Tx) error {
		if err := standing(ctx, tx, who); err != nil {
			return err
		}
		if err := d.letters.HoldsDoor(ctx, tx, who.Account(), door); err != nil {
			return err
		}
		c, err := d.pending(ctx, tx, who, notify.Spoken, door.String())
		id = c.ID
		return err
	})
	if err != nil {
		return SignedIn{}, fmt.Errorf("identity: add door %s for notices: %w", door, err)
	}
	in, err := d.readdress(ctx, who, id, from, func(tx *store.Tx, c store.Channel, _ int) (bool, hearkeep.Letter, error) {
		c.Confirmed = time.Now()
		return false, letterSpokenChanged(who.Name(), true), tx.Letters.SetChannel(ctx, c)
	})
	if err != nil {
		return SignedIn{}, fmt.Errorf("identity: add door %s for notices: %w", door, err)
	}
	return in, nil
}

func letterSpokenChanged(name string, added bool) hearkeep.Letter {
	l := hearkeep.Letter{Topic: "spoken notices changed", Subject: "A door no longer says that there is a notice for you"}
	what := "no longer says"
	if added {
		l.Subject, what = "A door says when there is an important notice for you", "says from now on"
	}
	l.Text = fmt.Sprintf("%s, a door of one of your vaults %s, to whoever speaks there next, that there is an important notice in your keep. It never says what.\n\nIf that was not you, change your passphrase.", name, what)
	return l
}
