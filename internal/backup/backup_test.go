package backup

import (
	"context"
	"errors"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	"github.com/hearkeep/hearkeep"
	"github.com/hearkeep/hearkeep/internal/store"
)

// wantOwn expects nobody else to be able to look into a folder.
func wantOwn(t *testing.T, folder string) {
	t.Helper()
	must(t, filepath.WalkDir(folder, func(path string, e fs.DirEntry, err error) error {
		if err != nil {
			return err
		}
		info, err := e.Info()
		if err == nil && info.Mode().Perm()&0o077 != 0 {
			t.Errorf("%s: got mode %v, want its owner's only", path, info.Mode())
		}
		return err
	}))
}

func isThere(path string) bool {
	_, err := os.Lstat(path)
	return err == nil
}

func TestMake(t *testing.T) {
	h := newHome(t)
	h.keepN(7)
	first := h.make()
	if !first.First || first.Recordings != 7 || first.Copied != first.Bytes || !strings.HasPrefix(first.Keys, h.keysTo) {
		t.Errorf("first: got %+v", first)
	}
	wantOwn(t, h.to)
	wantOwn(t, h.keysTo)
	for _, name := range []string{"house.key", "ledger.key", "keys.db"} {
		if isThere(filepath.Join(h.to, name)) || isThere(filepath.Join(h.keysTo, name)) {
			t.Errorf("%s is in the backup", name)
		}
	}
	gone := h.kept[3]
	_, err := h.erase(gone)
	must(t, err)
	h.keepN(1)
	second := h.make()
	if second.First || second.Recordings != 7 || second.Copied >= first.Copied {
		t.Errorf("second: got %+v, want 7 recordings and less copied", second)
	}
	if isThere(filepath.Join(h.to, "audio", gone.Blob[:2], gone.Blob)) {
		t.Error("erased audio is still in the backup")
	}
	rows, err := filepath.Glob(filepath.Join(h.to, "hearkeep-*.db*"))
	must(t, err)
	if len(rows) != 1 {
		t.Errorf("rows at the place: got %v, want one file", rows)
	}
	if n := h.wantWhole(); n != 7 {
		t.Errorf("the keep: got %d recordings, want 7", n)
	}
}

// TestKeysAreDestroyed makes copies of the keys go when they are old and a
// newer backup is verified, and not before both.
func TestKeysAreDestroyed(t *testing.T) {
	h := newHome(t)
	ctx := t.Context()
	h.keepN(1)
	first := h.make()
	later := time.Now().Add(8 * 24 * time.Hour)
	must(t, h.desk.Tidy(ctx, later))
	if !isThere(first.Keys) {
		t.Fatal("the only copy of the keys was destroyed")
	}
	e, err := h.erase(h.kept[0])
	must(t, err)
	gone := func() (time.Time, bool) { return store.KeysGone(h.rows(), e.Seq, e.At, time.Now()) }
	if at, known := gone(); known || !at.Equal(h.rows()[0].Until) {
		t.Errorf("before the next backup: got %v, %v; want not known, and not before %v", at, known, h.rows()[0].Until)
	}
	second := h.make()
	if at, known := gone(); !known || !at.Equal(h.rows()[0].Until) {
		t.Errorf("after it: got %v, %v; want %v", at, known, h.rows()[0].Until)
	}
	must(t, h.desk.Tidy(ctx, time.Now().Add(6*24*time.Hour)))
	if !isThere(first.Keys) {
		t.Error("the older copy was destroyed before its time")
	}
	must(t, h.desk.Tidy(ctx, later))
	if isThere(first.Keys) || !isThere(second.Keys) {
		t.Errorf("copies: got old %v, new %v; want the new one only", isThere(first.Keys), isThere(second.Keys))
	}
	if at, known := gone(); !known || at.Before(later.Add(-time.Second)) {
		t.Errorf("after its destruction: got %v, %v; want %v", at, known, later)
	}
	must(t, h.ledger.Verify(ctx))
}

