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
)

// sql runs statements on the two databases as somebody who can write rows.
func (h *home) sql(t *testing.T, file, statement string, args ...any) {
	t.Helper()
	if n := execSQL(t, filepath.Join(h.dir, file), statement, args...); n == 0 {
		t.Fatalf("%s changed no row", statement)
	}
}

// The 2018 case at its smallest: Anna's rows are relabelled as Bert's, keys
// and all. Bert gets noise, and the ledger says that something did not open.
func TestRelabelledRowsAreNoise(t *testing.T) {
	h := newHome(t)
	anna, bert := h.person(t, "Anna"), h.person(t, "Bert")
	id := anna.say(t, "annas secret")
	rec := bert.say(t, "berts own")
	h.sql(t, "hearkeep.db", `UPDATE recordings SET vault = ? WHERE id = ?`, bert.vault[:], id[:])
	h.sql(t, "hearkeep.db", `UPDATE parts SET vault = ? WHERE recording = ?`, bert.vault[:], id[:])
	h.sql(t, "keys.db", `UPDATE part_keys SET vault = ? WHERE recording = ?`, bert.vault[:], id[:])
	h.sql(t, "keys.db", `UPDATE envelopes SET vault = ? WHERE vault = ?`, bert.vault[:], anna.vault[:])
	h.reopen(t)

	items, _, _, err := h.enter(t, bert).List(t.Context(), vault.Cursor{}, 10)
	must(t, err)
	for _, it := range items {
		if it.ID == id && (!it.Damaged || it.HasWords || it.Words.Reveal() != "" || it.HasTurn) {
			t.Errorf("Bert reads Anna's recording: %d characters of words", len(it.Words.Reveal()))
		}
		if it.ID == rec && it.Damaged {
			t.Error("Bert's own recording does not open")
		}
	}
	if _, err := h.enter(t, bert).Listen(t.Context(), id); err == nil || hearkeep.CodeOf(err) == hearkeep.NotFound {
		t.Errorf("listen: got %v, want a failed opening", err)
	}
	if n := h.kinds(t, bert.vault)[ledger.KindOpeningFailed]; n == 0 {
		t.Error("no entry says that an opening failed")
	}
}

func TestSwappedAndDamagedAudio(t *testing.T) {
	h := newHome(t)
	anna := h.person(t, "Anna")
	first, second, third := anna.say(t, "first"), anna.say(t, "second"), anna.say(t, "third")
	a, b := h.blobPath(t, first), h.blobPath(t, second)
	one, err := os.ReadFile(a)
	must(t, err)
	two, err := os.ReadFile(b)
	must(t, err)
	must(t, os.WriteFile(a, two, 0o600))
	must(t, os.WriteFile(b, one[:len(one)-100], 0o600))
	for _, id := range []hearkeep.RecordingID{first, second} {
		if _, err := h.enter(t, anna).Listen(t.Context(), id); err == nil {
			t.Errorf("recording %s plays another's, or a torn, file", id)
		}
	}
	if got := readAll(t, h.enter(t, anna), third); !bytes.Equal(got, audio) {
		t.Error("the untouched recording does not play")
	}
	if n := h.kinds(t, anna.vault)[ledger.KindOpeningFailed]; n != 2 {
		t.Errorf("failed openings in the ledger: got %d, want 2", n)
	}
}

// Who can write rows, but has no house key, cannot turn a door's future
// speech towards himself: it is refused.
func TestEditedBindingIsRefused(t *testing.T) {
	for _, tc := range []struct {
		name string
		edit func(t *testing.T, h *home, victim, thief person)
	}{
		{"the vault", func(t *testing.T, h *home, victim, thief person) {
			h.sql(t, "hearkeep.db", `UPDATE bindings SET vault = ? WHERE id = ?`, thief.vault[:], id(victim))
		}},
		{"the pin of the thief's own binding", func(t *testing.T, h *home, victim, thief person) {
			h.sql(t, "hearkeep.db", `UPDATE bindings SET vault = ?, pin = (SELECT pin FROM bindings WHERE id = ?), signature = (SELECT signature FROM bindings WHERE id = ?) WHERE id = ?`,
				thief.vault[:], id(thief), id(thief), id(victim))
		}},
		{"the rule", func(t *testing.T, h *home, victim, thief person) {
			h.sql(t, "hearkeep.db", `UPDATE bindings SET rule = ? WHERE id = ?`, string(hearkeep.KeepWords), id(victim))
		}},
		{"the label", func(t *testing.T, h *home, victim, thief person) {
			h.sql(t, "hearkeep.db", `UPDATE bindings SET label = (SELECT label FROM bindings WHERE id = ?) WHERE id = ?`, id(thief), id(victim))
		}},
		{"a successor generation that nobody signed", func(t *testing.T, h *home, victim, thief person) {
			h.addGeneration(t, victim, thief, nil)
		}},
		{"a successor generation signed by itself", func(t *testing.T, h *home, victim, thief person) {
			h.addGeneration(t, victim, thief, seal.SignGeneration)
		}},
	} {
		t.Run(tc.name, func(t *testing.T) {
			h := newHome(t)
			victim, thief := h.person(t, "Anna"), h.person(t, "Mallory")
			tc.edit(t, h, victim, thief)
			_, err := h.keep.Device(t.Context(), victim.device)
			wantCode(t, "the edited door", err, hearkeep.Forbidden)
			if _, err := h.keep.Device(t.Context(), thief.device); tc.name != "the label" && err != nil {
				t.Errorf("the untouched door: %v", err)
			}
		})
	}
}

