package vault_test

import (
	"context"
	"crypto/rand"
	"crypto/sha256"
	"errors"
	"testing"
	"time"

	"github.com/hearkeep/hearkeep"
	"github.com/hearkeep/hearkeep/internal/identity"
	"github.com/hearkeep/hearkeep/internal/ledger"
	"github.com/hearkeep/hearkeep/internal/seal"
	"github.com/hearkeep/hearkeep/internal/store"
	"github.com/hearkeep/hearkeep/internal/vault"
	"github.com/hearkeep/hearkeep/internal/vault/vaulttest"
)

// keyOf opens a generation's key with a keyholder's own private key, as a
// keyholder who runs a program of his own can.
func keyOf(t *testing.T, h *vaulttest.Home, p vaulttest.Person, n hearkeep.Generation) seal.VaultKey {
	t.Helper()
	var key seal.VaultKey
	must(t, h.Store.View(t.Context(), func(tx *store.Tx) error {
		held, err := tx.Vaults.Keyholder(t.Context(), p.Vault, p.Who.Account())
		for _, row := range held {
			if row.Generation == n {
				key, err = seal.OpenVaultKey(row.Wrap, p.Who.Private(), p.Vault, n, p.Who.Account())
			}
		}
		return err
	}))
	return key
}

func generationsOf(t *testing.T, h *vaulttest.Home, v hearkeep.VaultID) (gens []store.Generation) {
	t.Helper()
	must(t, h.Store.View(t.Context(), func(tx *store.Tx) (err error) {
		gens, err = tx.Vaults.Generations(t.Context(), v)
		return err
	}))
	return gens
}

// hears reports whether a key opens the envelope of a recording: whether it
// was sealed to whoever has that key.
func hears(t *testing.T, h *vaulttest.Home, key seal.VaultKey, v hearkeep.VaultID, id hearkeep.RecordingID) bool {
	t.Helper()
	var rec store.Recording
	must(t, h.Store.View(t.Context(), func(tx *store.Tx) (err error) {
		rec, err = tx.Vaults.Recording(t.Context(), v, id)
		return err
	}))
	wrap, err := h.Store.Keys().Envelope(t.Context(), v, rec.Envelope)
	must(t, err)
	_, err = seal.OpenEnvelope(key, wrap, seal.EnvelopeContext{Vault: v, Generation: rec.Generation, Envelope: rec.Envelope, Binding: rec.Binding})
	return err == nil
}

// speak says something through a person's door. Refused is fine; redirected is
// not: none of the thief's keys opens it.
func speak(t *testing.T, h *vaulttest.Home, p vaulttest.Person, thief ...seal.VaultKey) {
	t.Helper()
	in, err := h.Keep.Device(t.Context(), p.Device)
	if err != nil {
		return
	}
	r := taken("tomorrow's speech")
	if err := in.Keep(t.Context(), r); err != nil {
		return
	}
	for i, key := range thief {
		if hears(t, h, key, p.Vault, r.ID) {
			t.Errorf("future speech was sealed to the thief's key %d", i)
		}
	}
}

// sealedTo reports whether any row of a vault's keyholders opens with a
// private key, whoever's it is said to be, above a generation.
func sealedTo(t *testing.T, h *vaulttest.Home, v hearkeep.VaultID, above hearkeep.Generation, private seal.AccountPrivate) bool {
	t.Helper()
	for _, g := range generationsOf(t, h, v) {
		if g.N <= above {
			continue
		}
		must(t, h.Store.View(t.Context(), func(tx *store.Tx) error {
			rows, err := tx.Vaults.Keyholders(t.Context(), v, g.N)
			for _, row := range rows {
				if _, err := seal.OpenVaultKey(row.Wrap, private, v, g.N, row.Account); err == nil {
					t.Errorf("generation %d is sealed to the thief, as %s", g.N, row.Account)
				}
			}
			return err
		}))
	}
	return t.Failed()
}

