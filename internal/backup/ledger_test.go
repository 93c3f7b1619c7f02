package backup

import (
	"errors"
	"os"
	"path/filepath"
	"testing"
	"time"

	"github.com/hearkeep/hearkeep"
	"github.com/hearkeep/hearkeep/internal/ledger"
)

// write appends n entries to the ledger.
func (h *home) write(n int) {
	h.t.Helper()
	for range n {
		_, err := h.ledger.Write(h.t.Context(), ledger.Entry{Kind: ledger.KindOperator, Role: hearkeep.RoleOperator, Purpose: "looked"})
		must(h.t, err)
	}
}

// TestRestoredLedgerIsNoFork: a restored keep goes on under an origin of its
// own, from where the backup was, and what was handed out before stays true.
func TestRestoredLedgerIsNoFork(t *testing.T) {
	h := newHome(t)
	ctx := t.Context()
	h.keepN(2)
	h.write(5)
	made := h.make()
	h.write(4)
	old, err := h.ledger.Latest(ctx)
	must(t, err)
	must(t, h.desk.Tidy(ctx, time.Now())) // the newest checkpoint lies beside the backup

	dir, done, err := h.restore(made.Keys, nil)
	must(t, err)
	r := h.replayed(dir)
	must(t, r.ledger.Verify(ctx))
	head, err := r.ledger.Latest(ctx)
	must(t, err)
	keys := r.ledger.Keys()
	if head.Origin == old.Origin || len(keys) != 2 || keys[0] != h.ledger.Key() {
		t.Errorf("restored: origin %s after %s, %d keys; want another origin, and the old key before the new", head.Origin, old.Origin, len(keys))
	}
	if done.LostLedger < 4 {
		t.Errorf("lost entries told: got %d, want the 4 and the backup's own", done.LostLedger)
	}
	lines, err := r.ledger.Kept()
	must(t, err)
	if lost := r.ledger.Lost(lines); lost != done.LostLedger {
		t.Errorf("lost entries that stay known: got %d, want %d", lost, done.LostLedger)
	}
	if held, err := ledger.ParseCheckpoint(old.Signed, keys...); err != nil || held.Size != old.Size {
		t.Errorf("a checkpoint that somebody holds: %v", err)
	}
	must(t, r.desk.Compare(ctx)) // the place knows of more, and it is known that this was lost

	// The next backup is restored with the new key, and no more with the old.
	r.to, r.keysTo = filepath.Join(t.TempDir(), "a"), filepath.Join(t.TempDir(), "b")
	again := r.make()
	if _, _, err := r.restore(again.Keys, func(c *RestoreConfig) { c.Ledger = filepath.Join(h.dir, "ledger.key") }); hearkeep.CodeOf(err) != hearkeep.Conflict {
		t.Errorf("restore with the key of before: got %v, want Conflict", err)
	}
	dir, _, err = r.restore(again.Keys, nil)
	must(t, err)
	if twice := r.replayed(dir); len(twice.ledger.Keys()) != 3 {
		t.Errorf("keys after a restore of a restored keep: got %d, want 3", len(twice.ledger.Keys()))
	}
	// And the old backup with the old key, as often as one wants.
	_, _, err = h.restore(made.Keys, nil)
	must(t, err)
}

// TestKeyPutThereByHandIsNotLost: the old signing key restores older backups.
func TestKeyPutThereByHandIsNotLost(t *testing.T) {
	h := newHome(t)
	h.keepN(1)
	made := h.make()
	was, err := os.ReadFile(filepath.Join(h.dir, "ledger.key"))
	must(t, err)
	dir, _, err := h.restore(made.Keys, func(c *RestoreConfig) {
		must(t, os.MkdirAll(c.To, 0o700))
		must(t, os.WriteFile(filepath.Join(c.To, "ledger.key"), was, 0o600))
		c.Ledger = ""
	})
	must(t, err)
	if old, err := os.ReadFile(filepath.Join(dir, "ledger.key.old")); err != nil || string(old) != string(was) {
		t.Errorf("the key that was put there: %v, want it under another name", err)
	}
	if now, err := os.ReadFile(filepath.Join(dir, "ledger.key")); err != nil || string(now) == string(was) {
		t.Errorf("the signing key: %v, want a new one", err)
	}
}

// TestFolderThatWasPutBack: where everything in the folder is equally old, the
// checkpoint beside the backup is not.
func TestFolderThatWasPutBack(t *testing.T) {
	h := newHome(t)
	ctx := t.Context()
	h.keepN(1)
	h.make()
	h.write(3)
	must(t, h.ledger.Close(ctx))
	h.close()
	old := filepath.Join(t.TempDir(), "old")
	must(t, os.CopyFS(old, os.DirFS(h.dir)))

	h.open()
	h.write(3)
	must(t, h.desk.Tidy(ctx, time.Now()))
	must(t, h.desk.Compare(ctx))
	h.close()
	must(t, os.RemoveAll(h.dir))
	must(t, os.CopyFS(h.dir, os.DirFS(old)))
	must(t, os.Chmod(filepath.Join(h.dir, "ledger.key"), 0o600))
	h.open()
	if err := h.desk.Compare(ctx); !errors.Is(err, ledger.ErrRewound) {
		t.Errorf("compare: got %v, want ErrRewound", err)
	}
}