// TestOverdueKeysAreNotPromised: a copy that should be gone and cannot be
// reached is not said to be gone.
func TestOverdueKeysAreNotPromised(t *testing.T) {
	h := newHome(t)
	h.keepN(1)
	h.desk.KeysFor = time.Millisecond
	first := h.make()
	e, err := h.erase(h.kept[0])
	must(t, err)
	h.desk.KeysFor = time.Hour
	away := h.keysTo + ".away"
	must(t, os.Rename(h.keysTo, away))
	h.keysTo += "2"
	if made := h.make(); len(made.Warnings) == 0 || !strings.Contains(strings.Join(made.Warnings, " "), "old copy of the keys") {
		t.Errorf("warnings: got %q, want one of the copy that is not there to be destroyed", made.Warnings)
	}
	if _, known := store.KeysGone(h.rows(), e.Seq, e.At, time.Now()); known {
		t.Error("a copy that cannot be reached is said to be gone")
	}
	must(t, os.Mkdir(filepath.Dir(first.Keys), 0o700)) // an empty mount point
	if err := h.desk.Tidy(t.Context(), time.Now()); err == nil {
		t.Error("an empty folder passed for the place of the keys")
	}
	must(t, os.Remove(filepath.Dir(first.Keys)))
	must(t, os.Rename(away, filepath.Dir(first.Keys)))
	must(t, h.desk.Tidy(t.Context(), time.Now()))
	if _, known := store.KeysGone(h.rows(), e.Seq, e.At, time.Now()); !known || isThere(first.Keys) {
		t.Error("the copy is not gone after its place was there again")
	}
}

func TestPlacesRefused(t *testing.T) {
	h := newHome(t)
	h.keepN(1)
	root := filepath.Dir(h.dir)
	link := filepath.Join(root, "link")
	must(t, os.MkdirAll(filepath.Join(root, "a"), 0o700))
	must(t, os.Symlink(filepath.Join(root, "a"), link))
	must(t, os.Symlink(filepath.Join(root, "nowhere"), filepath.Join(root, "dangling")))
	must(t, os.MkdirAll(filepath.Join(root, "full"), 0o700))
	must(t, os.WriteFile(filepath.Join(root, "full", "thesis.txt"), []byte("text"), 0o600))
	must(t, os.WriteFile(filepath.Join(root, "file"), nil, 0o600))
	other := newHome(t)
	other.keepN(1)
	other.make()
	at := func(name string) string { return filepath.Join(root, name) }
	for _, c := range []struct{ name, to, keysTo, want string }{
		{"in the keep", filepath.Join(h.dir, "backup"), at("k"), "cannot lie in the keep"},
		{"keys in the keep", at("b"), filepath.Join(h.dir, "k"), "cannot lie in the keep"},
		{"the keep itself", h.dir, at("k"), "cannot lie in the keep"},
		{"around the keep", root, at("k"), "cannot lie in the keep"},
		{"one folder", at("b"), at("b"), "cannot lie with what they open"},
		{"keys in the rows", at("b"), at("b/keys"), "cannot lie with what they open"},
		{"rows in the keys", at("b/rows"), at("b"), "cannot lie with what they open"},
		{"keys in the rows by a link", at("a"), filepath.Join(link, "keys"), "cannot lie with what they open"},
		{"a link to nowhere", at("dangling"), at("k"), "cannot be reached"},
		{"a file", at("file"), at("k"), "cannot be reached"},
		{"somebody's folder", at("full"), at("k"), "is not empty"},
		{"keys in somebody's folder", at("b2"), at("full"), "is not empty"},
		{"another keep's backup", other.to, at("k"), "another keep"},
		{"another keep's keys", at("b3"), other.keysTo, "another keep"},
		{"another keep", other.dir, at("k"), "is not empty"},
	} {
		t.Run(c.name, func(t *testing.T) {
			_, err := h.desk.Make(t.Context(), Places{To: c.to, KeysTo: c.keysTo}, quiet)
			if _, message, hint := hearkeep.Explain(err); !strings.Contains(message, c.want) || hint == "" {
				t.Errorf("got %q, hint %q; want %q and a hint", message, hint, c.want)
			}
		})
	}
	if got := len(h.rows()); got != 0 {
		t.Errorf("rows: got %d, want none of what was refused", got)
	}
	h.to = link
	if made := h.make(); made.Place != filepath.Join(root, "a") {
		t.Errorf("a link to a folder: got %s, want where it leads", made.Place)
	}
}

