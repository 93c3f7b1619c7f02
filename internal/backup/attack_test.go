package backup

import (
	"database/sql"
	"errors"
	"os"
	"path/filepath"
	"testing"

	"github.com/hearkeep/hearkeep"
)

// TestKeysThatForgetNothing puts a copy of the keys beside the true one whose
// database keeps what it is told to destroy, under a newer name.
func TestKeysThatForgetNothing(t *testing.T) {
	h := newHome(t)
	h.keepN(2)
	made := h.make()
	for _, trap := range []struct{ name, sql string }{
		{"a trigger on keys", "CREATE TRIGGER kept BEFORE DELETE ON part_keys BEGIN SELECT RAISE(IGNORE); END"},
		{"a table of its own", "CREATE TABLE copies (wrap BLOB)"},
		{"a trigger on slots", "CREATE TRIGGER kept BEFORE UPDATE ON slots BEGIN SELECT RAISE(IGNORE); END"},
		{"another table", "CREATE TABLE s (slot INTEGER PRIMARY KEY, wrap BLOB NOT NULL UNIQUE ON CONFLICT IGNORE); INSERT INTO s SELECT * FROM slots; DROP TABLE slots; ALTER TABLE s RENAME TO slots"},
	} {
		t.Run(trap.name, func(t *testing.T) {
			data, err := os.ReadFile(made.Keys)
			must(t, err)
			theirs := filepath.Join(t.TempDir(), "hearkeep-keys-99991231T000000.000Z-00000000.db")
			must(t, os.WriteFile(theirs, data, 0o600))
			db, err := sql.Open("sqlite", theirs)
			must(t, err)
			_, err = db.ExecContext(t.Context(), trap.sql)
			must(t, errors.Join(err, db.Close()))

			to, _, err := h.restore(theirs, nil)
			if err == nil {
				r := &home{t: t, dir: to, vault: h.vault}
				r.open()
				defer r.close()
				rec := h.kept[0]
				err := r.st.Keys().Destroy(t.Context(), rec.Vault, []hearkeep.RecordingID{rec.ID}, nil)
				keys, err1 := r.st.Keys().PartsOf(t.Context(), rec.Vault, []hearkeep.RecordingID{rec.ID}, hearkeep.PartAudio)
				t.Fatalf("it was restored; destroying: %v; keys left: %d, %v", err, len(keys), err1)
			}
			if got := hearkeep.CodeOf(err); got != hearkeep.Conflict {
				t.Errorf("got %v, want a conflict that says that it was altered", err)
			}
		})
	}
}

// TestFolderTakesTheSignedKeys: a copy under a newer name, which anybody who
// can write there can put there, is not taken in the place of the signed one.
func TestFolderTakesTheSignedKeys(t *testing.T) {
	h := newHome(t)
	h.keepN(2)
	h.make()
	must(t, os.WriteFile(filepath.Join(h.keysTo, "hearkeep-keys-99991231T000000.000Z-00000000.db"), []byte("no database"), 0o600))
	dir, _, err := h.restore(h.keysTo, nil)
	must(t, err)
	if got := h.replayed(dir).wantWhole(); got != 2 {
		t.Errorf("got %d recordings, want 2", got)
	}
}

// TestOthersFoldersAreLeft refuses folders that are not for a backup, and leaves
// them as they were: who runs this may be root.
func TestOthersFoldersAreLeft(t *testing.T) {
	h := newHome(t)
	h.keepN(1)
	h.make()
	shared := filepath.Join(t.TempDir(), "shared")
	must(t, os.Mkdir(shared, 0o755))
	must(t, os.WriteFile(filepath.Join(shared, "thesis.txt"), nil, 0o644))
	for _, try := range []struct {
		name string
		err  func() error
	}{
		{"rows", func() error {
			_, err := h.desk.Make(t.Context(), Places{To: shared, KeysTo: h.keysTo}, quiet)
			return err
		}},
		{"keys", func() error {
			_, err := h.desk.Make(t.Context(), Places{To: h.to, KeysTo: shared}, quiet)
			return err
		}},
		{"restore", func() error {
			_, _, err := h.restore(h.keysTo, func(c *RestoreConfig) { c.To = shared })
			return err
		}},
	} {
		if got := hearkeep.CodeOf(try.err()); got != hearkeep.Conflict {
			t.Errorf("%s: got %s, want a refusal", try.name, got)
		}
		info, err := os.Stat(shared)
		must(t, err)
		if got := info.Mode().Perm(); got != 0o755 {
			t.Fatalf("%s: the folder has the mode %o now, and had 755", try.name, got)
		}
	}
	if os.Geteuid() != 0 {
		return // only root can give folders away
	}
	theirs := filepath.Join(t.TempDir(), "theirs")
	must(t, errors.Join(os.Mkdir(theirs, 0o700), os.Chown(theirs, 65534, 65534)))
	if _, err := h.desk.Make(t.Context(), Places{To: theirs, KeysTo: h.keysTo}, quiet); hearkeep.CodeOf(err) != hearkeep.Forbidden {
		t.Errorf("another user's folder: got %v, want forbidden", err)
	}
}

// TestPlaceIsNoPattern: a folder that is called as a pattern is, and the ones
// that the pattern fits.
func TestPlaceIsNoPattern(t *testing.T) {
	h := newHome(t)
	h.keepN(1)
	root := t.TempDir()
	other := filepath.Join(root, "disk1")
	must(t, os.Mkdir(other, 0o700))
	theirs := filepath.Join(other, "hearkeep-of-somebody-else.db")
	must(t, os.WriteFile(theirs, []byte("rows"), 0o600))
	h.to, h.keysTo = filepath.Join(root, "disk*"), filepath.Join(root, "[keys]")
	h.make()
	h.make()
	if _, err := os.Stat(theirs); err != nil {
		t.Errorf("what lies elsewhere was removed: %v", err)
	}
	rows, err := named(h.to, "hearkeep-", ".db")
	must(t, err)
	if len(rows) != 1 {
		t.Errorf("got %v, want the rows of the newest backup alone", rows)
	}
	_, _, err = h.restore(h.keysTo, nil)
	must(t, err)
}
