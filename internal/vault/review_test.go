package vault_test

import (
	"context"
	"io"
	"testing"
	"time"

	"github.com/hearkeep/hearkeep"
	"github.com/hearkeep/hearkeep/internal/blob"
	"github.com/hearkeep/hearkeep/internal/identity"
	"github.com/hearkeep/hearkeep/internal/ledger"
	"github.com/hearkeep/hearkeep/internal/seal"
	"github.com/hearkeep/hearkeep/internal/store"
	"github.com/hearkeep/hearkeep/internal/vault"
	"github.com/hearkeep/hearkeep/internal/vault/vaulttest"
)

// A door that was relabelled as Bert's is not signed anew by an innocent click
// of his: that would send Anna's speech to him.
func TestRelabelledDoorIsNotLaundered(t *testing.T) {
	for name, click := range map[string]func(context.Context, *vault.Room, hearkeep.BindingID) error{
		"change": func(ctx context.Context, r *vault.Room, id hearkeep.BindingID) error {
			return r.Change(ctx, id, vault.Door{Name: "Mine"}, hearkeep.RoomRule{Keep: hearkeep.KeepAll})
		},
		"unbind": func(ctx context.Context, r *vault.Room, id hearkeep.BindingID) error { return r.Unbind(ctx, id) },
		"pair":   func(ctx context.Context, r *vault.Room, id hearkeep.BindingID) error { return r.Check(ctx, id) },
		"move": func(ctx context.Context, r *vault.Room, id hearkeep.BindingID) error {
			_, err := vault.MoveDoor(ctx, r, r, id)
			return err
		},
	} {
		t.Run(name, func(t *testing.T) {
			h := vaulttest.New(t)
			anna, bert := h.Person(t, "Anna"), h.Person(t, "Bert")
			rewrite(t, h, "hearkeep.db", `UPDATE bindings SET vault = ? WHERE id = ?`, bert.Vault[:], id(anna))
			if err := click(t.Context(), bert.Room, anna.Inbox.Binding()); err == nil {
				t.Error("a relabelled door was taken for Bert's")
			}
			if _, err := h.Keep.Device(t.Context(), anna.Device); hearkeep.CodeOf(err) != hearkeep.Forbidden && hearkeep.CodeOf(err) != hearkeep.NotFound {
				t.Errorf("Anna's terminal: got %v, want it refused", err)
			}
			doors, err := bert.Room.Bindings(t.Context())
			must(t, err)
			for _, d := range doors {
				if d.ID == anna.Inbox.Binding() && d.Door.Name == "Terminal" {
					t.Error("Bert reads the name of Anna's door")
				}
			}
			if kinds(t, h, bert.Vault)[ledger.KindOpeningFailed] == 0 {
				t.Error("no entry says so")
			}
		})
	}
}

// A row-writer seals his own vault's key to Anna and makes it her first vault:
// she is not led there.
func TestStrangersVaultIsNotEntered(t *testing.T) {
	h := vaulttest.New(t)
	anna, mallory := h.Person(t, "Anna"), h.Person(t, "Mallory")
	ctx := t.Context()
	key, err := seal.NewVaultKey() // his own; that it is not even the pinned one changes nothing for Vaults
	must(t, err)
	wrap, err := seal.SealVaultKey(key, seal.PublicOfAccount(anna.Who.Private()), mallory.Vault, 1, anna.Who.Account())
	must(t, err)
	must(t, h.Store.Update(ctx, func(tx *store.Tx) error {
		his, err := tx.Vaults.Keyholder(ctx, mallory.Vault, mallory.Who.Account())
		if err != nil {
			return err
		}
		return tx.Vaults.InsertKeyholder(ctx, store.Keyholder{Vault: mallory.Vault, Generation: 1, Account: anna.Who.Account(), Wrap: wrap, Pin: his[0].Pin})
	}))
	rewrite(t, h, "hearkeep.db", `UPDATE vaults SET created = 1 WHERE id = ?`, mallory.Vault[:])
	held, err := h.Keep.Vaults(ctx, anna.Who)
	must(t, err)
	if len(held) != 1 || held[0].ID != anna.Vault {
		t.Errorf("Anna is shown %d vaults, the first of which is hers: %v", len(held), held[0].ID == anna.Vault)
	}
	if first, err := h.Keep.Create(ctx, anna.Who); err != nil || first != anna.Vault {
		t.Errorf("her first vault: got another's, or %v", err)
	}
	if _, err := h.Keep.Enter(ctx, anna.Who, mallory.Vault); err == nil {
		t.Error("she enters his vault")
	}
}

// A code is for the binding it was made for, whatever the row says.
func TestPairingCodeIsBoundToItsDoor(t *testing.T) {
	h := vaulttest.New(t)
	anna, mallory := h.Person(t, "Anna"), h.Person(t, "Mallory")
	ctx := t.Context()
	code, err := h.Desk.PairingCode(ctx, anna.Who, anna.Inbox.Binding())
	must(t, err)
	execSQL(t, h.Dir+"/hearkeep.db", `UPDATE links SET payload = ?`, id(mallory))
	token, err := h.Desk.Redeem(ctx, code, identity.Visitor{})
	must(t, err)
	device, err := h.Desk.Device(ctx, token)
	must(t, err)
	if got, _ := device.Binding(); got != anna.Inbox.Binding() {
		t.Error("the terminal was sent to another's door")
	}
}

