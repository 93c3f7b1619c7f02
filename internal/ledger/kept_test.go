package ledger_test

import (
	"bytes"
	"errors"
	"os"
	"path/filepath"
	"testing"
	"time"

	"github.com/hearkeep/hearkeep"
	"github.com/hearkeep/hearkeep/internal/ledger"
	"github.com/hearkeep/hearkeep/internal/store"
	"github.com/hearkeep/hearkeep/internal/store/sqlite"
)

// kept is the path of the file of checkpoints.
func (f fixture) kept() string { return filepath.Join(filepath.Dir(f.key), ledger.FileCheckpoints) }

// restart closes the store and opens it again, as a start does.
func (f *fixture) restart(t testing.TB) error {
	t.Helper()
	if err := f.store.Close(); err != nil {
		t.Fatal(err)
	}
	return f.start(t)
}

func (f *fixture) start(t testing.TB) error {
	t.Helper()
	st, err := sqlite.Open(t.Context(), filepath.Dir(f.key))
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { st.Close() })
	f.store = st
	f.log, err = ledger.Open(t.Context(), st, f.key)
	return err
}

// snapshot copies the database as it is, for a rewind to come.
func (f *fixture) snapshot(t testing.TB) (rewind func()) {
	t.Helper()
	path := filepath.Join(t.TempDir(), "old.db")
	if err := f.store.(*sqlite.Store).CopyRows(t.Context(), path); err != nil {
		t.Fatal(err)
	}
	return func() {
		t.Helper()
		if err := f.store.Close(); err != nil {
			t.Fatal(err)
		}
		db := filepath.Join(filepath.Dir(f.key), "hearkeep.db")
		remove(t, db+"-wal")
		remove(t, db+"-shm")
		copyFile(t, path, db)
	}
}

func TestRewoundDatabaseIsRefused(t *testing.T) {
	f := open(t)
	f.grow(t, 10)
	rewind := f.snapshot(t)
	f.grow(t, 5)
	if _, err := f.log.Latest(t.Context()); err != nil { // a receipt leaves
		t.Fatal(err)
	}
	rewind()
	if err := f.start(t); !errors.Is(err, ledger.ErrRewound) || !errors.Is(err, ledger.ErrForked) {
		t.Errorf("open of an older database: got %v, want ErrRewound", err)
	}
	if _, err := ledger.Look(t.Context(), f.store, f.key); !errors.Is(err, ledger.ErrRewound) {
		t.Errorf("look at an older database: got %v, want ErrRewound", err)
	}
	if _, err := ledger.OpenCopy(t.Context(), f.store, f.key); err != nil {
		t.Errorf("open as a copy, which may be older: %v", err)
	}
}

// Another history of the same length, or a longer one, under the right key.
func TestForkedDatabaseIsRefused(t *testing.T) {
	for _, more := range []int{5, 9} {
		f := open(t)
		f.grow(t, 10)
		rewind := f.snapshot(t)
		f.grow(t, 5)
		if err := f.log.Close(t.Context()); err != nil {
			t.Fatal(err)
		}
		honest, err := os.ReadFile(f.kept())
		if err != nil {
			t.Fatal(err)
		}
		rewind()
		remove(t, f.kept()) // the intruder writes on without it
		if err := f.start(t); err != nil {
			t.Fatal(err)
		}
		f.grow(t, more)
		if err := f.log.Close(t.Context()); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(f.kept(), honest, 0o600); err != nil {
			t.Fatal(err)
		}
		if err := f.restart(t); !errors.Is(err, ledger.ErrRewound) {
			t.Errorf("open of another history of %d more: got %v, want ErrRewound", more, err)
		}
	}
}

