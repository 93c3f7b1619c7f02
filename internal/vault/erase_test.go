package vault_test

import (
	"bytes"
	"context"
	"errors"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/hearkeep/hearkeep"
	"github.com/hearkeep/hearkeep/internal/ledger"
	"github.com/hearkeep/hearkeep/internal/store"
	"github.com/hearkeep/hearkeep/internal/vault"
	"github.com/hearkeep/hearkeep/internal/vault/vaulttest"
)

// wrapOf reads a recording's wrapped audio key.
func wrapOf(t *testing.T, h *vaulttest.Home, p vaulttest.Person, id hearkeep.RecordingID) []byte {
	t.Helper()
	wrap, err := h.Store.Keys().Part(t.Context(), p.Vault, id, hearkeep.PartAudio, 1)
	must(t, err)
	return wrap
}

// Forgetting is real: the key has left keys.db and its log when Erase returns.
func TestErasedKeysLeaveTheDisk(t *testing.T) {
	h := vaulttest.New(t)
	anna := h.Person(t, "Anna")
	gone, stays := say(t, anna, "forget me"), say(t, anna, "remember me")
	wrap, other := wrapOf(t, h, anna, gone), wrapOf(t, h, anna, stays)
	if len(onDisk(t, h, wrap[33:65])) == 0 {
		t.Fatal("the wrap is not on the disk before: the test searches for the wrong bytes")
	}
	_, err := h.Enter(t, anna).Erase(t.Context(), gone)
	must(t, err)
	if found := onDisk(t, h, wrap[33:65]); len(found) > 0 {
		t.Errorf("the erased key stands in %v", found)
	}
	if len(onDisk(t, h, other[33:65])) == 0 {
		t.Error("another recording's key is gone too")
	}
	if got := readAll(t, h.Enter(t, anna), stays); !bytes.Equal(got, audio) {
		t.Error("another recording does not open any more")
	}
	if _, err := h.Blobs.Open(t.Context(), gone.String()); err == nil {
		t.Error("the erased audio is still a file")
	}
}

func TestEraseAll(t *testing.T) {
	h := vaulttest.New(t)
	anna, bert := h.Person(t, "Anna"), h.Person(t, "Bert")
	for range 5 {
		say(t, anna, "everything")
	}
	berts := say(t, bert, "not mine to erase")
	receipt, err := h.Enter(t, anna).EraseAll(t.Context())
	must(t, err)
	later, err := h.Enter(t, anna).Receipt(t.Context(), receipt.ID)
	must(t, err)
	if receipt.Count != 5 || later != receipt {
		t.Errorf("receipt counts %d, and %d later, want 5", receipt.Count, later.Count)
	}
	items, _, _, err := h.Enter(t, anna).List(t.Context(), vault.Cursor{}, 10)
	must(t, err)
	if len(items) != 0 {
		t.Errorf("%d recordings are left", len(items))
	}
	_, err = h.Enter(t, anna).EraseAll(t.Context())
	wantCode(t, "erase an empty keep", err, hearkeep.NotFound)
	if got := readAll(t, h.Enter(t, bert), berts); !bytes.Equal(got, audio) {
		t.Error("another's recording is gone")
	}
	gaps, err := vault.Gaps(t.Context(), h.Store, anna.Vault)
	must(t, err)
	if len(gaps) != 0 {
		t.Errorf("numbers without account: %v", gaps)
	}
}

func TestEraseIsAllOrNothing(t *testing.T) {
	h := vaulttest.New(t)
	anna, bert := h.Person(t, "Anna"), h.Person(t, "Bert")
	mine, theirs := say(t, anna, "mine"), say(t, bert, "theirs")
	_, err := h.Enter(t, anna).Erase(t.Context(), mine, theirs)
	wantCode(t, "erase mine and another's", err, hearkeep.NotFound)
	if got := readAll(t, h.Enter(t, anna), mine); !bytes.Equal(got, audio) {
		t.Error("a refused erasure erased half")
	}
}

// A crash after the journal and before the rows: the start finishes it.
func TestCrashDuringErase(t *testing.T) {
	h := vaulttest.New(t)
	anna := h.Person(t, "Anna")
	id := say(t, anna, "meant to be forgotten")
	wrap := wrapOf(t, h, anna, id)
	journal, err := store.OpenJournal(filepath.Join(h.Dir, "erasures.journal"))
	must(t, err)
	e := store.Erasure{Receipt: hearkeep.NewID[hearkeep.ReceiptID](), Vault: anna.Vault, Recordings: []hearkeep.RecordingID{id}, Total: 1, Outcome: hearkeep.OutcomeErased, At: time.Now()}
	must(t, journal.Append(t.Context(), e))
	must(t, journal.Close())

	for range 2 { // and a second start changes nothing
		h.Reopen(t)
		_, err = h.Enter(t, anna).Read(t.Context(), id)
		wantCode(t, "read", err, hearkeep.NotFound)
		receipt, err := h.Enter(t, anna).Receipt(t.Context(), e.Receipt)
		must(t, err)
		if receipt.Count != 1 {
			t.Errorf("receipt counts %d, want 1", receipt.Count)
		}
	}
	if found := onDisk(t, h, wrap[33:65]); len(found) > 0 {
		t.Errorf("the key stands in %v", found)
	}
	if n := kinds(t, h, anna.Vault)[ledger.KindErased]; n != 1 {
		t.Errorf("entries of the erasure: got %d, want 1", n)
	}
}