// An Inbox that was asked for before a door was closed or given another rule
// keeps nothing more than the door may now.
func TestInboxHeldTooLong(t *testing.T) {
	for name, meanwhile := range map[string]func(context.Context, vaulttest.Person) error{
		"closed": func(ctx context.Context, p vaulttest.Person) error { return p.Room.Unbind(ctx, p.Inbox.Binding()) },
		"paused": func(ctx context.Context, p vaulttest.Person) error {
			return p.Room.Change(ctx, p.Inbox.Binding(), vault.Door{Name: "T"}, hearkeep.RoomRule{Keep: hearkeep.KeepAll, Paused: true})
		},
		"keeps nothing": func(ctx context.Context, p vaulttest.Person) error {
			return p.Room.Change(ctx, p.Inbox.Binding(), vault.Door{Name: "T"}, hearkeep.RoomRule{Keep: hearkeep.KeepNothing})
		},
	} {
		t.Run(name, func(t *testing.T) {
			h := vaulttest.New(t)
			anna := h.Person(t, "Anna")
			must(t, meanwhile(t.Context(), anna))
			if err := anna.Inbox.Keep(t.Context(), taken("too late")); err == nil {
				t.Error("kept all the same")
			}
			totals, err := h.Enter(t, anna).Totals(t.Context())
			must(t, err)
			if totals.Recordings != 0 {
				t.Errorf("%d recordings are kept", totals.Recordings)
			}
		})
	}
}

// gate holds a Put until it is opened.
type gate struct {
	blob.Store
	reached, open chan struct{}
}

func (g *gate) Put(ctx context.Context, name string, data io.Reader) error {
	close(g.reached)
	<-g.open
	return g.Store.Put(ctx, name, data)
}

// What is on its way to the disk while everything is erased does not arrive
// after the receipt.
func TestEraseAllReachesWhatIsInFlight(t *testing.T) {
	h := vaulttest.New(t)
	anna := h.Person(t, "Anna")
	say(t, anna, "one that is there")
	g := &gate{h.Blobs.Store, make(chan struct{}), make(chan struct{})}
	h.Blobs.Store = g
	kept := make(chan error, 1)
	go func() { kept <- anna.Inbox.Keep(context.Background(), taken("said before everything was erased")) }()
	<-g.reached
	time.Sleep(2 * time.Millisecond)
	_, err := h.Enter(t, anna).EraseAll(t.Context())
	must(t, err)
	close(g.open)
	if err := <-kept; err == nil {
		t.Error("it was kept after the receipt")
	}
	h.Blobs.Store = g.Store
	totals, err := h.Enter(t, anna).Totals(t.Context())
	must(t, err)
	gaps, gerr := vault.Gaps(t.Context(), h.Store, anna.Vault)
	must(t, gerr)
	if totals.Recordings != 0 || len(gaps) != 0 {
		t.Errorf("got %d recordings and gaps %v", totals.Recordings, gaps)
	}
	say(t, anna, "said afterwards") // is kept
}

// A player that was open goes silent, and one erasure is counted once.
func TestErasureReachesOpenPlayers(t *testing.T) {
	h := vaulttest.New(t)
	anna := h.Person(t, "Anna")
	id := say(t, anna, "playing")
	a, err := h.Enter(t, anna).Listen(t.Context(), id)
	must(t, err)
	defer a.Close()
	if _, err := io.ReadFull(a, make([]byte, 10)); err != nil {
		t.Fatal(err)
	}
	receipts := make(chan error, 4)
	for range 4 {
		room := h.Enter(t, anna)
		go func() {
			_, err := room.Erase(context.Background(), id)
			receipts <- err
		}()
	}
	given := 0
	for range 4 {
		if err := <-receipts; err == nil {
			given++
		} else if hearkeep.CodeOf(err) != hearkeep.NotFound {
			t.Error(err)
		}
	}
	if given != 1 {
		t.Errorf("%d receipts for one recording, want 1", given)
	}
	if n, err := io.ReadFull(a, make([]byte, 10)); err == nil {
		t.Errorf("an open player read %d bytes after the receipt", n)
	}
}

// One file that cannot be unlinked holds up neither the others nor the start.
func TestStuckBlobHoldsUpNothing(t *testing.T) {
	h := vaulttest.New(t)
	anna := h.Person(t, "Anna")
	bad, good := say(t, anna, "bad"), say(t, anna, "good")
	rewrite(t, h, "hearkeep.db", `UPDATE recordings SET blob = '../victim' WHERE id = ?`, bad[:])
	for _, id := range []hearkeep.RecordingID{bad, good} {
		_, err := h.Enter(t, anna).Erase(t.Context(), id)
		must(t, err)
	}
	if _, err := h.Blobs.Open(t.Context(), good.String()); err == nil {
		t.Error("the other audio is still a file")
	}
	h.Reopen(t)
}

// A closed door whose row is opened again stays shut.
func TestReopenedRowStaysShut(t *testing.T) {
	h := vaulttest.New(t)
	anna := h.Person(t, "Anna")
	must(t, anna.Room.Unbind(t.Context(), anna.Inbox.Binding()))
	rewrite(t, h, "hearkeep.db", `UPDATE bindings SET ended = 0 WHERE id = ?`, id(anna))
	in, err := h.Keep.Device(t.Context(), anna.Device)
	if err == nil && !in.Rule().Paused {
		t.Error("the door listens again")
	}
}
