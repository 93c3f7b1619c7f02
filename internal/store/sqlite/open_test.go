package sqlite

import (
	"bytes"
	"errors"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"testing"

	"github.com/hearkeep/hearkeep"
	"github.com/hearkeep/hearkeep/internal/store"
	"github.com/hearkeep/hearkeep/internal/store/storetest"
)

func TestPermissions(t *testing.T) {
	dir := filepath.Join(t.TempDir(), "keep")
	if err := os.Mkdir(dir, 0o755); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(filepath.Join(dir, keysFile), nil, 0o644); err != nil {
		t.Fatal(err)
	}
	st := openStore(t, dir)
	storetest.NewVault(t, st)
	n := 0
	err := filepath.WalkDir(dir, func(path string, e fs.DirEntry, err error) error {
		if err != nil {
			return err
		}
		n++
		info, err := e.Info()
		if err == nil && info.Mode().Perm()&0o077 != 0 {
			t.Errorf("%s: got mode %v, want none for others", e.Name(), info.Mode())
		}
		return err
	})
	if err != nil || n < 5 {
		t.Errorf("walk: got %d files, error %v; want the folder, two databases and their logs", n, err)
	}
}

// wantRefused expects a sentence and a hint, and the files as they were.
func wantRefused(t *testing.T, dir string, file string, err error, sentence string) {
	t.Helper()
	code, message, hint := hearkeep.Explain(err)
	if code != hearkeep.Unavailable || !strings.Contains(message, file) || !strings.Contains(message, sentence) || hint == "" {
		t.Errorf("got code %q, %q, hint %q; want %s %s, and a hint", code, message, hint, file, sentence)
	}
	if strings.Contains(message+hint, dir) {
		t.Errorf("the sentence names a path: %q", message)
	}
}

func TestNewerSchema(t *testing.T) {
	t.Parallel()
	for _, file := range []string{rowsFile, keysFile} {
		dir := t.TempDir()
		st := openStore(t, dir)
		d := map[string]*database{rowsFile: st.rows, keysFile: st.keys.db}[file]
		err := d.update(t.Context(), func(x *tx) error {
			return x.put(t.Context(), "INSERT INTO goose_db_version (version_id, is_applied) VALUES (999, 1)")
		})
		if err := errors.Join(err, st.Close()); err != nil {
			t.Fatal(err)
		}
		before, err := os.ReadFile(filepath.Join(dir, file))
		if err != nil {
			t.Fatal(err)
		}
		for _, open := range []func() (*Store, error){
			func() (*Store, error) { return Open(t.Context(), dir) },
			func() (*Store, error) { return OpenReadOnly(t.Context(), dir) },
		} {
			_, err := open()
			if !errors.Is(err, store.ErrNewer) {
				t.Errorf("got error %v, want %v", err, store.ErrNewer)
			}
			wantRefused(t, dir, file, err, "newer Hearkeep")
		}
		after, err := os.ReadFile(filepath.Join(dir, file))
		if err != nil || !bytes.Equal(before, after) {
			t.Errorf("%s was changed although it was refused", file)
		}
	}
}

func TestOlderSchema(t *testing.T) {
	dir := t.TempDir()
	if err := os.WriteFile(filepath.Join(dir, rowsFile), nil, 0o600); err != nil {
		t.Fatal(err)
	}
	_, err := OpenReadOnly(t.Context(), dir)
	wantRefused(t, dir, rowsFile, err, "older Hearkeep")
	openStore(t, dir)
	st, err := OpenReadOnly(t.Context(), dir)
	if err != nil {
		t.Fatal(err)
	}
	st.Close()
}

func TestNotADatabase(t *testing.T) {
	t.Parallel()
	for _, file := range []string{rowsFile, keysFile} {
		dir := t.TempDir()
		if err := openStore(t, dir).Close(); err != nil {
			t.Fatal(err)
		}
		path := filepath.Join(dir, file)
		text := bytes.Repeat([]byte("This is a letter and not a database. "), 300)
		if err := os.WriteFile(path, text, 0o600); err != nil {
			t.Fatal(err)
		}
		_, err := Open(t.Context(), dir)
		wantRefused(t, dir, file, err, "is damaged")
		if got, err := os.ReadFile(path); err != nil || !bytes.Equal(got, text) {
			t.Errorf("%s was changed although it was refused", file)
		}
	}
}

// TestCheckNamesDamage overwrites the last quarter of each file, which is rows.
func TestCheckNamesDamage(t *testing.T) {
	for _, file := range []string{rowsFile, keysFile} {
		t.Run(file, func(t *testing.T) {
			dir := t.TempDir()
			st := openStore(t, dir)
			v := storetest.NewVault(t, st)
			var keys []store.PartKey
			err := st.Update(t.Context(), func(tx *store.Tx) error {
				for n := range hearkeep.Number(300) {
					r, parts := storetest.NewRecording(v, n+1, began)
					for _, p := range parts {
						keys = append(keys, store.PartKey{Recording: r.ID, Part: p.Part, Version: 1, Wrap: make([]byte, 113)})
					}
					if err := tx.Vaults.InsertRecording(t.Context(), r, parts); err != nil {
						return err
					}
				}
				return nil
			})
			if err := errors.Join(err, st.Keys().Put(t.Context(), v.ID, keys)); err != nil {
				t.Fatal(err)
			}
			if err := st.Check(t.Context()); err != nil {
				t.Fatalf("before the damage: %v", err)
			}
			if err := st.Close(); err != nil {
				t.Fatal(err)
			}
			f, err := os.OpenFile(filepath.Join(dir, file), os.O_RDWR, 0)
			if err != nil {
				t.Fatal(err)
			}
			info, err := f.Stat()
			if err != nil {
				t.Fatal(err)
			}
			for at := info.Size() / 4 * 3 &^ 4095; at < info.Size(); at += 4096 {
				if _, err := f.WriteAt(bytes.Repeat([]byte{0xa5}, 1000), at); err != nil {
					t.Fatal(err)
				}
			}
			f.Close()
			st, err = OpenReadOnly(t.Context(), dir)
			if err != nil {
				t.Fatal(err)
			}
			defer st.Close()
			if err := st.Check(t.Context()); err == nil || !strings.Contains(err.Error(), file) {
				t.Errorf("Check: got error %v, want one that names %s", err, file)
			}
		})
	}
}

