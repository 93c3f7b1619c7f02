package main

import (
	"context"
	"errors"
	"os"
	"path/filepath"
	"strings"
	"time"

	"github.com/hearkeep/hearkeep"
	"github.com/hearkeep/hearkeep/internal/seal"
	"github.com/hearkeep/hearkeep/internal/store"
	"github.com/hearkeep/hearkeep/internal/store/sqlite"
	"github.com/hearkeep/hearkeep/internal/vault"
	moderncsqlite "modernc.org/sqlite"
	sqlite3 "modernc.org/sqlite/lib"
)

// quickly is how long one look may take that grows with what is kept; what
// takes longer is for `hearkeep check`.
const quickly = 10 * time.Second

// stored looks at the databases, the ledger, the erasure journal, numbering
// and doors, without opening anything of it.
func (d *doctor) stored(ctx context.Context) {
	st, err := sqlite.OpenReadOnly(ctx, d.Keep)
	if err != nil {
		d.unopened(err)
		return
	}
	defer st.Close()
	d.written()
	d.databases(ctx, st)
	d.ledger(ctx, st)
	d.journal(ctx, st)
	d.numbers(ctx, st)
	d.bound(ctx, st)
	d.cases(ctx, st)
	d.outbox(ctx, st)
	d.backups(ctx, st)
}

// unopened says why the databases do not open.
func (d *doctor) unopened(err error) {
	var broken *moderncsqlite.Error
	var told *hearkeep.Error
	switch {
	case errors.As(err, &broken) && (broken.Code()&0xff == sqlite3.SQLITE_NOTADB || broken.Code()&0xff == sqlite3.SQLITE_CORRUPT):
		d.damage("database", d.restore(), "%s", firstLine(err))
	case errors.As(err, &told):
		d.problem("database", told.Hint, "%s", told.Message)
	default:
		d.problem("database", "run doctor as the user that the server runs as", "The databases do not open: %s.", firstLine(err))
	}
}

func (d *doctor) restore() string {
	return "stop the server, copy " + d.Keep + ", and read \"Damage\" in docs/operating.md"
}

func (d *doctor) databases(ctx context.Context, st store.Store) {
	look, cancel := context.WithTimeout(ctx, quickly)
	defer cancel()
	begin := time.Now()
	err := st.Check(look)
	switch {
	case err != nil && look.Err() != nil:
		d.note("database", "hearkeep check --keep "+d.Keep, "The databases are large: they were not read back within %s.", quickly)
	case err != nil:
		d.damage("database", d.restore(), "%s", firstLine(err))
	default:
		d.ok("database", "%s and %s are whole and of this version; read back in %s.", fileRows, fileKeys, took(begin))
	}
	sum, people, err := totals(ctx, st)
	if err != nil {
		d.problem("database", "hearkeep check --keep "+d.Keep, "What is kept cannot be counted: %s.", firstLine(err))
		return
	}
	d.ok("database", "%s of %s, %s; hearkeep check reads all of it back.",
		countOf(sum.Recordings, "recording"), countOf(people, "vault"), bytesText(sum.Bytes))
	if n, err := leftOpen(ctx, st); err == nil && n > 0 {
		d.note("keyholders", "ask somebody who holds such a vault to sign in", "Somebody left, or was removed from, %s whose keys are still to be renewed: until then they are kept out by rows alone.", countOf(n, "vault"))
	}
}

// leftOpen counts the vaults of which somebody left and that no keyholder has
// entered since.
func leftOpen(ctx context.Context, st store.Store) (n int, err error) {
	err = st.View(ctx, func(tx *store.Tx) error {
		all, err := tx.Vaults.AllVaults(ctx)
		for _, id := range all {
			gone, e := tx.Vaults.Departures(ctx, id)
			if err = errors.Join(err, e); len(gone) > 0 {
				n++
			}
		}
		return err
	})
	return n, err
}

func totals(ctx context.Context, st store.Store) (sum store.Totals, vaults int, err error) {
	err = st.View(ctx, func(tx *store.Tx) error {
		all, err := tx.Vaults.AllVaults(ctx)
		vaults = len(all)
		for _, id := range all {
			t, e := tx.Vaults.Totals(ctx, id, store.Span{})
			sum.Recordings, sum.Bytes, err = sum.Recordings+t.Recordings, sum.Bytes+t.Bytes, errors.Join(err, e)
		}
		return err
	})
	return sum, vaults, err
}

