package notify

import (
	"context"
	"testing"
	"testing/synctest"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/hearkeep/hearkeep"
	"github.com/hearkeep/hearkeep/internal/store"
	"github.com/hearkeep/hearkeep/internal/store/storetest"
)

// atDoor is an account whose door says when there is a notice.
func (h *home) atDoor(d *Desk) (door hearkeep.BindingID, of storetest.Vault) {
	h.t.Helper()
	of = storetest.NewVault(h.t, h.store)
	h.update(func(tx *store.Tx) error {
		if err := tx.Identity.InsertAccount(h.t.Context(), store.Account{ID: of.Account, Name: of.Account.String(), Display: "Holder", Created: time.Now()}); err != nil {
			return err
		}
		c := store.Channel{ID: hearkeep.NewID[hearkeep.ChannelID](), Account: of.Account, Kind: Spoken, Created: time.Now(), Confirmed: time.Now()}
		var err error
		if c.Address, err = d.Seal(c.ID, of.Binding.String()); err != nil {
			return err
		}
		return tx.Letters.InsertChannel(h.t.Context(), c)
	})
	return of.Binding, of
}

func (h *home) spokenOf(account hearkeep.AccountID) []string {
	h.t.Helper()
	out := []string{}
	h.update(func(tx *store.Tx) error {
		rows, err := tx.Letters.Deliveries(h.t.Context(), account, 10)
		for _, r := range rows {
			out = append(out, r.Kind+" "+r.State)
		}
		return err
	})
	return out
}

// A notice waits until somebody speaks at its door, is said once, and says
// nothing of the letter; ordinary letters are not for saying.
func TestANoticeIsSaidOnceAtItsDoor(t *testing.T) {
	h := newHome(t)
	defer h.close()
	d := h.desk(MailServer{})
	door, of := h.atDoor(d)
	other := storetest.NewVault(t, h.store)
	h.update(func(tx *store.Tx) error {
		return d.Tell(t.Context(), tx, of.Account, hearkeep.Letter{Topic: "passkey added", Subject: "A passkey", Text: "It was added."})
	})
	if diff := cmp.Diff([]string{}, h.spokenOf(of.Account)); diff != "" {
		t.Errorf("an ordinary letter (-want +got):\n%s", diff)
	}
	h.update(func(tx *store.Tx) error {
		rows, err := d.Queue(t.Context(), tx, of.Account, hearkeep.Letter{Topic: "your recordings", Subject: "Somebody heard you", Text: "It was Ben.", Aloud: true})
		if err != nil || len(rows) != 1 {
			t.Fatalf("Queue: got %d, %v, want one delivery", len(rows), err)
		}
		l, err := d.open(rows[0])
		if l.Subject != "" || l.Text != "\n" || l.Address != door.String() {
			t.Errorf("what waits: got %+v, want no word of the letter", l)
		}
		return err
	})
	aloud := func(at hearkeep.BindingID) bool {
		t.Helper()
		due, err := d.Aloud(t.Context(), at)
		if err != nil {
			t.Fatal(err)
		}
		return due
	}
	if aloud(other.Binding) {
		t.Error("said at another's door")
	}
	if diff := cmp.Diff([]string{"spoken queued"}, h.spokenOf(of.Account)); diff != "" {
		t.Errorf("before anybody spoke (-want +got):\n%s", diff)
	}
	if !aloud(door) || aloud(door) {
		t.Error("at its door: got other than once")
	}
	if diff := cmp.Diff([]string{"spoken sent"}, h.spokenOf(of.Account)); diff != "" {
		t.Errorf("after it was said (-want +got):\n%s", diff)
	}
}

// Who does not hold the door's vault any more is not spoken of there.
func TestANoticeIsNotSaidWhereItsPersonLeft(t *testing.T) {
	h := newHome(t)
	defer h.close()
	d := h.desk(MailServer{})
	door, of := h.atDoor(d)
	h.update(func(tx *store.Tx) error {
		if err := d.HoldsDoor(t.Context(), tx, of.Account, door); err != nil {
			t.Errorf("HoldsDoor: %v", err)
		}
		if err := d.HoldsDoor(t.Context(), tx, h.account, door); hearkeep.CodeOf(err) != hearkeep.NotFound {
			t.Errorf("HoldsDoor of another: got %v, want not found", err)
		}
		if err := d.Tell(t.Context(), tx, of.Account, hearkeep.Letter{Topic: "your recordings", Aloud: true}); err != nil {
			return err
		}
		return tx.Vaults.DeleteKeyholder(t.Context(), of.ID, of.Account)
	})
	due, err := d.Aloud(t.Context(), door)
	if err != nil || due {
		t.Errorf("Aloud: got %t, %v, want false", due, err)
	}
	if diff := cmp.Diff([]string{"spoken failed"}, h.spokenOf(of.Account)); diff != "" {
		t.Errorf("states (-want +got):\n%s", diff)
	}
}

// Nobody speaks: a month later it is given up, and no attempt was made to send
// it anywhere before.
func TestANoticeIsGivenUp(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		h := newHome(t)
		defer h.close()
		d := h.desk(MailServer{})
		_, of := h.atDoor(d)
		h.update(func(tx *store.Tx) error {
			return d.Tell(t.Context(), tx, of.Account, hearkeep.Letter{Topic: "your recordings", Aloud: true})
		})
		run := func() {
			t.Helper()
			ctx, cancel := context.WithTimeout(t.Context(), 5*time.Second)
			defer cancel()
			if err := d.Run(ctx); err != nil {
				t.Error(err)
			}
		}
		run()
		time.Sleep(29 * 24 * time.Hour)
		run()
		if diff := cmp.Diff([]string{"spoken queued"}, h.spokenOf(of.Account)); diff != "" {
			t.Errorf("after 29 days (-want +got):\n%s", diff)
		}
		time.Sleep(2 * 24 * time.Hour)
		run()
		if diff := cmp.Diff([]string{"spoken failed"}, h.spokenOf(of.Account)); diff != "" {
			t.Errorf("after 31 days (-want +got):\n%s", diff)
		}
	})
}

// However many notices wait at doors where nobody speaks, those of a door
// where somebody does are said: nobody silences another's door with their own.
func TestNoticesElsewhereAreInNobodysWay(t *testing.T) {
	h := newHome(t)
	defer h.close()
	d := h.desk(MailServer{})
	_, flooder := h.atDoor(d)
	for range spokenAtOnce {
		h.update(func(tx *store.Tx) error {
			return d.Tell(t.Context(), tx, flooder.Account, hearkeep.Letter{Topic: "your recordings", Aloud: true})
		})
	}
	door, of := h.atDoor(d)
	h.update(func(tx *store.Tx) error {
		return d.Tell(t.Context(), tx, of.Account, hearkeep.Letter{Topic: "your recordings", Aloud: true})
	})
	if due, err := d.Aloud(t.Context(), door); err != nil || !due {
		t.Errorf("behind %d others: got %t, %v, want it said", spokenAtOnce, due, err)
	}
}