// TestNotMounted takes an empty folder, where a backup was, for a disk that is
// not there.
func TestNotMounted(t *testing.T) {
	h := newHome(t)
	h.keepN(1)
	h.make()
	for _, place := range []string{h.to, h.keysTo} {
		must(t, os.Rename(place, place+".away"))
		must(t, os.Mkdir(place, 0o700))
		_, err := h.desk.Make(t.Context(), Places{To: h.to, KeysTo: h.keysTo}, quiet)
		if _, message, _ := hearkeep.Explain(err); !strings.Contains(message, "held a backup") {
			t.Errorf("got %q, want that it held a backup", message)
		}
		if left, _ := os.ReadDir(place); len(left) > 0 {
			t.Errorf("%d files were put under the mount point", len(left))
		}
		must(t, os.Remove(place))
		must(t, os.Rename(place+".away", place))
	}
	h.make()
}

// TestUnderLoad makes backups while recordings are kept, erased and corrected,
// and restores each: every row of it has its keys and its audio, and nothing
// that was erased up to then is in it.
func TestUnderLoad(t *testing.T) {
	h := newHome(t)
	h.keepN(40)
	stop := make(chan struct{})
	var all sync.WaitGroup
	var mu sync.Mutex
	erased := map[hearkeep.RecordingID]bool{}
	again := func(do func() error) {
		all.Go(func() {
			for {
				select {
				case <-stop:
					return
				default:
				}
				if err := do(); err != nil {
					t.Error(err)
					return
				}
			}
		})
	}
	take := func() (store.Recording, bool) {
		h.mu.Lock()
		defer h.mu.Unlock()
		if len(h.kept) < 10 {
			return store.Recording{}, false
		}
		rec := h.kept[len(h.kept)/2]
		h.kept = append(h.kept[:len(h.kept)/2], h.kept[len(h.kept)/2+1:]...)
		return rec, true
	}
	for range 2 {
		again(func() error {
			h.mu.Lock()
			n := len(h.kept)
			h.mu.Unlock()
			if n > 60 { // else the machine only ever copies more
				time.Sleep(5 * time.Millisecond)
				return nil
			}
			_, err := h.keep()
			return err
		})
	}
	again(func() error {
		time.Sleep(2 * time.Millisecond)
		rec, ok := take()
		if !ok {
			return nil
		}
		_, err := h.erase(rec)
		mu.Lock()
		defer mu.Unlock()
		erased[rec.ID] = true
		return err
	})
	again(func() error {
		time.Sleep(40 * time.Millisecond)
		rec, ok := take() // so that nothing else touches it
		if !ok {
			return nil
		}
		err := h.correct(rec)
		h.mu.Lock()
		defer h.mu.Unlock()
		h.kept = append(h.kept, rec)
		return err
	})
	for range 4 {
		made := h.make()
		dir, _, err := h.restore(made.Keys, nil)
		must(t, err)
		mu.Lock()
		gone := len(erased)
		mu.Unlock()
		r := h.replayed(dir)
		if n := r.wantWhole(); n == 0 || gone == 0 {
			t.Errorf("got %d recordings, %d erased meanwhile: the test shows nothing", n, gone)
		}
		must(t, r.journal.Each(func(e store.Erasure) error {
			if e.Below > 0 {
				return nil
			}
			return r.st.View(t.Context(), func(tx *store.Tx) error {
				_, err := tx.Vaults.Recording(t.Context(), e.Vault, e.Recordings[0])
				if !errors.Is(err, store.ErrNotFound) {
					t.Errorf("what was erased is in service again: error %v", err)
				}
				return nil
			})
		}))
	}
	close(stop)
	all.Wait()
	h.wantWhole()
}

