package vault_test

import (
	"bytes"
	"context"
	"errors"
	"os"
	"path/filepath"
	"testing"

	"github.com/hearkeep/hearkeep"
	"github.com/hearkeep/hearkeep/internal/ledger"
	"github.com/hearkeep/hearkeep/internal/seal"
	"github.com/hearkeep/hearkeep/internal/store"
	"github.com/hearkeep/hearkeep/internal/vault"
	"github.com/hearkeep/hearkeep/internal/vault/vaulttest"
)

// rewrite runs statements on the two databases as somebody who can write rows.
func rewrite(t *testing.T, h *vaulttest.Home, file, statement string, args ...any) {
	t.Helper()
	if n := execSQL(t, filepath.Join(h.Dir, file), statement, args...); n == 0 {
		t.Fatalf("%s changed no row", statement)
	}
}

// The 2018 case at its smallest: Anna's rows are relabelled as Bert's, keys
// and all. Bert gets noise, and the ledger says that something did not open.
func TestRelabelledRowsAreNoise(t *testing.T) {
	h := vaulttest.New(t)
	anna, bert := h.Person(t, "Anna"), h.Person(t, "Bert")
	id := say(t, anna, "annas secret")
	rec := say(t, bert, "berts own")
	rewrite(t, h, "hearkeep.db", `UPDATE recordings SET vault = ? WHERE id = ?`, bert.Vault[:], id[:])
	rewrite(t, h, "hearkeep.db", `UPDATE parts SET vault = ? WHERE recording = ?`, bert.Vault[:], id[:])
	rewrite(t, h, "keys.db", `UPDATE part_keys SET vault = ? WHERE recording = ?`, bert.Vault[:], id[:])
	rewrite(t, h, "keys.db", `UPDATE envelopes SET vault = ? WHERE vault = ?`, bert.Vault[:], anna.Vault[:])
	h.Reopen(t)

	items, _, _, err := h.Enter(t, bert).List(t.Context(), vault.Cursor{}, 10)
	must(t, err)
	for _, it := range items {
		if it.ID == id && (!it.Damaged || it.HasWords || it.Words.Reveal() != "" || it.HasTurn) {
			t.Errorf("Bert reads Anna's recording: %d characters of words", len(it.Words.Reveal()))
		}
		if it.ID == rec && it.Damaged {
			t.Error("Bert's own recording does not open")
		}
	}
	if _, err := h.Enter(t, bert).Listen(t.Context(), id); err == nil || hearkeep.CodeOf(err) == hearkeep.NotFound {
		t.Errorf("listen: got %v, want a failed opening", err)
	}
	if n := kinds(t, h, bert.Vault)[ledger.KindOpeningFailed]; n == 0 {
		t.Error("no entry says that an opening failed")
	}
}

func TestSwappedAndDamagedAudio(t *testing.T) {
	h := vaulttest.New(t)
	anna := h.Person(t, "Anna")
	first, second, third := say(t, anna, "first"), say(t, anna, "second"), say(t, anna, "third")
	a, b := blobPath(t, h, first), blobPath(t, h, second)
	one, err := os.ReadFile(a)
	must(t, err)
	two, err := os.ReadFile(b)
	must(t, err)
	must(t, os.WriteFile(a, two, 0o600))
	must(t, os.WriteFile(b, one[:len(one)-100], 0o600))
	for _, id := range []hearkeep.RecordingID{first, second} {
		if _, err := h.Enter(t, anna).Listen(t.Context(), id); err == nil {
			t.Errorf("recording %s plays another's, or a torn, file", id)
		}
	}
	if got := readAll(t, h.Enter(t, anna), third); !bytes.Equal(got, audio) {
		t.Error("the untouched recording does not play")
	}
	if n := kinds(t, h, anna.Vault)[ledger.KindOpeningFailed]; n != 2 {
		t.Errorf("failed openings in the ledger: got %d, want 2", n)
	}
}