// family is a shared vault of three, one of whom turns out to be a thief.
func family(t *testing.T) (h *vaulttest.Home, anna, bert, mallory vaulttest.Person) {
	t.Helper()
	h = vaulttest.New(t)
	a, b, m := h.Person(t, "Anna"), h.Person(t, "Bert"), h.Person(t, "Mallory")
	anna = h.Vault(t, a, vault.Shared)
	mallory = h.Joined(t, anna, m, vault.Invitation{As: "holder", Past: true}) // generation 2
	bert = h.Joined(t, anna, b, vault.Invitation{As: "holder", Past: true})    // generation 3
	return h, anna, bert, mallory
}

// Once removed, all that Mallory had put back opens nothing that is new, and
// turns no door back to her, as long as the program runs.
func TestRemovedKeyholderPutsRowsBack(t *testing.T) {
	for name, remove := range map[string]func(*testing.T, *vaulttest.Home, vaulttest.Person, vaulttest.Person){
		"removed": func(t *testing.T, h *vaulttest.Home, anna, mallory vaulttest.Person) {
			must(t, h.Enter(t, anna).RemoveHolder(t.Context(), mallory.Who.Account()))
		},
		"left": func(t *testing.T, h *vaulttest.Home, anna, mallory vaulttest.Person) {
			must(t, h.Enter(t, mallory).Leave(t.Context()))
			h.Enter(t, anna)
		},
		"an admin's doing": func(t *testing.T, h *vaulttest.Home, anna, mallory vaulttest.Person) {
			must(t, h.Desk.RemoveMember(t.Context(), anna.Who, mallory.Who.Account()))
			must(t, h.Keep.Complete(t.Context(), anna.Who))
		},
	} {
		t.Run(name, func(t *testing.T) {
			h, anna, bert, mallory := family(t)
			had := keyOf(t, h, mallory, 3)
			before := say(t, anna, "while she was there")
			if !hears(t, h, had, anna.Vault, before) {
				t.Fatal("the test has the wrong key")
			}
			hers := save(t, h, "keyholders", "account = ?", bytesOf(mallory.Who.Account()))
			doors := save(t, h, "bindings", "vault = ?", anna.Vault[:])
			gens := save(t, h, "generations", "vault = ?", anna.Vault[:])
			remove(t, h, anna, mallory)
			after := say(t, anna, "without her")
			refused := func(what string) {
				t.Helper()
				room, err := h.Keep.Enter(t.Context(), mallory.Who, anna.Vault)
				if err == nil {
					if it, err := room.Read(t.Context(), after); err == nil && !it.Damaged {
						t.Errorf("%s: she reads what came after", what)
					}
					t.Errorf("%s: she enters", what)
				}
				if hears(t, h, had, anna.Vault, after) {
					t.Errorf("%s: her old key opens it", what)
				}
				speak(t, h, anna, had)
			}
			refused("at once")
			hers.putBack(t, h)
			refused("her rows are back")
			edit(t, h, `DELETE FROM departures`)
			refused("the departure is gone")
			doors.putBack(t, h)
			refused("the doors' old pins are back")
			wantOpens(t, h, "who stays", bert, after, true)

			edit(t, h, `DELETE FROM keyholders WHERE vault = ? AND generation > 3`, anna.Vault[:])
			edit(t, h, `DELETE FROM generations WHERE vault = ? AND n > 3`, anna.Vault[:])
			gens.putBack(t, h)
			doors.putBack(t, h)
			refused("the whole vault is as it was before")
			if _, err := h.Keep.Device(t.Context(), anna.Device); hearkeep.CodeOf(err) != hearkeep.Forbidden {
				t.Errorf("a door of a vault that went back: got %v, want it refused", err)
			}
		})
	}
}