// TestCutOff leaves what a kill leaves at each step: the backup before counts
// and restores, and the next one removes what was left.
func TestCutOff(t *testing.T) {
	h := newHome(t)
	h.keepN(3)
	first := h.make()
	at := places{to: h.to, keysTo: h.keysTo}
	row, err := h.desk.begin(t.Context(), at)
	must(t, err)
	rows := filepath.Join(h.to, rowsName(row))
	must(t, h.st.CopyRows(t.Context(), rows+unfinished))
	must(t, h.st.CopyKeys(t.Context(), row.Keys+unfinished))
	for _, step := range []func() error{
		func() error { return nil },
		func() error { return os.Rename(row.Keys+unfinished, row.Keys) },
		func() error { return os.Rename(rows+unfinished, rows) },
	} {
		must(t, step())
		dir, _, err := h.restore(first.Keys, nil)
		must(t, err)
		if n := h.replayed(dir).wantWhole(); n != 3 {
			t.Errorf("the backup before: got %d recordings, want 3", n)
		}
	}
	h.close() // a kill: nothing was cleaned up
	h.open()
	h.make()
	if isThere(row.Keys) || isThere(row.Keys+unfinished) || isThere(rows) || isThere(rows+unfinished) {
		t.Error("what was cut off is still there after the next backup")
	}
	if !isThere(first.Keys) {
		t.Error("the older copy of the keys is gone before its time")
	}
}

// failingCopier fails at the keys, and so after the rows were copied.
type failingCopier struct {
	store.Copier
	err error
}

func (c failingCopier) CopyKeys(_ context.Context, path string) error {
	half := os.WriteFile(path, []byte("half"), 0o600)
	return errors.Join(c.err, half)
}

func TestFailed(t *testing.T) {
	h := newHome(t)
	h.keepN(2)
	first := h.make()
	h.desk.Copier = failingCopier{h.st, syscall.ENOSPC}
	_, err := h.desk.Make(t.Context(), Places{To: h.to, KeysTo: h.keysTo}, quiet)
	if _, message, hint := hearkeep.Explain(err); !strings.Contains(message, "no room") || !strings.Contains(hint, h.to) {
		t.Errorf("got %q, %q; want that there is no room, and where", message, hint)
	}
	for _, place := range []string{h.to, h.keysTo} {
		left, err := filepath.Glob(filepath.Join(place, "*"+unfinished))
		must(t, err)
		if len(left) > 0 {
			t.Errorf("left behind: %v", left)
		}
	}
	if rows := h.rows(); len(rows) != 2 || rows[1].Destroyed.IsZero() || !rows[1].Verified.IsZero() {
		t.Errorf("rows: got %+v, want the failed one without a copy", rows)
	}
	dir, _, err := h.restore(first.Keys, nil)
	must(t, err)
	h.replayed(dir).wantWhole()
}

// TestFull fills a real disk.
func TestFull(t *testing.T) {
	h := newHome(t)
	h.keepN(30)
	small := t.TempDir()
	if err := syscall.Mount("tmpfs", small, "tmpfs", 0, "size=100k"); err != nil {
		t.Logf("no disk of its own: %v; TestFailed has the same ending", err)
		return
	}
	defer syscall.Unmount(small, syscall.MNT_DETACH)
	_, err := h.desk.Make(t.Context(), Places{To: filepath.Join(small, "b"), KeysTo: h.keysTo}, quiet)
	if _, message, _ := hearkeep.Explain(err); !strings.Contains(message, "no room") {
		t.Errorf("got %q (%v), want that there is no room", message, err)
	}
	h.make()
}

// TestDamageCostsOne: what is damaged in the keep is damaged in its backup,
// and all else of it is backed up and restored.
func TestDamageCostsOne(t *testing.T) {
	h := newHome(t)
	h.keepN(4)
	path := filepath.Join(h.dir, "audio", h.kept[1].Blob[:2], h.kept[1].Blob)
	must(t, os.WriteFile(path, []byte("not what was stored"), 0o600))
	must(t, h.blobs.Delete(t.Context(), h.kept[2].Blob))
	made := h.make()
	if made.Recordings != 4 || !strings.Contains(strings.Join(made.Warnings, " "), "2 parts of recordings are damaged") {
		t.Errorf("got %+v, want 4 recordings and a word of the damaged ones", made)
	}
	_, done, err := h.restore(made.Keys, nil)
	must(t, err)
	if done.Recordings != 4 || done.Damaged != 2 {
		t.Errorf("restored: got %+v, want 4 recordings and 2 damages", done)
	}
	// What is damaged in the backup alone is copied anew.
	path = filepath.Join(h.to, "audio", h.kept[0].Blob[:2], h.kept[0].Blob)
	must(t, os.WriteFile(path, []byte("rotten"), 0o600))
	made = h.make()
	_, done, err = h.restore(made.Keys, nil)
	must(t, err)
	if done.Damaged != 2 {
		t.Errorf("damages after rot in the backup: got %d, want the 2 of the keep", done.Damaged)
	}
}