// journal reads the erasure journal through, and says what of it is not done.
func (d *doctor) journal(ctx context.Context, st store.Store) {
	path := filepath.Join(d.Keep, fileJournal)
	if _, err := os.Stat(path); err != nil {
		return // said already; OpenJournal would make one
	}
	journal, err := store.OpenJournal(path)
	if errors.Is(err, os.ErrPermission) {
		d.problem("journal", "run doctor as the user that the server runs as", "The erasure journal cannot be opened: %v.", cause(err))
		return
	}
	if err != nil {
		d.damage("journal", "put the newest copy of "+path+" back; without it an old copy of the keep brings back what was deleted", "%s.", firstLine(err))
		return
	}
	defer journal.Close()
	all, pending := 0, 0
	err = journal.Each(func(e store.Erasure) error {
		all++
		return st.View(ctx, func(tx *store.Tx) error {
			_, err := tx.Vaults.Erasure(ctx, e.Vault, e.Receipt)
			if errors.Is(err, store.ErrNotFound) {
				pending++
				return nil
			}
			return err
		})
	})
	switch {
	case err != nil:
		d.problem("journal", "hearkeep check --keep "+d.Keep, "The erasure journal cannot be compared: %s.", firstLine(err))
	case pending > 0 && !d.running:
		d.note("journal", "hearkeep serve --keep "+d.Keep, "%s of %d will be finished at the next start: a crash, or an older database, came between.", countOf(pending, "erasure"), all)
	default:
		d.ok("journal", "The erasure journal is readable: %s.", countOf(all, "erasure"))
	}
}

// numbers looks for numbers that were handed out and have neither a recording
// nor a tombstone. What is being kept at this moment is none.
func (d *doctor) numbers(ctx context.Context, st store.Store) {
	gaps, err := allGaps(ctx, st)
	if len(gaps) > 0 && d.running {
		select {
		case <-time.After(time.Second):
		case <-ctx.Done():
		}
		gaps, err = allGaps(ctx, st)
	}
	missing := hearkeep.Number(0)
	for _, g := range gaps {
		missing += g.To - g.From + 1
	}
	switch {
	case err != nil:
		d.problem("numbers", "hearkeep check --keep "+d.Keep, "The numbers of recordings cannot be compared: %s.", firstLine(err))
	case missing > 0:
		d.problem("numbers", "start the server: it enters them in the ledger as failed keeps",
			"%s: keeping was cut off by a crash, or rows were removed.", missed(int(missing)))
	default:
		d.ok("numbers", "Every number that was handed out has its recording, or its tombstone.")
	}
}

func missed(n int) string {
	if n == 1 {
		return "1 recording is not accounted for"
	}
	return countOf(n, "recording") + " are not accounted for"
}

func allGaps(ctx context.Context, st store.Store) (gaps []hearkeep.Run, err error) {
	var vaults []hearkeep.VaultID
	err = st.View(ctx, func(tx *store.Tx) (err error) { vaults, err = tx.Vaults.AllVaults(ctx); return err })
	for _, id := range vaults {
		more, e := vault.Gaps(ctx, st, id)
		gaps, err = append(gaps, more...), errors.Join(err, e)
	}
	return gaps, err
}

// bound holds each door against what its keyholder signed.
func (d *doctor) bound(ctx context.Context, st store.Store) {
	path := filepath.Join(d.Keep, fileHouse)
	if _, err := os.Stat(path); err != nil {
		return // said already; a new key would fit nothing
	}
	house, err := seal.LoadOrCreateHouseKey(path)
	if err != nil {
		_, says, mend := hearkeep.Explain(err)
		d.problem("doors", mend, "%s So doors were not looked at.", says)
		return
	}
	if d.doors, err = vault.CheckDoors(ctx, st, house); err != nil {
		d.problem("doors", "hearkeep check --keep "+d.Keep, "The doors cannot be looked at: %s.", firstLine(err))
		return
	}
	refused := 0
	for _, door := range d.doors {
		if door.Refused != nil {
			refused++
			d.damage("doors", "remove the door on the keep's page and add it anew; find out who can write "+fileRows,
				"Door %s is refused: its record is not what its keeper signed.", door.Binding)
		}
	}
	if refused == 0 {
		d.ok("doors", "%s: each as its keeper signed it.", countOf(len(d.doors), "door"))
	}
}

// took is a duration since, as people read it.
func took(begin time.Time) string { return time.Since(begin).Round(10 * time.Millisecond).String() }

func later(a, b time.Time) time.Time {
	if b.After(a) {
		return b
	}
	return a
}

// firstLine keeps a finding on its line: a check may name a hundred pages.
func firstLine(err error) string {
	line, rest, _ := strings.Cut(strings.TrimSpace(err.Error()), "\n")
	if rest != "" {
		line += " (and more)"
	}
	return strings.TrimSuffix(line, ".")
}