func TestReadOnly(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	if _, err := OpenReadOnly(t.Context(), dir); !errors.Is(err, fs.ErrNotExist) {
		t.Errorf("OpenReadOnly of an empty folder: got error %v, want %v", err, fs.ErrNotExist)
	}
	server := openStore(t, dir)
	v := storetest.NewVault(t, server)
	look := func(what string) *Store {
		st, err := OpenReadOnly(t.Context(), dir)
		if err != nil {
			t.Fatalf("%s: %v", what, err)
		}
		err = st.View(t.Context(), func(tx *store.Tx) error {
			_, err := tx.Vaults.Vault(t.Context(), v.ID)
			return err
		})
		if err := errors.Join(err, st.Check(t.Context())); err != nil {
			t.Errorf("%s: %v", what, err)
		}
		return st
	}
	st := look("while a server runs")
	if err := st.Update(t.Context(), func(*store.Tx) error { return nil }); !errors.Is(err, errReadOnly) {
		t.Errorf("Update: got error %v, want %v", err, errReadOnly)
	}
	if err := st.Keys().PutEnvelope(t.Context(), v.ID, hearkeep.NewID[hearkeep.EnvelopeID](), nil); !errors.Is(err, errReadOnly) {
		t.Errorf("PutEnvelope: got error %v, want %v", err, errReadOnly)
	}
	if err := st.Keys().Destroy(t.Context(), v.ID, nil, nil); !errors.Is(err, errReadOnly) {
		t.Errorf("Destroy: got error %v, want %v", err, errReadOnly)
	}
	// The server is not held up: keys leave its log beside a store that looks.
	if err := server.Keys().Destroy(t.Context(), v.ID, []hearkeep.RecordingID{{1}}, nil); err != nil {
		t.Errorf("the server's Destroy: %v", err)
	}
	if err := errors.Join(st.Close(), server.Close()); err != nil {
		t.Fatal(err)
	}
	if err := look("after the server ended").Close(); err != nil {
		t.Fatal(err)
	}
}

// TestFullDisk fills a real file system, where mounting one is allowed;
// TestFull shows the same everywhere.
func TestFullDisk(t *testing.T) {
	dir := t.TempDir()
	if err := syscall.Mount("tmpfs", dir, "tmpfs", 0, "size=3m"); err != nil {
		t.Logf("mounting is not allowed here (%v): TestFull stands alone", err)
		return
	}
	t.Cleanup(func() { syscall.Unmount(dir, syscall.MNT_DETACH) })
	filler := filepath.Join(dir, "filler")
	if err := os.WriteFile(filler, make([]byte, 256<<10), 0o600); err != nil {
		t.Fatal(err)
	}
	st := openStore(t, dir)
	v := storetest.NewVault(t, st)
	var kept []store.Recording
	var err error
	for n := hearkeep.Number(1); err == nil && n < 10_000; n++ {
		r, parts := storetest.NewRecording(v, n, began)
		parts[1].Bytes = make([]byte, 8<<10)
		key := store.PartKey{Recording: r.ID, Part: hearkeep.PartWords, Version: 1, Wrap: make([]byte, 113)}
		if err = st.Keys().Put(t.Context(), v.ID, []store.PartKey{key}); err != nil {
			break
		}
		err = st.Update(t.Context(), func(tx *store.Tx) error { return tx.Vaults.InsertRecording(t.Context(), r, parts) })
		if err == nil {
			kept = append(kept, r)
		}
	}
	if !errors.Is(err, store.ErrFull) {
		t.Fatalf("keeping on a full disk: got error %v, want %v", err, store.ErrFull)
	}
	err = st.View(t.Context(), func(tx *store.Tx) error {
		for _, r := range kept {
			if _, err := tx.Vaults.Parts(t.Context(), v.ID, r.ID); err != nil {
				return err
			}
		}
		return nil
	})
	if err := errors.Join(err, st.Check(t.Context())); err != nil {
		t.Errorf("reading on a full disk: %v", err)
	}
	// With a little room given up, erasing goes on.
	if err := os.Remove(filler); err != nil {
		t.Fatal(err)
	}
	var ids []hearkeep.RecordingID
	for _, r := range kept {
		ids = append(ids, r.ID)
	}
	if err := st.Keys().Destroy(t.Context(), v.ID, ids, nil); err != nil {
		t.Errorf("Destroy: %v", err)
	}
	err = st.Update(t.Context(), func(tx *store.Tx) error {
		for _, id := range ids[:10] {
			if err := tx.Vaults.DeleteRecording(t.Context(), v.ID, id); err != nil {
				return err
			}
		}
		return nil
	})
	if err != nil {
		t.Errorf("DeleteRecording: %v", err)
	}
}
