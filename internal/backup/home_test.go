package backup

import (
	"bytes"
	"context"
	"crypto/rand"
	"crypto/sha256"
	"errors"
	"os"
	"path/filepath"
	"sync"
	"testing"
	"time"

	"github.com/hearkeep/hearkeep"
	"github.com/hearkeep/hearkeep/internal/blob"
	"github.com/hearkeep/hearkeep/internal/blob/files"
	"github.com/hearkeep/hearkeep/internal/ledger"
	"github.com/hearkeep/hearkeep/internal/store"
	"github.com/hearkeep/hearkeep/internal/store/sqlite"
	"github.com/hearkeep/hearkeep/internal/store/storetest"
)

var noon = time.Date(2026, time.March, 29, 12, 0, 0, 0, time.UTC)

// home is a keep of made-up recordings, kept and erased in the orders that
// room vault keeps and erases in.
type home struct {
	t       testing.TB
	dir     string
	st      *sqlite.Store
	blobs   *files.Files
	journal *store.Journal
	ledger  *ledger.Ledger
	vault   storetest.Vault
	desk    *Desk
	to      string
	keysTo  string

	mu   sync.Mutex
	kept []store.Recording
}

func newHome(t testing.TB) *home {
	t.Helper()
	root := t.TempDir()
	h := &home{t: t, dir: filepath.Join(root, "keep"), to: filepath.Join(root, "disk", "hearkeep"), keysTo: filepath.Join(root, "stick", "keys")}
	h.open()
	h.vault = storetest.NewVault(t, h.st)
	must(t, os.WriteFile(filepath.Join(h.dir, "settings"), []byte("origin: http://localhost\n"), 0o600))
	must(t, os.WriteFile(filepath.Join(h.dir, "house.key"), []byte("house"), 0o600))
	t.Cleanup(h.close)
	return h
}

func (h *home) open() {
	h.t.Helper()
	var err error
	h.st, err = sqlite.Open(h.t.Context(), h.dir)
	must(h.t, err)
	h.blobs, err = files.Open(filepath.Join(h.dir, "audio"))
	must(h.t, err)
	h.journal, err = store.OpenJournal(filepath.Join(h.dir, "erasures.journal"))
	must(h.t, err)
	h.ledger, err = ledger.Open(h.t.Context(), h.st, filepath.Join(h.dir, "ledger.key"))
	must(h.t, err)
	h.desk = New(Config{
		Keep: h.dir, LedgerKey: filepath.Join(h.dir, "ledger.key"), Extra: []string{"settings"},
		Store: h.st, Copier: h.st, Blobs: h.blobs, Journal: h.journal, Ledger: h.ledger,
		OpenCopy: func(ctx context.Context, rows, keys string) (store.Store, error) {
			return sqlite.OpenCopy(ctx, rows, keys)
		},
		OpenBlobs: openBlobs,
	})
	must(h.t, h.desk.Follow(h.t.Context()))
}

func (h *home) close() { h.st.Close(); h.journal.Close() }

func openBlobs(folder string) (blob.Store, error) { return files.Open(folder) }

func must(t testing.TB, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}

func quiet(string) {}

func (h *home) make() Made {
	h.t.Helper()
	made, err := h.desk.Make(h.t.Context(), Places{To: h.to, KeysTo: h.keysTo}, quiet)
	must(h.t, err)
	return made
}

