package sqlite

import (
	"database/sql"
	"errors"
	"fmt"
	"path/filepath"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/hearkeep/hearkeep"
	"github.com/hearkeep/hearkeep/internal/store"
	"github.com/hearkeep/hearkeep/internal/store/storetest"
)

// spine is what a Hearkeep of the first schema left behind.
type spine struct {
	dir        string
	accounts   []store.Account
	vaults     []store.Vault // one for each account, with one recording
	recordings []store.Recording
}

// makeSpine makes a folder with the first schema only, as that version did.
func makeSpine(t *testing.T) spine {
	t.Helper()
	s := spine{dir: t.TempDir()}
	db := openSpine(t, s.dir)
	p, err := provider(db, "migrations/rows")
	if err != nil {
		t.Fatal(err)
	}
	if _, err := p.UpTo(t.Context(), 1); err != nil {
		t.Fatal(err)
	}
	exec := func(query string, args ...any) {
		t.Helper()
		if _, err := db.ExecContext(t.Context(), query, args...); err != nil {
			t.Fatalf("%v: %s", err, query)
		}
	}
	for i := range 3 {
		a := storetest.NewAccount(fmt.Sprintf("person %d", i))
		a.Created = began.Add(time.Duration(i) * time.Hour)
		exec("INSERT INTO accounts (id, name, display, public, sealed_private, sealed_list, created) VALUES (?, ?, ?, ?, ?, ?, ?)",
			a.ID, a.Name, a.Display, a.Public, a.SealedPrivate, a.SealedList, millis(a.Created))
		exec("INSERT INTO unlockers (id, account, kind, params, wrap, created) VALUES (?, ?, 'kit', NULL, x'02', ?)",
			hearkeep.NewID[hearkeep.UnlockerID](), a.ID, millis(a.Created))
		exec("INSERT INTO sessions (id_hash, account, wrap, created, expires, stepped_up, used, agent) VALUES (?, ?, x'01', 1, 2, 0, 1, 'Firefox')",
			append(make([]byte, 31), byte(i)), a.ID)
		v := store.Vault{ID: hearkeep.NewID[hearkeep.VaultID](), Kind: "personal", Created: a.Created,
			Retention: store.Retention{Audio: time.Hour, Words: 2 * time.Hour, Turn: 3 * time.Hour}}
		exec("INSERT INTO vaults (id, kind, label, retain_audio, retain_words, retain_turn, created) VALUES (?, ?, NULL, ?, ?, ?, ?)",
			v.ID, v.Kind, v.Retention.Audio, v.Retention.Words, v.Retention.Turn, millis(v.Created))
		exec("INSERT INTO generations (vault, n, hpke_public, sign_public, keyholders, signature, created) VALUES (?, 1, x'01', x'02', ?, x'03', ?)",
			v.ID, a.ID, millis(a.Created))
		exec("INSERT INTO keyholders (vault, account, generation, wrap, pin) VALUES (?, ?, 1, x'04', x'05')", v.ID, a.ID)
		b := hearkeep.NewID[hearkeep.BindingID]()
		exec("INSERT INTO bindings (id, vault, generation, source, label, rule, signature, pin, next, created, ended) VALUES (?, ?, 1, 'say', x'06', 'audio+words', x'07', x'08', 2, ?, 0)",
			b, v.ID, millis(a.Created))
		r, parts := storetest.NewRecording(storetest.Vault{ID: v.ID, Account: a.ID, Binding: b}, 1, began)
		exec("INSERT INTO recordings (vault, id, binding, number, generation, envelope, start, duration, blob, kept) VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?)",
			r.Vault, r.ID, r.Binding, r.Number, r.Generation, r.Envelope, millis(r.Start), r.Duration, r.Blob, millis(r.Kept))
		for _, p := range parts {
			exec("INSERT INTO parts (vault, recording, part, version, size, hash, until, bytes) VALUES (?, ?, ?, ?, ?, ?, ?, ?)",
				r.Vault, p.Recording, p.Part, p.Version, p.Size, p.Hash[:], millis(p.Until), p.Bytes)
		}
		s.accounts, s.vaults, s.recordings = append(s.accounts, a), append(s.vaults, v), append(s.recordings, r)
	}
	if err := db.Close(); err != nil {
		t.Fatal(err)
	}
	return s
}

func openSpine(t *testing.T, dir string) *sql.DB {
	t.Helper()
	path := filepath.Join(dir, rowsFile)
	if err := makeFile(path); err != nil {
		t.Fatal(err)
	}
	db, err := sql.Open("sqlite", "file:"+path+"?_pragma=journal_mode(WAL)&_pragma=foreign_keys(1)")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { db.Close() })
	return db
}

func TestMigrationOfTheFirstSchema(t *testing.T) {
	t.Parallel()
	s := makeSpine(t)
	_, err := OpenReadOnly(t.Context(), s.dir)
	wantRefused(t, s.dir, rowsFile, err, "older Hearkeep")
	for range 2 { // and once more with nothing left to do
		st, err := Open(t.Context(), s.dir)
		if err != nil {
			t.Fatal(err)
		}
		s.wantReadable(t, st)
		if err := errors.Join(st.Check(t.Context()), st.Close()); err != nil {
			t.Fatal(err)
		}
	}
}

