package ledger_test

import (
	"context"
	"database/sql"
	"errors"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/hearkeep/hearkeep"
	"github.com/hearkeep/hearkeep/internal/ledger"
	"github.com/hearkeep/hearkeep/internal/store"
	"github.com/hearkeep/hearkeep/internal/store/sqlite"
)

type fixture struct {
	store store.Store
	log   *ledger.Ledger
	key   string
}

func open(t *testing.T) fixture {
	t.Helper()
	dir := t.TempDir()
	st, err := sqlite.Open(t.Context(), dir)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { st.Close() })
	f := fixture{store: st, key: filepath.Join(dir, "ledger.key")}
	if f.log, err = ledger.Open(t.Context(), st, f.key); err != nil {
		t.Fatal(err)
	}
	return f
}

func entry(vault hearkeep.VaultID, account hearkeep.AccountID) ledger.Entry {
	return ledger.Entry{Kind: ledger.KindOpened, Account: &account, Vault: &vault, Role: hearkeep.RoleKeyholder, Purpose: "listen", Count: 1}
}

func TestEntriesAreListedForTheirVaultOnly(t *testing.T) {
	f, ctx := open(t), t.Context()
	mine, theirs := hearkeep.NewID[hearkeep.VaultID](), hearkeep.NewID[hearkeep.VaultID]()
	me, they := hearkeep.NewID[hearkeep.AccountID](), hearkeep.NewID[hearkeep.AccountID]()
	for i := range 5 {
		seq, err := f.log.Write(ctx, entry(mine, me), entry(theirs, they))
		if err != nil {
			t.Fatal(err)
		}
		if got, want := seq, int64(2*i); got != want {
			t.Errorf("first number of batch %d: got %d, want %d", i, got, want)
		}
	}
	got, err := f.log.EntriesOf(ctx, me, []hearkeep.VaultID{mine}, 1<<62, 100)
	if err != nil {
		t.Fatal(err)
	}
	if len(got) != 5 {
		t.Errorf("entries of me: got %d, want 5", len(got))
	}
	for i, e := range got {
		if *e.Vault != mine || *e.Account != me {
			t.Errorf("entry %d is somebody else's", e.Seq)
		}
		if i > 0 && got[i-1].Seq <= e.Seq {
			t.Errorf("entry %d comes after %d: want newest first", e.Seq, got[i-1].Seq)
		}
	}
	if err := f.log.Verify(ctx); err != nil {
		t.Errorf("verify: %v", err)
	}
}