// TestJournalFollows notes each erasure at the place, and catches up after the
// place could not be reached.
func TestJournalFollows(t *testing.T) {
	h := newHome(t)
	h.keepN(4)
	h.make()
	same := func(want bool) {
		t.Helper()
		a, err := os.ReadFile(filepath.Join(h.dir, "erasures.journal"))
		must(t, err)
		b, _ := os.ReadFile(filepath.Join(h.to, fileJournal))
		if got := string(a) == string(b); got != want {
			t.Errorf("the copy is the journal: got %v, want %v", got, want)
		}
	}
	_, err := h.erase(h.kept[0])
	must(t, err)
	same(true)
	must(t, os.Rename(h.to, h.to+".away"))
	_, err = h.erase(h.kept[1]) // goes on all the same
	must(t, err)
	must(t, os.Rename(h.to+".away", h.to))
	same(false)
	_, err = h.erase(h.kept[2])
	must(t, err)
	same(true)
	h.close() // and after a restart, without another erasure
	must(t, os.Truncate(filepath.Join(h.to, fileJournal), 20))
	h.open()
	same(true)
	must(t, os.WriteFile(filepath.Join(h.to, fileJournal), []byte("of another keep\n"), 0o600))
	_, err = h.erase(h.kept[3])
	must(t, err)
	same(false)
	_, err = h.desk.Make(t.Context(), Places{To: h.to, KeysTo: h.keysTo}, quiet)
	if _, message, _ := hearkeep.Explain(err); !strings.Contains(message, "another keep") {
		t.Errorf("a journal that is another's: got %q", message)
	}
	if got, _ := os.ReadFile(filepath.Join(h.to, fileJournal)); string(got) != "of another keep\n" {
		t.Error("a journal that is another's was written to")
	}
}

func TestDestroyRefusesOtherFiles(t *testing.T) {
	dir := t.TempDir()
	for _, name := range []string{"house.key", "hearkeep.db", "keys.db"} {
		path := filepath.Join(dir, name)
		must(t, os.WriteFile(path, []byte("x"), 0o600))
		if err := destroy(path); err == nil {
			t.Errorf("%s was destroyed", name)
		}
	}
	target := filepath.Join(dir, "house.key")
	link := filepath.Join(dir, "hearkeep-keys-x.db")
	must(t, os.Symlink(target, link))
	if err := destroy(link); err == nil {
		t.Error("a link was followed")
	}
	if got, _ := os.ReadFile(target); string(got) != "x" {
		t.Error("what a link led to was overwritten")
	}
}

// TestOneHalfHasNothing: the place of the rows has no key, and the place of
// the keys nothing to open.
func TestOneHalfHasNothing(t *testing.T) {
	h := newHome(t)
	h.keepN(2)
	made := h.make()
	var wraps [][]byte
	for _, rec := range h.kept {
		for _, part := range hearkeep.Parts() {
			w, err := h.st.Keys().Part(t.Context(), rec.Vault, rec.ID, part, 1)
			must(t, err)
			wraps = append(wraps, w)
		}
	}
	all := ""
	must(t, filepath.WalkDir(h.to, func(path string, e fs.DirEntry, err error) error {
		if err == nil && e.Type().IsRegular() {
			var data []byte
			data, err = os.ReadFile(path)
			all += string(data)
		}
		return err
	}))
	keys, err := os.ReadFile(made.Keys)
	must(t, err)
	for _, w := range wraps {
		if strings.Contains(all, string(w)) {
			t.Fatal("a key lies with the rows")
		}
		if !strings.Contains(string(keys), string(w)) {
			t.Fatal("a key is not in the copy of the keys")
		}
	}
	b, err := h.blobs.Open(t.Context(), h.kept[0].Blob)
	must(t, err)
	defer b.Close()
	head := make([]byte, 64)
	_, err = b.ReadAt(head, 0)
	must(t, err)
	if strings.Contains(string(keys), string(head)) {
		t.Error("audio lies with the keys")
	}
}