// forge makes generation n+1 by the thief's hand: signed with the key of
// generation n, which a keyholder has and whoever was one keeps, with a roster,
// and rows for everybody that carry the pins they had.
func forge(t *testing.T, h *vaulttest.Home, v hearkeep.VaultID, n hearkeep.Generation, by seal.VaultKey, holders ...vaulttest.Person) seal.VaultKey {
	t.Helper()
	key, err := seal.NewVaultKey()
	must(t, err)
	public := seal.PublicOfVault(key)
	g := store.Generation{Vault: v, N: n + 1, HPKEPublic: public.HPKE, SignPublic: public.Verify, Created: time.Now()}
	var roster []seal.RosterMember
	for _, p := range holders {
		g.Keyholders = append(g.Keyholders, p.Who.Account())
		roster = append(roster, seal.RosterMember{Account: p.Who.Account(), As: "holder", Public: seal.PublicOfAccount(p.Who.Private())})
	}
	g.Signature, err = seal.SignGeneration(by, seal.GenerationStatement{Vault: v, N: g.N, Public: public, Keyholders: g.Keyholders})
	must(t, err)
	g.Roster, err = seal.SignRoster(key, v, g.N, roster)
	must(t, err)
	edit(t, h, `DELETE FROM keyholders WHERE vault = ? AND generation > ?`, v[:], n)
	edit(t, h, `DELETE FROM generations WHERE vault = ? AND n > ?`, v[:], n)
	must(t, h.Store.Update(t.Context(), func(tx *store.Tx) error {
		if err := tx.Vaults.InsertGeneration(t.Context(), g); err != nil {
			return err
		}
		for _, p := range holders {
			row := store.Keyholder{Vault: v, Generation: g.N, Account: p.Who.Account()}
			if row.Wrap, err = seal.SealVaultKey(key, seal.PublicOfAccount(p.Who.Private()), v, g.N, row.Account); err != nil {
				return err
			}
			if had, err := tx.Vaults.Keyholder(t.Context(), v, row.Account); err == nil {
				row.Pin = had[len(had)-1].Pin
			} else if !errors.Is(err, store.ErrNotFound) {
				return err
			}
			if err := tx.Vaults.InsertKeyholder(t.Context(), row); err != nil {
				return err
			}
		}
		return nil
	}))
	return key
}

// A keyholder, or whoever was one, has the key that signs the next generation.
// Without the house key it is refused: by the doors, and by who enters.
func TestForgedSuccessor(t *testing.T) {
	t.Run("by a keyholder", func(t *testing.T) {
		h, anna, bert, mallory := family(t)
		key := forge(t, h, anna.Vault, 3, keyOf(t, h, mallory, 3), mallory, bert, anna)
		speak(t, h, anna, key)
		for _, p := range []vaulttest.Person{anna, bert} {
			if room, err := h.Keep.Enter(t.Context(), p.Who, p.Vault); err == nil {
				t.Errorf("%s enters a forged generation, and would bind doors there: %v", p.Who.Name(), room.ID())
			}
		}
	})
	t.Run("by who was removed", func(t *testing.T) {
		h, anna, _, mallory := family(t)
		had := keyOf(t, h, mallory, 3)
		old := save(t, h, "bindings", "vault = ?", anna.Vault[:])
		must(t, h.Enter(t, anna).RemoveHolder(t.Context(), mallory.Who.Account()))
		key := forge(t, h, anna.Vault, 3, had, mallory, anna)
		speak(t, h, anna, key, had)
		old.putBack(t, h)
		speak(t, h, anna, key, had)
		h.Reopen(t) // and the program has forgotten what it saw
		speak(t, h, anna, key)
		if _, err := h.Keep.Enter(t.Context(), anna.Who, anna.Vault); err == nil {
			t.Error("Anna enters a forged generation")
		}
	})
	t.Run("after the one that is pinned", func(t *testing.T) {
		h, anna, _, mallory := family(t)
		key := forge(t, h, anna.Vault, 3, keyOf(t, h, mallory, 3), mallory)
		next := forge(t, h, anna.Vault, 4, key, mallory, anna)
		speak(t, h, anna, key, next)
	})
}

