package ledger_test

import (
	"crypto/ed25519"
	"errors"
	"fmt"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/hearkeep/hearkeep"
	"github.com/hearkeep/hearkeep/internal/ledger"
	"github.com/hearkeep/hearkeep/internal/store"
	"golang.org/x/mod/sumdb/note"
)

// A cosignature that is right, in base64 that is not the one spelling, would
// make the log's own checkpoint unreadable, and stop whatever has to be logged.
func TestWitnessCannotStopTheLog(t *testing.T) {
	f := open(t)
	witness, setting := newWitness(t, f.log.Key())
	f.grow(t, 3)
	witness.answer = func(out http.ResponseWriter, text, line string) bool {
		line = strings.TrimSuffix(line, "==\n")
		fmt.Fprint(out, line[:len(line)-1]+string(line[len(line)-1]+1)+"==\n") // an unused bit
		return true
	}
	newAsking(f.log, setting).ask(t)
	if _, err := f.log.Write(t.Context(), ledger.Entry{Kind: ledger.KindOpened, Role: "keyholder"}); err != nil {
		t.Errorf("write after a witness' answer: %v", err)
	}
	if err := f.restart(t); err != nil {
		t.Errorf("start after a witness' answer: %v", err)
	}
}

// A witness that signs another text has not cosigned.
func TestWitnessSignsAnotherText(t *testing.T) {
	f := open(t)
	witness, setting := newWitness(t, f.log.Key())
	f.grow(t, 3)
	witness.answer = func(out http.ResponseWriter, text, _ string) bool {
		f.grow(t, 1) // so that it is kept beside
		fmt.Fprint(out, "more\n\n"+witness.line(text+"\nmore\n", uint64(time.Now().Unix())))
		return true
	}
	newAsking(f.log, setting).ask(t)
	wantCosigned(t, f.log, 0, ledger.TroubleSignature)
}

// What says from which key the log goes on must not expire: without it, whoever
// writes the table of keys could put one of theirs before.
func TestKeysBeforeCannotBeMadeUp(t *testing.T) {
	f := open(t)
	old := time.Now().AddDate(-2, 0, 0)
	if _, err := f.log.Write(t.Context(), ledger.Entry{Kind: ledger.KindOpened, At: old}, ledger.Entry{Kind: ledger.KindOpened, At: old}); err != nil {
		t.Fatal(err)
	}
	to, err := f.log.Continue(t.Context(), f.key, ledger.Entry{Kind: ledger.KindBackup, At: old})
	must(t, err)
	_, err = to.Expire(t.Context(), time.Now())
	must(t, err)
	must(t, to.Verify(t.Context()))
	if got, err := to.Entries(t.Context(), hearkeep.VaultID{}, 2, 1); err != nil || got[0].Expired {
		t.Errorf("the entry that names the key before: expired, %v", err)
	}
	// A key of somebody's own takes the place of the first, where nothing is left to say otherwise.
	mine := loneKey(t, strings.Split(to.Keys()[0], "+")[0])
	f.rewrite(t, "UPDATE ledger_keys SET key = '"+mine+"' WHERE first = 0")
	f.rewrite(t, `UPDATE ledger_entries SET body = NULL, salt = NULL WHERE seq = 2`)
	remove(t, filepath.Join(filepath.Dir(f.key), ledger.FileKeys))
	remove(t, f.kept())
	f.rewrite(t, `UPDATE ledger_checkpoint SET kept = 0`)
	if err := f.restart(t); !errors.Is(err, ledger.ErrForked) {
		t.Errorf("start with a key before that nothing vouches for: got %v, want ErrForked", err)
	}
}

// While the server runs, its database is put back and goes on with others.
func TestForkBehindARunningServerIsNotSigned(t *testing.T) {
	f, ctx := open(t), t.Context()
	in := func(n int) error {
		return f.store.Update(ctx, func(tx *store.Tx) error {
			entries := make([]ledger.Entry, n)
			for i := range entries {
				entries[i] = ledger.Entry{Kind: ledger.KindErased, Role: "keyholder"}
			}
			_, err := f.log.Append(ctx, tx, entries...)
			return err
		})
	}
	must(t, in(5))
	signed, err := f.log.Checkpoint(ctx)
	must(t, err)
	must(t, in(3))
	_, err = f.log.Latest(ctx) // somebody has a receipt of entry 7
	must(t, err)
	f.rewrite(t, `DELETE FROM ledger_entries WHERE seq >= 5`)
	f.rewrite(t, `DELETE FROM ledger_hashes WHERE idx >= 8`)
	f.rewrite(t, fmt.Sprintf(`UPDATE ledger_checkpoint SET size = 5, note = X'%x'`, signed))
	if err := in(6); !errors.Is(err, ledger.ErrForked) {
		t.Errorf("append to what was put back: got %v, want ErrForked", err)
	}
	if head, err := f.log.Latest(ctx); !errors.Is(err, ledger.ErrForked) {
		t.Errorf("a checkpoint of %d, of a log that was put back: got %v, want ErrForked", head.Size, err)
	}
}

// An export into a folder that somebody else writes to overwrites nothing of
// ours elsewhere.
func TestExportFollowsNoLinkOut(t *testing.T) {
	f := open(t)
	f.grow(t, 10)
	outside := filepath.Join(t.TempDir(), "mine")
	must(t, os.WriteFile(outside, []byte("mine"), 0o600))
	dir := filepath.Join(t.TempDir(), "shared")
	must(t, os.MkdirAll(filepath.Join(dir, "tile", "entries", "000.p"), 0o755))
	must(t, os.Symlink(filepath.Dir(outside), filepath.Join(dir, "tile", "0")))
	must(t, os.MkdirAll(filepath.Join(filepath.Dir(outside), "000.p"), 0o755))
	_, err := f.log.Export(t.Context(), dir)
	if _, e := os.Stat(filepath.Join(filepath.Dir(outside), "000.p", "10")); e == nil {
		t.Errorf("export wrote outside of its folder (and says %v)", err)
	}
}

func loneKey(t *testing.T, name string) string {
	t.Helper()
	public, _, err := ed25519.GenerateKey(nil)
	must(t, err)
	vkey, err := note.NewEd25519VerifierKey(name, public)
	must(t, err)
	return vkey
}