// Who can write rows, but has no house key, cannot turn a door's future
// speech towards himself: it is refused.
func TestEditedBindingIsRefused(t *testing.T) {
	for _, tc := range []struct {
		name string
		edit func(t *testing.T, h *vaulttest.Home, victim, thief vaulttest.Person)
	}{
		{"the vault", func(t *testing.T, h *vaulttest.Home, victim, thief vaulttest.Person) {
			rewrite(t, h, "hearkeep.db", `UPDATE bindings SET vault = ? WHERE id = ?`, thief.Vault[:], id(victim))
		}},
		{"the pin of the thief's own binding", func(t *testing.T, h *vaulttest.Home, victim, thief vaulttest.Person) {
			rewrite(t, h, "hearkeep.db", `UPDATE bindings SET vault = ?, pin = (SELECT pin FROM bindings WHERE id = ?), signature = (SELECT signature FROM bindings WHERE id = ?) WHERE id = ?`,
				thief.Vault[:], id(thief), id(thief), id(victim))
		}},
		{"the rule", func(t *testing.T, h *vaulttest.Home, victim, thief vaulttest.Person) {
			rewrite(t, h, "hearkeep.db", `UPDATE bindings SET rule = ? WHERE id = ?`, string(hearkeep.KeepWords), id(victim))
		}},
		{"the label", func(t *testing.T, h *vaulttest.Home, victim, thief vaulttest.Person) {
			rewrite(t, h, "hearkeep.db", `UPDATE bindings SET label = (SELECT label FROM bindings WHERE id = ?) WHERE id = ?`, id(thief), id(victim))
		}},
		{"a successor generation that nobody signed", func(t *testing.T, h *vaulttest.Home, victim, thief vaulttest.Person) {
			addGeneration(t, h, victim, thief, nil)
		}},
		{"a successor generation signed by itself", func(t *testing.T, h *vaulttest.Home, victim, thief vaulttest.Person) {
			addGeneration(t, h, victim, thief, seal.SignGeneration)
		}},
	} {
		t.Run(tc.name, func(t *testing.T) {
			h := vaulttest.New(t)
			victim, thief := h.Person(t, "Anna"), h.Person(t, "Mallory")
			tc.edit(t, h, victim, thief)
			_, err := h.Keep.Device(t.Context(), victim.Device)
			wantCode(t, "the edited door", err, hearkeep.Forbidden)
			if _, err := h.Keep.Device(t.Context(), thief.Device); tc.name != "the label" && err != nil {
				t.Errorf("the untouched door: %v", err)
			}
		})
	}
}

func id(p vaulttest.Person) []byte { b := p.Inbox.Binding(); return b[:] }

// addGeneration inserts generation 2 of the victim's vault with the thief's keys.
func addGeneration(t *testing.T, h *vaulttest.Home, victim, thief vaulttest.Person, sign func(seal.VaultKey, seal.GenerationStatement) ([]byte, error)) {
	t.Helper()
	key, err := seal.NewVaultKey()
	must(t, err)
	public := seal.PublicOfVault(key)
	g := store.Generation{Vault: victim.Vault, N: 2, HPKEPublic: public.HPKE, SignPublic: public.Verify, Keyholders: []hearkeep.AccountID{thief.Who.Account()}, Signature: make([]byte, 64)}
	if sign != nil {
		g.Signature, err = sign(key, seal.GenerationStatement{Vault: g.Vault, N: g.N, Public: public, Keyholders: g.Keyholders})
		must(t, err)
	}
	must(t, h.Store.Update(t.Context(), func(tx *store.Tx) error { return tx.Vaults.InsertGeneration(context.Background(), g) }))
}

// A thief who replaces a vault's key pair with his own, sealed to its owner,
// is found out when she enters: new doors would have been his.
func TestReplacedGenerationIsRefused(t *testing.T) {
	h := vaulttest.New(t)
	anna := h.Person(t, "Anna")
	key, err := seal.NewVaultKey()
	must(t, err)
	public := seal.PublicOfVault(key)
	wrap, err := seal.SealVaultKey(key, seal.PublicOfAccount(anna.Who.Private()), anna.Vault, 1, anna.Who.Account())
	must(t, err)
	sig, err := seal.SignGeneration(key, seal.GenerationStatement{Vault: anna.Vault, N: 1, Public: public, Keyholders: []hearkeep.AccountID{anna.Who.Account()}})
	must(t, err)
	rewrite(t, h, "hearkeep.db", `UPDATE generations SET hpke_public = ?, sign_public = ?, signature = ? WHERE vault = ?`, public.HPKE, public.Verify, sig, anna.Vault[:])
	rewrite(t, h, "hearkeep.db", `UPDATE keyholders SET wrap = ? WHERE vault = ?`, wrap, anna.Vault[:])
	if _, err := h.Keep.Enter(t.Context(), anna.Who, anna.Vault); err == nil {
		t.Error("a vault with a stranger's key lets its owner in")
	}
	if n := kinds(t, h, anna.Vault)[ledger.KindOpeningFailed]; n == 0 {
		t.Error("no entry says so")
	}
}

func TestEndedBindingIsClosed(t *testing.T) {
	h := vaulttest.New(t)
	anna := h.Person(t, "Anna")
	must(t, anna.Room.Unbind(t.Context(), anna.Inbox.Binding()))
	_, err := h.Keep.Device(t.Context(), anna.Device)
	wantCode(t, "an ended door", err, hearkeep.NotFound)
	if kinds(t, h, anna.Vault)[ledger.KindUnbound] != 1 {
		t.Error("no entry says that the door was unbound")
	}
	bert := h.Person(t, "Bert")
	err = anna.Room.Unbind(t.Context(), bert.Inbox.Binding())
	wantCode(t, "unbind another's door", err, hearkeep.NotFound)
	if _, err := h.Keep.Device(t.Context(), bert.Device); err != nil {
		t.Errorf("another's door: %v", err)
	}
}

func blobPath(t *testing.T, h *vaulttest.Home, id hearkeep.RecordingID) string {
	t.Helper()
	var found string
	err := filepath.WalkDir(filepath.Join(h.Dir, "audio"), func(path string, e os.DirEntry, err error) error {
		if err == nil && e.Name() == id.String() {
			found = path
		}
		return err
	})
	must(t, err)
	if found == "" {
		t.Fatal(errors.New("no audio file"))
	}
	return found
}