func TestMissingOrCutCheckpointsAreNoticed(t *testing.T) {
	for name, alter := range map[string]func(t *testing.T, path string, data []byte){
		"missing": func(t *testing.T, path string, _ []byte) { remove(t, path) },
		"empty":   func(t *testing.T, path string, _ []byte) { must(t, os.WriteFile(path, nil, 0o600)) },
		"without its newest line": func(t *testing.T, path string, data []byte) {
			must(t, os.WriteFile(path, data[:1+bytes.LastIndexByte(data[:len(data)-1], '\n')], 0o600))
		},
		"two lines changed about": func(t *testing.T, path string, data []byte) {
			lines := bytes.SplitAfter(data, []byte("\n"))
			must(t, os.WriteFile(path, bytes.Join([][]byte{lines[1], lines[0]}, nil), 0o600))
		},
		"a line of nobody": func(t *testing.T, path string, data []byte) {
			must(t, os.WriteFile(path, append(data, "{}\n"...), 0o600))
		},
		"another root": func(t *testing.T, path string, data []byte) {
			must(t, os.WriteFile(path, bytes.Replace(data, []byte(`\n10\n`), []byte(`\n11\n`), 1), 0o600))
		},
	} {
		t.Run(name, func(t *testing.T) {
			f := open(t)
			f.grow(t, 10)
			must(t, f.log.Keep(t.Context()))
			f.grow(t, 5)
			must(t, f.log.Keep(t.Context()))
			f.grow(t, 1) // from here on the database knows of the file
			data, err := os.ReadFile(f.kept())
			must(t, err)
			alter(t, f.kept(), data)
			if err := f.restart(t); !errors.Is(err, ledger.ErrRewound) {
				t.Errorf("open: got %v, want ErrRewound", err)
			}
		})
	}
}

func must(t testing.TB, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}

// What a power cut leaves of the last line is cut off, and no more.
func TestTornLineIsHealed(t *testing.T) {
	f := open(t)
	f.grow(t, 10)
	must(t, f.log.Keep(t.Context()))
	whole, err := os.ReadFile(f.kept())
	must(t, err)
	f.grow(t, 5)
	must(t, f.log.Keep(t.Context()))
	both, err := os.ReadFile(f.kept())
	must(t, err)
	f.rewrite(t, `UPDATE ledger_checkpoint SET kept = 10`)
	for at := len(whole); at < len(both); at += 7 {
		for name, left := range map[string][]byte{
			"a part":          both[:at],
			"a part, zeroes":  append(bytes.Clone(both[:at]), make([]byte, 40)...),
			"nothing, zeroes": append(bytes.Clone(whole), make([]byte, 512)...),
		} {
			must(t, os.WriteFile(f.kept(), left, 0o600))
			l, err := ledger.Open(t.Context(), f.store, f.key)
			if err != nil {
				t.Fatalf("open with %s of %d bytes: %v", name, at, err)
			}
			if got, err := os.ReadFile(f.kept()); err != nil || !bytes.Equal(got, whole) {
				t.Fatalf("healed with %s of %d bytes: got %d bytes, %v, want the first line", name, at, len(got), err)
			}
			must(t, l.Keep(t.Context()))
			lines, err := l.Kept()
			if err != nil || len(lines) != 2 || lines[1].Size != 15 {
				t.Fatalf("kept after healing: got %d lines, %v, want 2, to entry 15", len(lines), err)
			}
		}
	}
}

func TestHeadIsKeptAsPromised(t *testing.T) {
	f, ctx := open(t), t.Context()
	want := func(what string, sizes ...int64) {
		t.Helper()
		lines, err := f.log.Kept()
		must(t, err)
		var got []int64
		for _, l := range lines {
			got = append(got, l.Size)
		}
		if len(got) != len(sizes) || len(got) > 0 && got[len(got)-1] != sizes[len(sizes)-1] {
			t.Errorf("%s: got %v, want %v", what, got, sizes)
		}
	}
	f.grow(t, 3)
	want("after a few entries")
	if _, err := f.log.Latest(ctx); err != nil {
		t.Fatal(err)
	}
	want("before a proof leaves", 3)
	must(t, f.log.Keep(ctx))
	want("where nothing is new", 3)
	f.grow(t, 2000)
	want("after many entries", 3, 1503)
	must(t, f.log.Close(ctx))
	want("at a clean stop", 3, 1503, 2003)

	// What is not committed is not kept.
	gone := errors.New("gone")
	err := f.store.Update(ctx, func(tx *store.Tx) error {
		if _, err := f.log.Append(ctx, tx, newHousehold(1).batch(0, 1)...); err != nil {
			return err
		}
		if err := f.log.Keep(ctx); err != nil {
			return err
		}
		return gone
	})
	if !errors.Is(err, gone) {
		t.Fatal(err)
	}
	want("what was taken back", 3, 1503, 2003)
	f.grow(t, 1)
	must(t, f.restart(t))
	must(t, f.log.Verify(ctx))
}