// The next generation is sealed to the keys of the roster that the program
// wrote: neither rows of accounts nor a roster that a keyholder signed anew
// bring the thief's key in.
func TestSealedToTheThiefsKey(t *testing.T) {
	private, public, err := seal.NewAccountPair() // another key of Mallory's
	must(t, err)
	roster := func(t *testing.T, h *vaulttest.Home, anna, bert, mallory vaulttest.Person) {
		forged, err := seal.SignRoster(keyOf(t, h, mallory, 3), anna.Vault, 3, []seal.RosterMember{
			{Account: anna.Who.Account(), As: "holder", Public: seal.PublicOfAccount(anna.Who.Private())},
			{Account: bert.Who.Account(), As: "holder", Public: public},
			{Account: mallory.Who.Account(), As: "holder", Public: seal.PublicOfAccount(mallory.Who.Private())},
		})
		must(t, err)
		rewrite(t, h, "hearkeep.db", `UPDATE generations SET roster = ? WHERE vault = ? AND n = 3`, forged, anna.Vault[:])
	}
	for name, tc := range map[string]struct {
		edit  func(*testing.T, *vaulttest.Home, vaulttest.Person, vaulttest.Person, vaulttest.Person)
		works bool // the edit does not even disturb
	}{
		"accounts.public of a co-keyholder": {func(t *testing.T, h *vaulttest.Home, _, bert, _ vaulttest.Person) {
			rewrite(t, h, "hearkeep.db", `UPDATE accounts SET public = ? WHERE id = ?`, public.Bytes(), bytesOf(bert.Who.Account()))
		}, true},
		"accounts.public of who makes it": {func(t *testing.T, h *vaulttest.Home, anna, _, _ vaulttest.Person) {
			rewrite(t, h, "hearkeep.db", `UPDATE accounts SET public = ? WHERE id = ?`, public.Bytes(), bytesOf(anna.Who.Account()))
		}, true},
		"a roster, signed by a keyholder": {roster, false},
		"no roster": {func(t *testing.T, h *vaulttest.Home, anna, _, _ vaulttest.Person) {
			rewrite(t, h, "hearkeep.db", `UPDATE generations SET roster = NULL WHERE vault = ?`, anna.Vault[:])
		}, false},
		"the roster of the generation before": {func(t *testing.T, h *vaulttest.Home, anna, _, _ vaulttest.Person) {
			rewrite(t, h, "hearkeep.db", `UPDATE generations SET roster = (SELECT roster FROM generations WHERE vault = ?1 AND n = 2) WHERE vault = ?1 AND n = 3`, anna.Vault[:])
		}, false},
		"the row of a keyholder": {func(t *testing.T, h *vaulttest.Home, anna, bert, mallory vaulttest.Person) {
			own, err := seal.NewVaultKey()
			must(t, err)
			wrap, err := seal.SealVaultKey(own, seal.PublicOfAccount(bert.Who.Private()), anna.Vault, 3, bert.Who.Account())
			must(t, err)
			rewrite(t, h, "hearkeep.db", `UPDATE keyholders SET wrap = ? WHERE vault = ? AND account = ? AND generation = 3`, wrap, anna.Vault[:], bytesOf(bert.Who.Account()))
		}, true},
	} {
		t.Run(name, func(t *testing.T) {
			h, anna, bert, mallory := family(t)
			had := keyOf(t, h, mallory, 3)
			tc.edit(t, h, anna, bert, mallory)
			room, err := h.Keep.Enter(t.Context(), anna.Who, anna.Vault)
			if err == nil {
				err = room.RemoveHolder(t.Context(), mallory.Who.Account())
			}
			if tc.works != (err == nil) {
				t.Errorf("removing Mallory: got %v, want it to work: %v", err, tc.works)
			}
			sealedTo(t, h, anna.Vault, 3, private)
			if err == nil {
				speak(t, h, anna, had)
			}
			if err != nil && kinds(t, h, anna.Vault)[ledger.KindOpeningFailed] == 0 {
				t.Error("no entry says so")
			}
			if tc.works && name != "the row of a keyholder" {
				wantOpens(t, h, "Bert", bert, say(t, anna, "for the right ones"), true)
			}
		})
	}
}