// keep keeps a recording as an Inbox does: number, envelope, blob, keys, row.
func (h *home) keep() (store.Recording, error) {
	ctx := h.t.Context()
	var n hearkeep.Number
	err := h.st.Update(ctx, func(tx *store.Tx) (err error) {
		n, err = tx.Vaults.HandOut(ctx, h.vault.ID, h.vault.Binding)
		return err
	})
	if err != nil {
		return store.Recording{}, err
	}
	rec, parts := storetest.NewRecording(h.vault, n, noon)
	audio := make([]byte, 3000)
	rand.Read(audio)
	var keys []store.PartKey
	for i := range parts {
		if parts[i].Part == hearkeep.PartAudio {
			parts[i].Size, parts[i].Hash = int64(len(audio)), sha256.Sum256(audio)
		}
		keys = append(keys, store.PartKey{Recording: rec.ID, Part: parts[i].Part, Version: 1, Wrap: wrap()})
	}
	for _, step := range []func() error{
		func() error { return h.st.Keys().PutEnvelope(ctx, rec.Vault, rec.Envelope, wrap()) },
		func() error { return h.blobs.Put(ctx, rec.Blob, bytes.NewReader(audio)) },
		func() error { return h.st.Keys().Put(ctx, rec.Vault, keys) },
		func() error {
			return h.st.Update(ctx, func(tx *store.Tx) error { return tx.Vaults.InsertRecording(ctx, rec, parts) })
		},
	} {
		if err := step(); err != nil {
			return rec, err
		}
	}
	h.mu.Lock()
	defer h.mu.Unlock()
	h.kept = append(h.kept, rec)
	return rec, nil
}

func wrap() []byte {
	b := make([]byte, 60)
	rand.Read(b)
	return b
}

// erase erases as room vault does: journal, keys, rows, blob.
func (h *home) erase(rec store.Recording) (store.Erasure, error) {
	ctx := h.t.Context()
	e := store.Erasure{Receipt: hearkeep.NewID[hearkeep.ReceiptID](), Vault: rec.Vault, Recordings: []hearkeep.RecordingID{rec.ID},
		Outcome: hearkeep.OutcomeErased, Total: 1, At: time.Now().UTC().Truncate(time.Millisecond)}
	if err := h.journal.Append(ctx, e); err != nil {
		return e, err
	}
	return h.finish(e, rec)
}

func (h *home) finish(e store.Erasure, rec store.Recording) (store.Erasure, error) {
	ctx := h.t.Context()
	if err := h.st.Keys().Destroy(ctx, e.Vault, e.Recordings, nil); err != nil {
		return e, err
	}
	err := h.st.Update(ctx, func(tx *store.Tx) (err error) {
		if err := tx.Vaults.DeleteRecording(ctx, e.Vault, rec.ID); err != nil && !errors.Is(err, store.ErrNotFound) {
			return err
		}
		e.Seq, err = tx.Vaults.InsertErasure(ctx, e)
		return err
	})
	if err != nil {
		return e, err
	}
	return e, h.blobs.Delete(ctx, rec.Blob)
}

// correct corrects as room vault does: a new key, the row, the old key.
func (h *home) correct(rec store.Recording) error {
	ctx := h.t.Context()
	var was store.Part
	err := h.st.View(ctx, func(tx *store.Tx) error {
		of, err := tx.Vaults.PartsOf(ctx, rec.Vault, []hearkeep.RecordingID{rec.ID}, hearkeep.PartWords)
		was = of[rec.ID]
		return err
	})
	if err != nil || was.Version == 0 {
		return err
	}
	is := was
	is.Version++
	is.Bytes = wrap()
	is.Size, is.Hash = int64(len(is.Bytes)), sha256.Sum256(is.Bytes)
	if err := h.st.Keys().Put(ctx, rec.Vault, []store.PartKey{{Recording: rec.ID, Part: is.Part, Version: is.Version, Wrap: wrap()}}); err != nil {
		return err
	}
	err = h.st.Update(ctx, func(tx *store.Tx) error {
		if err := tx.Vaults.DeletePart(ctx, rec.Vault, rec.ID, is.Part); err != nil {
			return err
		}
		return tx.Vaults.InsertPart(ctx, rec.Vault, is)
	})
	if err != nil {
		return err
	}
	e := store.Erasure{Receipt: hearkeep.NewID[hearkeep.ReceiptID](), Vault: rec.Vault, Recordings: []hearkeep.RecordingID{rec.ID},
		Parts: []hearkeep.Part{is.Part}, Below: is.Version, Outcome: hearkeep.OutcomeErased, Total: 1, At: time.Now()}
	if err := h.journal.Append(ctx, e); err != nil {
		return err
	}
	return h.st.Keys().DestroyBelow(ctx, rec.Vault, []hearkeep.RecordingID{rec.ID}, is.Part, is.Version)
}