func id(p person) []byte { b := p.inbox.Binding(); return b[:] }

// addGeneration inserts generation 2 of the victim's vault with the thief's keys.
func (h *home) addGeneration(t *testing.T, victim, thief person, sign func(seal.VaultKey, seal.GenerationStatement) ([]byte, error)) {
	t.Helper()
	key, err := seal.NewVaultKey()
	must(t, err)
	public := seal.PublicOfVault(key)
	g := store.Generation{Vault: victim.vault, N: 2, HPKEPublic: public.HPKE, SignPublic: public.Verify, Keyholders: []hearkeep.AccountID{thief.who.Account()}, Signature: make([]byte, 64)}
	if sign != nil {
		g.Signature, err = sign(key, seal.GenerationStatement{Vault: g.Vault, N: g.N, Public: public, Keyholders: g.Keyholders})
		must(t, err)
	}
	must(t, h.store.Update(t.Context(), func(tx *store.Tx) error { return tx.Vaults.InsertGeneration(context.Background(), g) }))
}

// A thief who replaces a vault's key pair with his own, sealed to its owner,
// is found out when she enters: new doors would have been his.
func TestReplacedGenerationIsRefused(t *testing.T) {
	h := newHome(t)
	anna := h.person(t, "Anna")
	key, err := seal.NewVaultKey()
	must(t, err)
	public := seal.PublicOfVault(key)
	wrap, err := seal.SealVaultKey(key, seal.PublicOfAccount(anna.who.Private()), anna.vault, 1, anna.who.Account())
	must(t, err)
	sig, err := seal.SignGeneration(key, seal.GenerationStatement{Vault: anna.vault, N: 1, Public: public, Keyholders: []hearkeep.AccountID{anna.who.Account()}})
	must(t, err)
	h.sql(t, "hearkeep.db", `UPDATE generations SET hpke_public = ?, sign_public = ?, signature = ? WHERE vault = ?`, public.HPKE, public.Verify, sig, anna.vault[:])
	h.sql(t, "hearkeep.db", `UPDATE keyholders SET wrap = ? WHERE vault = ?`, wrap, anna.vault[:])
	if _, err := h.keep.Enter(t.Context(), anna.who, anna.vault); err == nil {
		t.Error("a vault with a stranger's key lets its owner in")
	}
	if n := h.kinds(t, anna.vault)[ledger.KindOpeningFailed]; n == 0 {
		t.Error("no entry says so")
	}
}

func TestEndedBindingIsClosed(t *testing.T) {
	h := newHome(t)
	anna := h.person(t, "Anna")
	must(t, anna.room.Unbind(t.Context(), anna.inbox.Binding()))
	_, err := h.keep.Device(t.Context(), anna.device)
	wantCode(t, "an ended door", err, hearkeep.NotFound)
	if h.kinds(t, anna.vault)[ledger.KindUnbound] != 1 {
		t.Error("no entry says that the door was unbound")
	}
	bert := h.person(t, "Bert")
	err = anna.room.Unbind(t.Context(), bert.inbox.Binding())
	wantCode(t, "unbind another's door", err, hearkeep.NotFound)
	if _, err := h.keep.Device(t.Context(), bert.device); err != nil {
		t.Errorf("another's door: %v", err)
	}
}

func (h *home) blobPath(t *testing.T, id hearkeep.RecordingID) string {
	t.Helper()
	var found string
	err := filepath.WalkDir(filepath.Join(h.dir, "audio"), func(path string, e os.DirEntry, err error) error {
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