// Of a long file the newest half stays, and of the days before one line each.
func TestLongFileIsThinned(t *testing.T) {
	f, ctx := open(t), t.Context()
	f.grow(t, 3)
	must(t, f.log.Keep(ctx))
	f.grow(t, 2)
	must(t, f.log.Keep(ctx))
	data, err := os.ReadFile(f.kept())
	must(t, err)
	first, newest, _ := bytes.Cut(data, []byte("\n"))
	const begin = len(`{"at":"`)
	end := begin + bytes.IndexByte(first[begin:], '"')
	var long []byte
	for i := range 2100 { // ten lines a day
		at := time.Date(2026, 1, 1, i%10, 0, 0, 0, time.UTC).AddDate(0, 0, i/10)
		long = append(append(append(append(long, first[:begin]...), at.Format(time.RFC3339)...), first[end:]...), '\n')
	}
	must(t, os.WriteFile(f.kept(), append(long, newest...), 0o600))
	must(t, f.restart(t))
	lines, err := f.log.Kept()
	must(t, err)
	// The newest 1,024, one each of the 108 days before, and the very first.
	if n := len(lines); n < 1024+107 || n > 1024+110 || lines[n-1].Size != 5 || !lines[0].At.Equal(time.Date(2026, 1, 1, 0, 0, 0, 0, time.UTC)) {
		t.Errorf("got %d lines from %v to entry %d", n, lines[0].At, lines[n-1].Size)
	}
	f.grow(t, 1)
	must(t, f.log.Keep(ctx))
	must(t, f.restart(t))
	must(t, f.log.Verify(ctx))
}

func TestRestoredLogGoesOnUnderAnotherOrigin(t *testing.T) {
	f, ctx := open(t), t.Context()
	f.grow(t, 10)
	rewind := f.snapshot(t)
	old, err := f.log.Latest(ctx)
	must(t, err)
	f.grow(t, 5)
	later, err := f.log.Latest(ctx)
	must(t, err)
	proof, err := f.log.Inclusion(ctx, 3, later.Size)
	must(t, err)
	oldKeys := f.log.Keys()
	rewind()
	if err := f.start(t); !errors.Is(err, ledger.ErrRewound) {
		t.Fatalf("open of an older database: got %v, want ErrRewound", err)
	}
	copied, err := ledger.OpenCopy(ctx, f.store, f.key)
	must(t, err)
	restored := ledger.Entry{Kind: ledger.KindBackup, Role: hearkeep.RoleOperator, Purpose: "restored"}
	f.log, err = copied.Continue(ctx, f.key, restored, later.Signed)
	must(t, err)
	f.grow(t, 7)
	must(t, f.restart(t))
	must(t, f.log.Verify(ctx))

	head, err := f.log.Latest(ctx)
	must(t, err)
	if head.Size != 18 || head.Origin == old.Origin || f.log.Key() == oldKeys[0] || len(f.log.Keys()) != 2 {
		t.Errorf("restored: got %d entries of %s, %d keys, want 18 of another origin, 2 keys", head.Size, head.Origin, len(f.log.Keys()))
	}
	got, err := f.log.Entries(ctx, hearkeep.VaultID{}, 10, 1)
	must(t, err)
	if c := got[0].Continues; c == nil || c.Key != oldKeys[0] || !bytes.Equal(c.Checkpoint, old.Signed) {
		t.Errorf("first entry under the new key: got %+v, want what it goes on from", c)
	}
	// What people hold stays true, and what goes on goes on from it.
	if held, err := ledger.ParseCheckpoint(later.Signed, f.log.Keys()...); err != nil {
		t.Errorf("an old receipt's checkpoint: %v", err)
	} else if rows := rowsOf(t, f.store, 3); held.CheckInclusion(3, rows.Leaf, proof) != nil {
		t.Error("an old receipt's proof does not verify")
	}
	path, err := f.log.Consistency(ctx, old.Size, head.Size)
	must(t, err)
	if err := head.CheckConsistency(old, path); err != nil {
		t.Errorf("from the restored checkpoint to the newest: %v", err)
	}
	lines, err := f.log.Kept()
	must(t, err)
	if lost := f.log.Lost(lines); lost != 5 {
		t.Errorf("lost: got %d, want the 5 that the later checkpoint speaks of", lost)
	}
	// A restore of a restore.
	must(t, f.log.Close(ctx))
	copied, err = ledger.OpenCopy(ctx, f.store, f.key)
	must(t, err)
	f.log, err = copied.Continue(ctx, f.key, restored)
	must(t, err)
	must(t, f.restart(t))
	must(t, f.log.Verify(ctx))
	if n := len(f.log.Keys()); n != 3 {
		t.Errorf("keys after two restores: got %d, want 3", n)
	}
}