// The disk is full: keeping fails loudly, erasing works on the reserve.
func TestEraseOnAFullDisk(t *testing.T) {
	h := vaulttest.New(t)
	anna := h.Person(t, "Anna")
	id := say(t, anna, "too much")
	full := &fullUntilReleased{FaultyStore: h.Store, reserve: filepath.Join(h.Dir, "reserve")}
	journal, err := store.OpenJournal(filepath.Join(h.Dir, "erasures.journal"))
	must(t, err)
	defer journal.Close()
	reserve, err := store.OpenReserve(full.reserve, 1<<20)
	must(t, err)
	defer reserve.Close()
	keep, err := vault.Open(t.Context(), vault.Config{Store: full, Blobs: h.Blobs, Ledger: h.Ledger, House: h.House, Journal: journal, Reserve: reserve})
	must(t, err)
	full.on = true
	err = mustInbox(t, keep, anna).Keep(t.Context(), taken("no room"))
	wantCode(t, "keep on a full disk", err, hearkeep.Unavailable)
	if got := keep.Status().Failing; !strings.Contains(got, "disk is full") {
		t.Errorf("status: got %q", got)
	}
	room, err := keep.Enter(t.Context(), anna.Who, anna.Vault)
	must(t, err)
	if _, err := room.Erase(t.Context(), id); err != nil {
		t.Errorf("erase on a full disk: %v", err)
	}
}

func mustInbox(t *testing.T, keep *vault.Keep, p vaulttest.Person) *vault.Inbox {
	t.Helper()
	in, err := keep.Device(t.Context(), p.Device)
	must(t, err)
	return in
}

// fullUntilReleased has no room until the reserve's is given up.
type fullUntilReleased struct {
	*vaulttest.FaultyStore
	reserve string
	on      bool
}

func (s *fullUntilReleased) Update(ctx context.Context, fn func(*store.Tx) error) error {
	if s.on && size(s.reserve) > 0 {
		return store.ErrFull
	}
	return s.FaultyStore.Update(ctx, fn)
}

func size(path string) int64 {
	info, err := os.Stat(path)
	if err != nil {
		return 0
	}
	return info.Size()
}

func TestExpiryIsPerPart(t *testing.T) {
	h := vaulttest.New(t)
	anna := h.Person(t, "Anna")
	ctx := t.Context()
	day := 24 * time.Hour
	must(t, h.Store.Update(ctx, func(tx *store.Tx) error {
		return tx.Vaults.SetRetention(ctx, anna.Vault, store.Retention{Audio: 7 * day, Words: 30 * day, Turn: 30 * day})
	}))
	id := say(t, anna, "a short memory")
	for _, tc := range []struct {
		after          time.Duration
		audio, present bool
	}{
		{6 * day, true, true}, {8 * day, false, true}, {31 * day, false, false},
	} {
		_, err := h.Keep.Expire(ctx, time.Now().Add(tc.after))
		must(t, err)
		it, err := h.Enter(t, anna).Read(ctx, id)
		if !tc.present {
			wantCode(t, "read after its time", err, hearkeep.NotFound)
			continue
		}
		must(t, err)
		if it.HasAudio != tc.audio || it.Words.Reveal() != "a short memory" || it.Damaged {
			t.Errorf("after %s: got audio %v, damaged %v", tc.after, it.HasAudio, it.Damaged)
		}
		_, err = h.Enter(t, anna).Listen(ctx, id)
		if tc.audio != (err == nil) {
			t.Errorf("after %s: listen got %v", tc.after, err)
		}
	}
	if _, err := h.Blobs.Open(ctx, id.String()); err == nil {
		t.Error("expired audio is still a file")
	}
	gaps, err := vault.Gaps(ctx, h.Store, anna.Vault)
	must(t, err)
	if len(gaps) != 0 || kinds(t, h, anna.Vault)[ledger.KindExpired] == 0 {
		t.Errorf("got gaps %v, and %d entries of expiry", gaps, kinds(t, h, anna.Vault)[ledger.KindExpired])
	}
}