// wantReadable expects each account in a household of its own, as its admin,
// and all that the first schema kept.
func (s spine) wantReadable(t *testing.T, st *Store) {
	t.Helper()
	ctx := t.Context()
	want := func(what string, got, want any) {
		t.Helper()
		if diff := cmp.Diff(want, got); diff != "" {
			t.Errorf("%s (-want +got):\n%s", what, diff)
		}
	}
	err := st.View(ctx, func(tx *store.Tx) error {
		houses := map[hearkeep.HouseholdID]bool{}
		for i, a := range s.accounts {
			got, err := tx.Identity.AccountByName(ctx, a.Name)
			want("account", got, a) // whose Changed is zero
			m, err1 := tx.Houses.Member(ctx, a.ID)
			want("member", m, store.Member{Household: m.Household, Account: a.ID, Role: "admin", Since: a.Created})
			house, err2 := tx.Houses.Household(ctx, m.Household)
			want("household", house, store.Household{ID: m.Household, Created: a.Created})
			members, err3 := tx.Houses.Members(ctx, m.Household)
			want("members", members, []store.Member{m})
			houses[m.Household] = true
			unlockers, err4 := tx.Identity.Unlockers(ctx, a.ID)
			sessions, err5 := tx.Identity.Sessions(ctx, a.ID)
			if len(unlockers) != 1 || unlockers[0].Name != "" || !unlockers[0].Used.IsZero() || len(sessions) != 1 {
				t.Errorf("ways in: got %d and %d sessions, want one of each, not named and not used", len(unlockers), len(sessions))
			}
			vaults, err6 := tx.Vaults.VaultsOf(ctx, a.ID)
			want("vaults", vaults, s.vaults[i:i+1]) // personal: in no household
			generations, err7 := tx.Vaults.Generations(ctx, s.vaults[i].ID)
			if len(generations) != 1 || generations[0].Roster != nil {
				t.Errorf("generations: got %d, want the first, without a roster", len(generations))
			}
			held, err8 := tx.Vaults.Keyholder(ctx, s.vaults[i].ID, a.ID)
			if len(held) != 1 || string(held[0].Pin) != "\x05" {
				t.Errorf("keyholder: got %d, want it as it was", len(held))
			}
			if err := errors.Join(err, err1, err2, err3, err4, err5, err6, err7, err8); err != nil {
				return err
			}
			for _, span := range []store.Span{{}, {From: 1, To: 1}} {
				kept, err := tx.Vaults.Recordings(ctx, s.vaults[i].ID, span, store.Cursor{}, 10)
				want("recordings", kept, s.recordings[i:i+1])
				sum, err1 := tx.Vaults.Totals(ctx, s.vaults[i].ID, span)
				want("bytes", sum.Bytes, int64(800))
				if err := errors.Join(err, err1); err != nil {
					return err
				}
			}
		}
		want("households", len(houses), len(s.accounts))
		asked, err := tx.Rights.CountRequests(ctx)
		frozen, err1 := tx.Rights.CountRestrictions(ctx)
		due, err2 := tx.Vaults.DueParts(ctx, began.AddDate(10, 0, 0), 100)
		want("requests", len(asked), 0)
		want("restrictions", frozen, 0)
		want("parts that fall due, none of them frozen", len(due), len(s.accounts)*len(hearkeep.Parts()))
		return errors.Join(err, err1, err2)
	})
	if err != nil {
		t.Fatal(err)
	}
}

// A migration that stops on its way has changed nothing, and the next start
// makes it whole.
func TestInterruptedMigration(t *testing.T) {
	t.Parallel()
	s := makeSpine(t)
	db := openSpine(t, s.dir)
	// The last table that the migration makes is there already: it fails at its end.
	if _, err := db.ExecContext(t.Context(), "CREATE TABLE deliveries (id INTEGER)"); err != nil {
		t.Fatal(err)
	}
	if st, err := Open(t.Context(), s.dir); err == nil {
		st.Close()
		t.Fatal("Open: got no error, want the migration's")
	}
	var left int
	err := db.QueryRowContext(t.Context(), `SELECT (SELECT count(*) FROM sqlite_schema WHERE name IN ('households', 'members', 'channels', 'recordings_by_generation'))
		+ (SELECT count(*) FROM pragma_table_info('accounts') WHERE name = 'changed')
		+ (SELECT max(version_id) - 1 FROM goose_db_version)`).Scan(&left)
	if err != nil || left != 0 {
		t.Errorf("after the failure: got %d changes, %v, want none", left, err)
	}
	if _, err := db.ExecContext(t.Context(), "DROP TABLE deliveries"); err != nil {
		t.Fatal(err)
	}
	if err := db.Close(); err != nil {
		t.Fatal(err)
	}
	s.wantReadable(t, openStore(t, s.dir))
}