func (h *home) keepN(n int) {
	h.t.Helper()
	for range n {
		_, err := h.keep()
		must(h.t, err)
	}
}

// restore restores the newest backup with a copy of the keys.
func (h *home) restore(keys string, change func(*RestoreConfig)) (string, Restored, error) {
	h.t.Helper()
	c := RestoreConfig{
		From: h.to, Keys: keys, To: filepath.Join(h.t.TempDir(), "new"),
		House: filepath.Join(h.dir, "house.key"), Ledger: filepath.Join(h.dir, "ledger.key"),
		Files:    Files{Rows: "hearkeep.db", Keys: "keys.db", House: "house.key", Ledger: "ledger.key", Journal: "erasures.journal", Blobs: "audio"},
		Open:     func(ctx context.Context, folder string) (store.Store, error) { return sqlite.Open(ctx, folder) },
		ReadOnly: func(folder string) (blob.Store, error) { return files.OpenReadOnly(folder) },
		Blobs:    openBlobs,
		Fits:     func(context.Context, store.Store, string) error { return nil },
	}
	if change != nil {
		change(&c)
	}
	done, err := Restore(h.t.Context(), c, quiet)
	return c.To, done, err
}

// replayed opens a restored keep and erases again what its journal says, as
// room vault does at start.
func (h *home) replayed(dir string) *home {
	h.t.Helper()
	r := &home{t: h.t, dir: dir, vault: h.vault}
	r.open()
	h.t.Cleanup(r.close)
	must(h.t, r.journal.Each(func(e store.Erasure) error {
		if e.Below > 0 {
			return r.drop(e)
		}
		for _, id := range e.Recordings {
			rec := store.Recording{Vault: e.Vault, ID: id, Blob: id.String()}
			if err := r.st.View(h.t.Context(), func(tx *store.Tx) error {
				_, err := tx.Vaults.Erasure(h.t.Context(), e.Vault, e.Receipt)
				return err
			}); err == nil {
				continue
			}
			if _, err := r.finish(e, rec); err != nil {
				return err
			}
		}
		return nil
	}))
	return r
}

// drop takes the words away that were corrected after the backup.
func (h *home) drop(e store.Erasure) error {
	ctx := h.t.Context()
	if err := h.st.Keys().DestroyBelow(ctx, e.Vault, e.Recordings, e.Parts[0], e.Below); err != nil {
		return err
	}
	return h.st.Update(ctx, func(tx *store.Tx) error {
		of, err := tx.Vaults.PartsOf(ctx, e.Vault, e.Recordings, e.Parts[0])
		if p, has := of[e.Recordings[0]]; err == nil && has && p.Version < e.Below {
			err = tx.Vaults.DeletePart(ctx, e.Vault, p.Recording, p.Part)
		}
		return err
	})
}

// wantWhole expects every row to have its keys, its bytes and its audio, and
// returns how many there are.
func (h *home) wantWhole() int {
	h.t.Helper()
	must(h.t, h.st.Check(h.t.Context()))
	nowhere, err := files.Open(h.t.TempDir())
	must(h.t, err)
	w := walk{st: h.st, from: nowhere, to: h.blobs, lacks: func(_ context.Context, rec store.Recording, part hearkeep.Part, what string) error {
		return doesNotAddUp(rec, part, what)
	}, erased: func(func(store.Erasure) error) error { return nil }}
	sum, err := w.all(h.t.Context())
	must(h.t, err)
	return sum.recordings
}

func (h *home) rows() []store.Backup {
	h.t.Helper()
	rows, err := h.desk.list(h.t.Context())
	must(h.t, err)
	return rows
}
