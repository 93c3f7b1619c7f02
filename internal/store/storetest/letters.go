package storetest

import (
	"errors"
	"testing"
	"time"

	"github.com/hearkeep/hearkeep"
	"github.com/hearkeep/hearkeep/internal/store"
)

func channels(t *testing.T, open Opener) {
	st, reopen := open(t)
	ctx := t.Context()
	anna, ben := NewAccount("anna"), NewAccount("ben")
	channel := func(a store.Account, kind string, created time.Time) store.Channel {
		return store.Channel{ID: hearkeep.NewID[hearkeep.ChannelID](), Account: a.ID, Kind: kind, Address: bytesOf(100), Created: created}
	}
	mail, hook, bens := channel(anna, "email", noon), channel(anna, "webhook", noon.Add(-time.Hour)), channel(ben, "email", noon)
	update(t, st, func(tx *store.Tx) error {
		wantErr(t, "nobody's channel", tx.Letters.InsertChannel(ctx, mail), store.ErrNotFound)
		if err := errors.Join(tx.Identity.InsertAccount(ctx, anna), tx.Identity.InsertAccount(ctx, ben)); err != nil {
			return err
		}
		for _, c := range []store.Channel{mail, hook, bens} {
			if err := tx.Letters.InsertChannel(ctx, c); err != nil {
				return err
			}
		}
		wantErr(t, "taken channel id", tx.Letters.InsertChannel(ctx, mail), store.ErrExists)
		return nil
	})
	update(t, st, func(tx *store.Tx) error {
		mail.Confirmed = noon.Add(time.Minute)
		moved := mail
		moved.Address, moved.Kind = bytesOf(100), "webhook" // not what SetChannel replaces
		wantErr(t, "SetChannel", tx.Letters.SetChannel(ctx, moved), nil)
		theirs := bens
		theirs.Account, theirs.Confirmed = anna.ID, noon
		wantErr(t, "SetChannel of another's", tx.Letters.SetChannel(ctx, theirs), store.ErrNotFound)
		wantErr(t, "DeleteChannel of another's", tx.Letters.DeleteChannel(ctx, anna.ID, bens.ID), store.ErrNotFound)
		return nil
	})
	st = reopen()
	update(t, st, func(tx *store.Tx) error {
		list, err := tx.Letters.Channels(ctx, anna.ID)
		wantErr(t, "Channels", err, nil)
		equal(t, "Channels, oldest first", list, []store.Channel{hook, mail})
		wantErr(t, "DeleteChannel", tx.Letters.DeleteChannel(ctx, anna.ID, hook.ID), nil)
		wantErr(t, "DeleteChannel again", tx.Letters.DeleteChannel(ctx, anna.ID, hook.ID), store.ErrNotFound)
		wantErr(t, "SetChannel, absent", tx.Letters.SetChannel(ctx, hook), store.ErrNotFound)
		list, err = tx.Letters.Channels(ctx, anna.ID)
		wantErr(t, "Channels", err, nil)
		equal(t, "the channel that is left", list, []store.Channel{mail})
		list, err = tx.Letters.Channels(ctx, ben.ID)
		equal(t, "another's channels", list, []store.Channel{bens})
		return err
	})
}