func rowsOf(t *testing.T, st store.Store, seq int64) (row store.LedgerEntry) {
	t.Helper()
	must(t, st.View(t.Context(), func(tx *store.Tx) error {
		rows, err := tx.Ledger.Entries(t.Context(), hearkeep.VaultID{}, seq, 1)
		if err == nil {
			row = rows[0]
		}
		return err
	}))
	return row
}

// A crash between the new key's rows and its file is finished at the next start.
func TestKeyThatWasAboutToTakeOver(t *testing.T) {
	f, ctx := open(t), t.Context()
	f.grow(t, 10)
	before, err := os.ReadFile(f.key)
	must(t, err)
	to, err := f.log.Continue(ctx, f.key, ledger.Entry{Kind: ledger.KindBackup, Role: hearkeep.RoleOperator})
	must(t, err)
	after, err := os.ReadFile(f.key)
	must(t, err)
	must(t, os.WriteFile(f.key, before, 0o600))
	must(t, os.WriteFile(f.key+".next", after, 0o600))
	if l, err := ledger.Look(ctx, f.store, f.key); err != nil || l.Key() != to.Key() {
		t.Errorf("look: %v", err)
	}
	must(t, f.restart(t))
	if now, err := os.ReadFile(f.key); err != nil || !bytes.Equal(now, after) {
		t.Errorf("signing key after the crash: %v, want the new one", err)
	}
	// A key that never took over is not taken.
	must(t, os.WriteFile(f.key+".next", before, 0o600))
	must(t, f.restart(t))
}

func TestKeysThatDoNotFollowAreRefused(t *testing.T) {
	for name, alter := range map[string]func(t *testing.T, f *fixture){
		"the first key is gone":  func(t *testing.T, f *fixture) { f.rewrite(t, `DELETE FROM ledger_keys WHERE first = 0`) },
		"the second key is gone": func(t *testing.T, f *fixture) { f.rewrite(t, `DELETE FROM ledger_keys WHERE first = 10`) },
		"it took over elsewhere": func(t *testing.T, f *fixture) { f.rewrite(t, `UPDATE ledger_keys SET first = 9 WHERE first = 10`) },
		"the first is another's": func(t *testing.T, f *fixture) {
			f.rewrite(t, `UPDATE ledger_keys SET key = '`+open(t).log.Key()+`' WHERE first = 0`)
		},
		"the old signing key": func(t *testing.T, f *fixture) { copyFile(t, f.key+".was", f.key) },
		"the file lists more": func(t *testing.T, f *fixture) {
			path := filepath.Join(filepath.Dir(f.key), ledger.FileKeys)
			data, err := os.ReadFile(path)
			must(t, err)
			must(t, os.WriteFile(path, append(data, open(t).log.Key()+" 11\n"...), 0o600))
		},
	} {
		t.Run(name, func(t *testing.T) {
			f, ctx := open(t), t.Context()
			f.grow(t, 10)
			copyFile(t, f.key, f.key+".was")
			l, err := f.log.Continue(ctx, f.key, ledger.Entry{Kind: ledger.KindBackup, Role: hearkeep.RoleOperator})
			must(t, err)
			f.log = l
			f.grow(t, 3)
			alter(t, &f)
			if err := f.restart(t); !errors.Is(err, ledger.ErrForked) {
				t.Errorf("open: got %v, want ErrForked", err)
			}
		})
	}
}
