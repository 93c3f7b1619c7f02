package vault_test

import (
	"crypto/sha256"
	"io"
	"testing"

	"github.com/hearkeep/hearkeep"
	"github.com/hearkeep/hearkeep/internal/seal"
	"github.com/hearkeep/hearkeep/internal/vault"
	"github.com/hearkeep/hearkeep/internal/vault/vaulttest"
)

func couriers(t *testing.T, h *vaulttest.Home, p vaulttest.Person) []*vault.Courier {
	t.Helper()
	out, err := h.Keep.Couriers(t.Context(), p.Who.Account())
	must(t, err)
	return out
}

func freeze(t *testing.T, c *vault.Courier) *vault.Cargo {
	t.Helper()
	cargo, err := c.Freeze(t.Context(), hearkeep.NewID[hearkeep.ArchiveID]())
	must(t, err)
	return cargo
}

// delivered opens a Courier's cargo as the owner's opener does: with nothing
// but the account's private key.
func delivered(t *testing.T, c *vault.Courier, cargo *vault.Cargo, p vaulttest.Person) (words []string, err error) {
	t.Helper()
	keys := map[hearkeep.Generation]seal.VaultKey{}
	for _, held := range c.Keys() {
		key, err := seal.OpenVaultKey(held.Wrap, p.Who.Private(), c.Vault().ID, held.Generation, p.Who.Account())
		must(t, err)
		if !seal.PublicOfVault(key).Equal(held.Public) {
			t.Error("a carried key is not the pinned one")
		}
		keys[held.Generation] = key
	}
	err = c.Each(t.Context(), cargo, 0, func(i int, s vault.Sealed) error {
		rec := s.Recording
		ec := seal.EnvelopeContext{Vault: c.Vault().ID, Generation: rec.Generation, Envelope: rec.Envelope, Binding: rec.Binding}
		env, err := seal.OpenEnvelope(keys[rec.Generation], s.Envelope, ec)
		must(t, err)
		for _, part := range s.Parts {
			key, err := seal.OpenPartKey(env, part.Wrap, seal.PartContext{EnvelopeContext: ec, Number: rec.Number, Recording: rec.ID, Start: rec.Start, Part: part.Part.Part, Version: part.Version})
			must(t, err)
			sealed := part.Bytes
			if part.Part.Part == hearkeep.PartAudio {
				a, err := c.Audio(t.Context(), s)
				if err != nil {
					return err
				}
				sealed, err = io.ReadAll(a)
				must(t, err)
				must(t, a.Close())
			}
			if sha256.Sum256(sealed) != part.Hash {
				t.Errorf("%s is not what its row says", part.Part.Part)
			}
			plain, _, err := seal.ReadPart(key, sealed)
			must(t, err)
			if part.Part.Part == hearkeep.PartWords {
				words = append(words, string(plain))
			}
		}
		return nil
	})
	return words, err
}

func TestCourier(t *testing.T) {
	h := vaulttest.New(t)
	anna, bert := h.Person(t, "Anna"), h.Person(t, "Bert")
	say(t, anna, "annas own")
	say(t, bert, "berts own")
	living := h.Vault(t, anna, vault.Shared)
	say(t, living, "before bert")
	h.Joined(t, living, bert, vault.Invitation{As: "holder"})
	say(t, living, "with bert")

	all := couriers(t, h, bert)
	if len(all) != 2 || all[0].Vault().ID != bert.Vault || all[1].Vault().ID != living.Vault || all[1].Name() != "The shared one" {
		t.Fatalf("Bert's couriers: got %d", len(all))
	}
	for i, want := range []string{"berts own", "with bert"} {
		cargo := freeze(t, all[i])
		got, err := delivered(t, all[i], cargo, bert)
		must(t, err)
		if len(got) != 1 || got[0] != want || cargo.Len() != 1 {
			t.Errorf("carried to Bert: got %d, want %q", len(got), want)
		}
		for _, a := range cargo.Accounts() {
			if got := int(a.Last); got != a.Kept+a.Erased+a.Expired+a.Failed+a.Withheld {
				t.Errorf("numbers of %s: got %+v", a.Binding.Door.Name, a)
			}
		}
	}
	annas := couriers(t, h, anna)[0]
	cargo := freeze(t, annas)
	wantCode(t, "another's cargo", all[0].Each(t.Context(), cargo, 0, func(int, vault.Sealed) error { return nil }), hearkeep.NotFound)
	must(t, annas.Each(t.Context(), cargo, 0, func(_ int, s vault.Sealed) error {
		_, err := all[0].Audio(t.Context(), s)
		wantCode(t, "another's audio", err, hearkeep.NotFound)
		_, err = annas.Audio(t.Context(), vault.Sealed{Recording: s.Recording, Parts: s.Parts})
		wantCode(t, "what no courier gave", err, hearkeep.NotFound)
		wantCode(t, "another's damage", all[0].Damaged(t.Context(), s, io.ErrUnexpectedEOF), hearkeep.NotFound)
		return nil
	}))
	must(t, h.Enter(t, living).RemoveHolder(t.Context(), bert.Who.Account()))
	if left := couriers(t, h, bert); len(left) != 1 {
		t.Errorf("a removed keyholder: got %d couriers, want 1", len(left))
	}
	_, err := all[1].Freeze(t.Context(), hearkeep.NewID[hearkeep.ArchiveID]())
	wantCode(t, "a courier of who was removed", err, hearkeep.NotFound)
	if none := couriers(t, h, vaulttest.Person{}); len(none) != 0 {
		t.Error("nobody has couriers")
	}
}

// Who left, or was removed, has no courier, also before somebody has made the
// keys without them, and with rows of before put back.
func TestCourierOfWhoIsGone(t *testing.T) {
	for _, leaves := range []bool{true, false} {
		h, ctx := vaulttest.New(t), t.Context()
		anna, bert := h.Person(t, "Anna"), h.Person(t, "Bert")
		living := h.Vault(t, anna, vault.Shared)
		both := h.Joined(t, living, bert, vault.Invitation{As: "holder", Past: true})
		say(t, living, "not his any more")
		rows := save(t, h, "keyholders", "vault = ? AND account = ?", living.Vault[:], idOf(bert))
		if leaves {
			must(t, h.Enter(t, both).Leave(ctx))
		} else {
			must(t, h.Enter(t, living).RemoveHolder(ctx, bert.Who.Account()))
		}
		for _, back := range []bool{false, true} {
			if back {
				rows.putBack(t, h)
			}
			got, err := h.Keep.Couriers(ctx, bert.Who.Account())
			must(t, err)
			held, err := h.Keep.Counted(ctx, bert.Who.Account())
			must(t, err)
			if len(got) != 1 || got[0].Vault().ID != bert.Vault || len(held) != 1 {
				t.Errorf("left: %v, rows put back: %v: got %d couriers, %d vaults", leaves, back, len(got), len(held))
			}
		}
		if got := couriers(t, h, anna); len(got) != 2 || freeze(t, got[1]).Len() != 1 {
			t.Errorf("who stays: got %d couriers", len(got))
		}
	}
}