// What a row-writer makes of an invitation that somebody accepted, or forges
// with a key that he had, brings nobody in.
func TestForgedInvitation(t *testing.T) {
	inTx := func(t *testing.T, h *vaulttest.Home, fn func(*store.Tx) error) {
		t.Helper()
		must(t, h.Store.Update(t.Context(), fn))
	}
	forged := func(t *testing.T, h *vaulttest.Home, v hearkeep.VaultID, n hearkeep.Generation, key seal.VaultKey, by, who vaulttest.Person) {
		var secret [32]byte
		rand.Read(secret[:])
		i := store.Invitation{
			ID: hearkeep.NewID[hearkeep.InvitationID](), Hash: sha256.Sum256(secret[:]), Vault: v, Generation: n,
			By: by.Who.Account(), Role: "member", As: "holder", Past: true, Created: time.Now(), Expires: time.Now().Add(time.Hour).Truncate(time.Millisecond),
		}
		var err error
		i.Sealed, err = seal.SealInvitation(key, secret, seal.InvitationContext{Vault: v, Generation: n, Invitation: i.ID, As: i.As, Past: i.Past, Expires: i.Expires})
		must(t, err)
		public := seal.PublicOfAccount(who.Who.Private())
		i.Account, i.Public = who.Who.Account(), public.Bytes()
		i.MAC = seal.MACAcceptance(secret, seal.Acceptance{Invitation: i.ID, Vault: v, Account: i.Account, Public: public})
		inTx(t, h, func(tx *store.Tx) error {
			m, err := tx.Houses.Member(t.Context(), by.Who.Account())
			if err != nil {
				return err
			}
			i.Household = m.Household
			return tx.Houses.InsertInvitation(t.Context(), i)
		})
	}
	for name, tc := range map[string]struct {
		act      func(t *testing.T, h *vaulttest.Home, anna, mallory, eve vaulttest.Person)
		reported bool
	}{
		"the public key": {func(t *testing.T, h *vaulttest.Home, anna, mallory, eve vaulttest.Person) {
			h.Invited(t, anna, h.Person(t, "Carl"), vault.Invitation{As: "holder"})
			rewrite(t, h, "hearkeep.db", `UPDATE invitations SET public = ?`, seal.PublicOfAccount(eve.Who.Private()).Bytes())
		}, true},
		"account and key": {func(t *testing.T, h *vaulttest.Home, anna, mallory, eve vaulttest.Person) {
			h.Invited(t, anna, h.Person(t, "Carl"), vault.Invitation{As: "holder"})
			rewrite(t, h, "hearkeep.db", `UPDATE invitations SET account = ?, public = ?`, bytesOf(eve.Who.Account()), seal.PublicOfAccount(eve.Who.Private()).Bytes())
		}, true},
		"the MAC": {func(t *testing.T, h *vaulttest.Home, anna, mallory, eve vaulttest.Person) {
			h.Invited(t, anna, eve, vault.Invitation{As: "holder"})
			rewrite(t, h, "hearkeep.db", `UPDATE invitations SET mac = zeroblob(32)`)
		}, true},
		"the past": {func(t *testing.T, h *vaulttest.Home, anna, mallory, eve vaulttest.Person) {
			h.Invited(t, anna, eve, vault.Invitation{As: "holder"})
			rewrite(t, h, "hearkeep.db", `UPDATE invitations SET past = 1`)
		}, true},
		"as what": {func(t *testing.T, h *vaulttest.Home, anna, mallory, eve vaulttest.Person) {
			h.Invited(t, anna, eve, vault.Invitation{As: "holder"})
			rewrite(t, h, "hearkeep.db", `UPDATE invitations SET holds_as = 'guardian'`)
		}, true},
		"in another's name": {func(t *testing.T, h *vaulttest.Home, anna, mallory, eve vaulttest.Person) {
			h.Invited(t, anna, eve, vault.Invitation{As: "holder", Past: true})
			rewrite(t, h, "hearkeep.db", `UPDATE invitations SET by = ?`, bytesOf(mallory.Who.Account()))
		}, true},
		"forged by a keyholder": {func(t *testing.T, h *vaulttest.Home, anna, mallory, eve vaulttest.Person) {
			forged(t, h, anna.Vault, 3, keyOf(t, h, mallory, 3), anna, eve)
		}, true},
		"one to another vault": {func(t *testing.T, h *vaulttest.Home, anna, mallory, eve vaulttest.Person) {
			h.Invited(t, h.Vault(t, eve, vault.Shared), h.Person(t, "Carl"), vault.Invitation{As: "holder"})
			rewrite(t, h, "hearkeep.db", `UPDATE invitations SET vault = ?, generation = 3`, anna.Vault[:])
		}, true},
		"accepted by a row alone": {func(t *testing.T, h *vaulttest.Home, anna, mallory, eve vaulttest.Person) {
			_, err := h.Enter(t, anna).Invite(t.Context(), vault.Invitation{As: "holder"})
			must(t, err)
			rewrite(t, h, "hearkeep.db", `UPDATE invitations SET account = ?, public = ?, mac = zeroblob(32)`, bytesOf(eve.Who.Account()), seal.PublicOfAccount(eve.Who.Private()).Bytes())
		}, true},
		"forged by who was removed": {func(t *testing.T, h *vaulttest.Home, anna, mallory, eve vaulttest.Person) {
			had := keyOf(t, h, mallory, 3)
			must(t, h.Enter(t, anna).RemoveHolder(t.Context(), mallory.Who.Account()))
			forged(t, h, anna.Vault, 3, had, anna, eve)
			forged(t, h, anna.Vault, 4, had, anna, mallory)
		}, true},
		"forged by who just left": {func(t *testing.T, h *vaulttest.Home, anna, mallory, eve vaulttest.Person) {
			had := keyOf(t, h, mallory, 3)
			must(t, h.Enter(t, mallory).Leave(t.Context()))
			forged(t, h, anna.Vault, 3, had, anna, eve)
		}, false}, // ends unread
		"accepted, then other keys": {func(t *testing.T, h *vaulttest.Home, anna, mallory, eve vaulttest.Person) {
			h.Invited(t, anna, eve, vault.Invitation{As: "holder"})
			h.Rekeyed(t, eve)
		}, false}, // ends with the old keys
		"accepted, then another key in the account's row": {func(t *testing.T, h *vaulttest.Home, anna, mallory, eve vaulttest.Person) {
			h.Invited(t, anna, eve, vault.Invitation{As: "holder"})
			rewrite(t, h, "hearkeep.db", `UPDATE accounts SET public = ? WHERE id = ?`, seal.PublicOfAccount(mallory.Who.Private()).Bytes(), bytesOf(eve.Who.Account()))
		}, true},
	} {
		t.Run(name, func(t *testing.T) {
			h, anna, bert, mallory := family(t)
			eve := h.Person(t, "Eve")
			tc.act(t, h, anna, mallory, eve)
			room := h.Enter(t, anna)
			holders, err := room.Holders(t.Context())
			must(t, err)
			for _, x := range holders {
				if x.Name == "Eve" || x.Name == "Carl" {
					t.Errorf("%s holds it", x.Name)
				}
			}
			sealedTo(t, h, anna.Vault, 0, eve.Who.Private())
			wantOpens(t, h, "Eve", vaulttest.Person{Who: eve.Who, Vault: anna.Vault}, say(t, anna, "not for her"), false)
			wantOpens(t, h, "Bert", bert, say(t, anna, "for him"), true)
			if n := kinds(t, h, anna.Vault)[ledger.KindOpeningFailed]; (n > 0) != tc.reported {
				t.Errorf("entries that say so: got %d, want some: %v", n, tc.reported)
			}
			must(t, h.Store.View(t.Context(), func(tx *store.Tx) error {
				left, err := tx.Houses.InvitationsTo(t.Context(), anna.Vault)
				if len(left) > 0 {
					t.Errorf("%d invitations are left", len(left))
				}
				return err
			}))
			wantSound(t, h)
		})
	}
}