func TestCheckpointIsASignedNote(t *testing.T) {
	f := open(t)
	if _, err := f.log.Write(t.Context(), entry(hearkeep.NewID[hearkeep.VaultID](), hearkeep.NewID[hearkeep.AccountID]())); err != nil {
		t.Fatal(err)
	}
	signed, err := f.log.Checkpoint(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	lines := strings.Split(string(signed), "\n")
	if len(lines) != 6 || !strings.HasPrefix(lines[0], "hearkeep.local/") || lines[1] != "1" || lines[3] != "" || !strings.HasPrefix(lines[4], "— hearkeep.local/") {
		t.Errorf("checkpoint is not of the form origin, size, root, blank, signature:\n%s", signed)
	}
}

func TestReopenGoesOn(t *testing.T) {
	f, ctx := open(t), t.Context()
	for range 3 {
		if _, err := f.log.Write(ctx, entry(hearkeep.NewID[hearkeep.VaultID](), hearkeep.NewID[hearkeep.AccountID]())); err != nil {
			t.Fatal(err)
		}
	}
	again, err := ledger.Open(ctx, f.store, f.key)
	if err != nil {
		t.Fatalf("reopen: %v", err)
	}
	if seq, err := again.Write(ctx, entry(hearkeep.NewID[hearkeep.VaultID](), hearkeep.NewID[hearkeep.AccountID]())); err != nil || seq != 3 {
		t.Errorf("write after reopen: got %d, %v, want 3, nil", seq, err)
	}
}

// A log whose entries do not lead to its checkpoint is refused at start.
func TestAlteredLogIsRefused(t *testing.T) {
	vault, account := hearkeep.NewID[hearkeep.VaultID](), hearkeep.NewID[hearkeep.AccountID]()
	for _, tc := range []struct {
		name  string
		alter func(context.Context, *store.Tx) error
	}{
		{"an entry without a signature", func(ctx context.Context, tx *store.Tx) error {
			return tx.Ledger.Append(ctx, []store.LedgerEntry{{Seq: 4, Kind: "opened", At: time.Now()}}, nil)
		}},
		{"a checkpoint that nobody signed", func(ctx context.Context, tx *store.Tx) error {
			signed, err := tx.Ledger.Checkpoint(ctx)
			if err != nil {
				return err
			}
			return tx.Ledger.SetCheckpoint(ctx, 4, []byte(strings.Replace(string(signed), "\n4\n", "\n3\n", 1)), 0)
		}},
	} {
		t.Run(tc.name, func(t *testing.T) {
			f, ctx := open(t), t.Context()
			for range 4 {
				if _, err := f.log.Write(ctx, entry(vault, account)); err != nil {
					t.Fatal(err)
				}
			}
			if err := f.store.Update(ctx, func(tx *store.Tx) error { return tc.alter(ctx, tx) }); err != nil {
				t.Fatal(err)
			}
			if _, err := ledger.Open(ctx, f.store, f.key); !errors.Is(err, ledger.ErrForked) {
				t.Errorf("open: got %v, want ErrForked", err)
			}
		})
	}
}

// Rows that were written behind the ledger's back are found by Verify, and a
// log that was cut while the program ran is not signed as if it were whole.
func TestWrittenRowsAreFound(t *testing.T) {
	for name, statement := range map[string]string{
		"hidden from its vault": `UPDATE ledger_entries SET vault = NULL, account = NULL WHERE seq = 1`,
		"another kind":          `UPDATE ledger_entries SET kind = 'signed-in' WHERE seq = 1`,
		"another time":          `UPDATE ledger_entries SET at = at + 1 WHERE seq = 1`,
		"a body gone early":     `UPDATE ledger_entries SET body = NULL, salt = NULL WHERE seq = 1`,
		"a body rewritten":      `UPDATE ledger_entries SET body = replace(body, 'listen', 'browse') WHERE seq = 1`,
	} {
		t.Run(name, func(t *testing.T) {
			f, ctx := open(t), t.Context()
			for range 4 {
				if _, err := f.log.Write(ctx, entry(hearkeep.NewID[hearkeep.VaultID](), hearkeep.NewID[hearkeep.AccountID]())); err != nil {
					t.Fatal(err)
				}
			}
			f.rewrite(t, statement)
			if err := f.log.Verify(ctx); !errors.Is(err, ledger.ErrForked) {
				t.Errorf("verify: got %v, want ErrForked", err)
			}
		})
	}
	t.Run("cut while running", func(t *testing.T) {
		f, ctx := open(t), t.Context()
		for range 4 {
			if _, err := f.log.Write(ctx, entry(hearkeep.NewID[hearkeep.VaultID](), hearkeep.NewID[hearkeep.AccountID]())); err != nil {
				t.Fatal(err)
			}
		}
		f.rewrite(t, `DELETE FROM ledger_entries WHERE seq = 3`)
		if _, err := f.log.Write(ctx, entry(hearkeep.NewID[hearkeep.VaultID](), hearkeep.NewID[hearkeep.AccountID]())); !errors.Is(err, ledger.ErrForked) {
			t.Errorf("write after the cut: got %v, want ErrForked", err)
		}
	})
}

// rewrite writes rows as an intruder with the database file can.
func (f fixture) rewrite(t *testing.T, statement string) {
	t.Helper()
	db, err := sql.Open("sqlite", "file:"+filepath.Join(filepath.Dir(f.key), "hearkeep.db")+"?_pragma=busy_timeout(5000)")
	if err != nil {
		t.Fatal(err)
	}
	defer db.Close()
	res, err := db.ExecContext(t.Context(), statement)
	if err != nil {
		t.Fatal(err)
	}
	if n, err := res.RowsAffected(); err != nil || n == 0 {
		t.Fatalf("%s changed %d rows, %v", statement, n, err)
	}
}

func TestMissingKeyIsNotReplaced(t *testing.T) {
	f, ctx := open(t), t.Context()
	if _, err := f.log.Write(ctx, entry(hearkeep.NewID[hearkeep.VaultID](), hearkeep.NewID[hearkeep.AccountID]())); err != nil {
		t.Fatal(err)
	}
	if err := os.Remove(f.key); err != nil {
		t.Fatal(err)
	}
	if _, err := ledger.Open(ctx, f.store, f.key); hearkeep.CodeOf(err) != hearkeep.Conflict {
		t.Errorf("open without its key: got %v, want Conflict", err)
	}
	if _, err := os.Stat(f.key); err == nil {
		t.Error("a new key was made for a log that had one")
	}
}

func TestBodiesExpireAndTheTreeStays(t *testing.T) {
	f, ctx := open(t), t.Context()
	vault, account := hearkeep.NewID[hearkeep.VaultID](), hearkeep.NewID[hearkeep.AccountID]()
	old := entry(vault, account)
	old.At = time.Now().AddDate(-1, 0, -1)
	if _, err := f.log.Write(ctx, old, entry(vault, account)); err != nil {
		t.Fatal(err)
	}
	if n, err := f.log.Expire(ctx, time.Now()); err != nil || n != 1 {
		t.Fatalf("expire: got %d, %v, want 1, nil", n, err)
	}
	if err := f.log.Verify(ctx); err != nil {
		t.Errorf("verify after expiry: %v", err)
	}
	got, err := f.log.Entries(ctx, hearkeep.VaultID{}, 0, 10)
	if err != nil {
		t.Fatal(err)
	}
	if !got[0].Expired || got[0].Account != nil || got[1].Expired {
		t.Errorf("got expired %v and %v, want the first only, without its body", got[0].Expired, got[1].Expired)
	}
}