func deliveries(t *testing.T, open Opener) {
	st, reopen := open(t)
	ctx := t.Context()
	anna, ben := hearkeep.NewID[hearkeep.AccountID](), hearkeep.NewID[hearkeep.AccountID]()
	letter := func(to hearkeep.AccountID, due time.Time) store.Delivery {
		return store.Delivery{Account: to, Channel: hearkeep.NewID[hearkeep.ChannelID](), Kind: "email", Topic: "passkey added",
			Sealed: bytesOf(400), State: "queued", Created: noon, Due: due}
	}
	first, second, bens := letter(anna, noon.Add(time.Hour)), letter(anna, noon), letter(ben, noon)
	update(t, st, func(tx *store.Tx) (err error) {
		for _, d := range []*store.Delivery{&first, &second, &bens} {
			if d.ID, err = tx.Letters.InsertDelivery(ctx, *d); err != nil {
				return err
			}
		}
		return nil
	})
	if first.ID <= 0 || second.ID <= first.ID || bens.ID <= second.ID {
		t.Errorf("numbers: got %d, %d, %d, want them to ascend from above 0", first.ID, second.ID, bens.ID)
	}
	due := func(what string, now time.Time, limit int, want ...store.Delivery) {
		t.Helper()
		view(t, st, func(tx *store.Tx) error {
			got, err := tx.Letters.DueDeliveries(ctx, now, limit)
			equal(t, what, got, want)
			return err
		})
	}
	due("due before any", noon.Add(-time.Millisecond), 10)
	due("due at noon", noon, 10, second, bens)
	due("a page", noon, 1, second)
	due("all that is due, the longest first", noon.Add(time.Hour), 10, second, bens, first)

	sent, given := noon.Add(2*time.Hour), noon.Add(3*time.Hour)
	update(t, st, func(tx *store.Tx) error {
		first.State, first.Attempts, first.Due, first.Sent, first.Sealed = "sent", 2, noon.Add(90*time.Minute), sent, nil
		second.State, second.Attempts, second.Due, second.Sealed = "failed", 9, given, nil
		bens.Attempts, bens.Due = 1, noon.Add(time.Minute)
		wantErr(t, "SetDelivery", errors.Join(tx.Letters.SetDelivery(ctx, first), tx.Letters.SetDelivery(ctx, second), tx.Letters.SetDelivery(ctx, bens)), nil)
		absent := bens
		absent.ID = 1000
		wantErr(t, "SetDelivery, absent", tx.Letters.SetDelivery(ctx, absent), store.ErrNotFound)
		return nil
	})
	view(t, st, func(tx *store.Tx) error {
		for state, want := range map[string]int{"queued": 1, "sent": 1, "failed": 1, "lost": 0} {
			n, err := tx.Letters.CountDeliveries(ctx, state)
			wantErr(t, "CountDeliveries", err, nil)
			equal(t, "CountDeliveries "+state, n, want)
		}
		return nil
	})
	st = reopen()
	due("what waits for another attempt", noon.Add(time.Minute), 10, bens)
	view(t, st, func(tx *store.Tx) error {
		got, err := tx.Letters.Delivery(ctx, second.ID)
		wantErr(t, "Delivery", err, nil)
		equal(t, "Delivery", got, second)
		_, err = tx.Letters.Delivery(ctx, 1000)
		wantErr(t, "Delivery, absent", err, store.ErrNotFound)
		return nil
	})
	view(t, st, func(tx *store.Tx) error {
		list, err := tx.Letters.Deliveries(ctx, anna, 10)
		wantErr(t, "Deliveries", err, nil)
		equal(t, "Deliveries, newest first", list, []store.Delivery{second, first})
		list, err = tx.Letters.Deliveries(ctx, anna, 1)
		equal(t, "a page of Deliveries", list, []store.Delivery{second})
		return err
	})
	update(t, st, func(tx *store.Tx) error {
		for _, c := range []struct {
			name   string
			before time.Time
			want   int
		}{
			{"at the time of sending", sent, 0}, // made long before
			{"after it", sent.Add(time.Millisecond), 1},
			{"when the other was given up", given, 0},
			{"after that", given.Add(time.Millisecond), 1},
			{"but not what is queued", noon.Add(1000 * time.Hour), 0},
		} {
			n, err := tx.Letters.ExpireDeliveries(ctx, c.before)
			wantErr(t, "ExpireDeliveries "+c.name, err, nil)
			equal(t, "ExpireDeliveries "+c.name, n, c.want)
		}
		next := letter(ben, noon)
		id, err := tx.Letters.InsertDelivery(ctx, next)
		if id <= bens.ID {
			t.Errorf("a number was given twice: %d after %d", id, bens.ID)
		}
		return err
	})
}

func spokenDeliveries(t *testing.T, open Opener) {
	st, _ := open(t)
	ctx := t.Context()
	letter := func(kind, state string) store.Delivery {
		return store.Delivery{Account: hearkeep.NewID[hearkeep.AccountID](), Channel: hearkeep.NewID[hearkeep.ChannelID](), Kind: kind, Topic: "your recordings",
			Sealed: bytesOf(40), State: state, Created: noon, Due: noon.AddDate(0, 1, 0)}
	}
	all := []store.Delivery{letter("spoken", "queued"), letter("email", "queued"), letter("spoken", "sent"), letter("spoken", "queued"), letter("spoken", "queued")}
	for i := range 4 { // the last is another's
		all[i].Account = all[0].Account
	}
	update(t, st, func(tx *store.Tx) (err error) {
		for i := range all {
			if all[i].ID, err = tx.Letters.InsertDelivery(ctx, all[i]); err != nil {
				return err
			}
		}
		return nil
	})
	view(t, st, func(tx *store.Tx) error {
		list, err := tx.Letters.SpokenDeliveries(ctx, all[0].Account, 10)
		wantErr(t, "SpokenDeliveries", err, nil)
		equal(t, "SpokenDeliveries, oldest first", list, []store.Delivery{all[0], all[3]})
		list, err = tx.Letters.SpokenDeliveries(ctx, all[0].Account, 1)
		equal(t, "a page of SpokenDeliveries", list, []store.Delivery{all[0]})
		return err
	})
}