func TestForgetLastByVoice(t *testing.T) {
	h := vaulttest.New(t)
	anna := h.Person(t, "Anna")
	ctx := t.Context()
	_, err := h.Keep.Eraser(anna.Vault).Last(ctx, anna.Inbox.Binding())
	wantCode(t, "nothing said yet", err, hearkeep.NotFound)
	first := say(t, anna, "one")
	second := say(t, anna, "two")
	_, err = h.Keep.Eraser(anna.Vault).Last(ctx, anna.Inbox.Binding())
	must(t, err)
	_, err = h.Enter(t, anna).Read(ctx, second)
	wantCode(t, "the last one", err, hearkeep.NotFound)
	if _, err := h.Enter(t, anna).Read(ctx, first); err != nil {
		t.Errorf("the one before: %v", err)
	}
	bert := h.Person(t, "Bert")
	say(t, bert, "berts")
	_, err = h.Keep.Eraser(anna.Vault).Last(ctx, bert.Inbox.Binding())
	wantCode(t, "another vault's binding", err, hearkeep.NotFound)
}

func TestCheckNamesWhatIsDamaged(t *testing.T) {
	for _, tc := range []struct {
		name   string
		damage func(t *testing.T, h *vaulttest.Home, p vaulttest.Person, id hearkeep.RecordingID)
		want   string
	}{
		{"nothing", func(*testing.T, *vaulttest.Home, vaulttest.Person, hearkeep.RecordingID) {}, ""},
		{"a flipped bit of audio", func(t *testing.T, h *vaulttest.Home, p vaulttest.Person, id hearkeep.RecordingID) {
			path := blobPath(t, h, id)
			data, err := os.ReadFile(path)
			must(t, err)
			data[70_000] ^= 1
			must(t, os.WriteFile(path, data, 0o600))
		}, "audio file is not what was stored"},
		{"no audio file", func(t *testing.T, h *vaulttest.Home, p vaulttest.Person, id hearkeep.RecordingID) {
			must(t, os.Remove(blobPath(t, h, id)))
		}, "audio file is missing"},
		{"altered words", func(t *testing.T, h *vaulttest.Home, p vaulttest.Person, id hearkeep.RecordingID) {
			rewrite(t, h, "hearkeep.db", `UPDATE parts SET bytes = zeroblob(200) WHERE recording = ? AND part = 'words'`, id[:])
		}, "words: its ciphertext"},
		{"no key", func(t *testing.T, h *vaulttest.Home, p vaulttest.Person, id hearkeep.RecordingID) {
			must(t, h.Store.Keys().Destroy(context.Background(), p.Vault, []hearkeep.RecordingID{id}, []hearkeep.Part{hearkeep.PartTurn}))
		}, "turn: its key is missing"},
		{"a vanished row", func(t *testing.T, h *vaulttest.Home, p vaulttest.Person, id hearkeep.RecordingID) {
			must(t, h.Store.Update(context.Background(), func(tx *store.Tx) error { return tx.Vaults.DeleteRecording(context.Background(), p.Vault, id) }))
		}, "are not accounted for"},
		{"a redirected door", func(t *testing.T, h *vaulttest.Home, p vaulttest.Person, id hearkeep.RecordingID) {
			b := p.Inbox.Binding()
			rewrite(t, h, "hearkeep.db", `UPDATE bindings SET rule = 'words' WHERE id = ?`, b[:])
		}, "is not what was signed"},
	} {
		t.Run(tc.name, func(t *testing.T) {
			h := vaulttest.New(t)
			anna := h.Person(t, "Anna")
			id := say(t, anna, "check me")
			say(t, anna, "and me")
			tc.damage(t, h, anna, id)
			var found []string
			sum, err := vault.Check(t.Context(), h.Store, h.Blobs, h.House, func(d vault.Damage) { found = append(found, d.String()) })
			must(t, err)
			if tc.want == "" {
				if len(found) > 0 || sum.Recordings != 2 || sum.Parts != 8 {
					t.Errorf("got %v, %+v, want no damage, 2 recordings, 8 parts", found, sum)
				}
				return
			}
			if len(found) != 1 || !strings.Contains(found[0], tc.want) {
				t.Errorf("got %v, want one that says %q", found, tc.want)
			}
		})
	}
}

// Errors of a keep never hold what was said.
func TestErrorsHoldNoWords(t *testing.T) {
	h := vaulttest.New(t)
	anna := h.Person(t, "Anna")
	h.Blobs.Fail = errors.New("broken")
	err := anna.Inbox.Keep(t.Context(), taken("chartreuse elephants"))
	if err == nil || strings.Contains(err.Error(), "chartreuse") {
		t.Errorf("got %v", err)
	}
}