// A departure is a row: whoever writes rows can have somebody left out, and
// gets nothing by it. The others are told.
func TestForgedDeparture(t *testing.T) {
	h, anna, bert, mallory := family(t)
	eve := h.Person(t, "Eve")
	must(t, h.Store.Update(t.Context(), func(tx *store.Tx) error {
		for _, gone := range []hearkeep.AccountID{bert.Who.Account(), eve.Who.Account()} {
			if err := tx.Vaults.PutDeparture(t.Context(), store.Departure{Vault: anna.Vault, Account: gone, By: anna.Who.Account(), At: time.Now()}); err != nil {
				return err
			}
		}
		return nil
	}))
	h.Enter(t, anna)
	id := say(t, anna, "for who is left")
	wantOpens(t, h, "Anna", anna, id, true)
	wantOpens(t, h, "Mallory, who holds it still", mallory, id, true)
	wantOpens(t, h, "Bert", bert, id, false)
	sealedTo(t, h, anna.Vault, 0, eve.Who.Private())
	wantOpens(t, h, "Bert, invited again", h.Joined(t, anna, bert, vault.Invitation{As: "holder", Past: true}), id, true)
}

// No row makes a vault that others hold the one where speech goes by itself.
func TestSharedVaultIsNeverTheFirst(t *testing.T) {
	h, anna, _, mallory := family(t)
	rewrite(t, h, "hearkeep.db", `UPDATE vaults SET kind = 'personal', label = NULL, created = 1 WHERE id = ?`, anna.Vault[:])
	for _, p := range []vaulttest.Person{anna, mallory} {
		first, err := h.Keep.Create(t.Context(), p.Who)
		must(t, err)
		held, err := h.Keep.Vaults(t.Context(), p.Who)
		must(t, err)
		if first == anna.Vault || held[0].ID != first {
			t.Errorf("%s is led into the shared vault", p.Who.Name())
		}
	}
}

// An account that holds shared vaults only gets one of its own; one whose own
// is damaged does not get another in its place.
func TestFirstVault(t *testing.T) {
	h := vaulttest.New(t)
	anna := h.Person(t, "Anna")
	living := h.Vault(t, anna, vault.Shared)
	link, err := h.Enter(t, living).Invite(t.Context(), vault.Invitation{As: "holder"})
	must(t, err)
	in, _, _, err := h.Desk.CreateInvited(t.Context(), link, "Bert", "correct horse battery", identity.Visitor{})
	must(t, err)
	h.Enter(t, living)
	own, err := h.Keep.Create(t.Context(), in.Who)
	must(t, err)
	if own == living.Vault || own.IsZero() {
		t.Error("a shared vault became the first one")
	}
	rewrite(t, h, "hearkeep.db", `UPDATE generations SET signature = zeroblob(64) WHERE vault = ?`, own[:])
	again, err := h.Keep.Create(t.Context(), in.Who)
	must(t, err)
	if again != own {
		t.Error("a damaged vault was replaced by an empty one")
	}
	if _, err := h.Keep.Enter(context.WithoutCancel(t.Context()), in.Who, own); err == nil {
		t.Error("a damaged vault lets somebody in")
	}
}
