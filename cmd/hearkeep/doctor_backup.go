package main

import (
	"context"
	"os"
	"path/filepath"
	"strings"
	"time"

	"github.com/hearkeep/hearkeep/internal/backup"
	"github.com/hearkeep/hearkeep/internal/store"
)

// backups looks at when the newest was verified, at copies of keys that should
// be gone, and at whether what was erased is noted at each place. It writes
// nothing there.
func (d *doctor) backups(ctx context.Context, st store.Store) {
	var rows []store.Backup
	err := st.View(ctx, func(tx *store.Tx) (err error) { rows, err = tx.Backups.Backups(ctx); return err })
	if err != nil {
		d.problem("backup", "hearkeep check --keep "+d.Keep, "Backups cannot be listed: %s.", firstLine(err))
		return
	}
	newest, ok := backup.Newest(rows)
	if !ok {
		d.note("backup", "hearkeep backup --keep "+d.Keep+" --to DIR --keys-to DIR2", "There is no verified backup: if this disk goes, everything is lost.")
		return
	}
	d.newestBackup(newest)
	d.oldKeys(rows)
	d.copies(rows)
}

// lateAfter is when a backup that nobody makes by a schedule counts as old.
const lateAfter = 7 * 24 * time.Hour

func (d *doctor) newestBackup(newest store.Backup) {
	age := d.now.Sub(newest.Begun)
	mend := "hearkeep backup --keep " + d.Keep + " --to " + newest.Place + " --keys-to " + filepath.Dir(newest.Keys)
	switch {
	case d.BackupTo != "" && age > 2*d.BackupEvery:
		d.problem("backup", mend, "The newest backup is %s old, and there should be one every %s. Copies of destroyed keys live until the next.", ageText(age), d.BackupEvery)
	case d.BackupTo == "" && age > lateAfter:
		d.note("backup", mend, "The newest backup is %s old. Copies of destroyed keys live until the next.", ageText(age))
	default:
		d.ok("backup", "The newest backup was verified %s ago: %s, %s.", ageText(age), countOf(newest.Recordings, "recording"), bytesText(newest.Bytes))
	}
}

// oldKeys says of copies of keys that they should be gone.
func (d *doctor) oldKeys(rows []store.Backup) {
	for _, row := range rows {
		// A running server looks once an hour.
		if backup.Due(rows, row, d.now.Add(-2*time.Hour)) {
			d.problem("backup", "see that its disk is there; a running server destroys it within an hour. Or destroy it by hand, and let its folder be reached", "A copy of the keys should be gone, and is not known to be: %s. It still holds keys of what was erased.", row.Keys)
		}
	}
}

// copies compares the copies of the erasure journal with it.
func (d *doctor) copies(rows []store.Backup) {
	journal, err := os.ReadFile(filepath.Join(d.Keep, fileJournal))
	if err != nil {
		return // said already
	}
	done := map[string]bool{}
	for _, row := range rows {
		if row.Verified.IsZero() || !row.Destroyed.IsZero() || done[row.Place] {
			continue
		}
		done[row.Place] = true
		at, err := os.ReadFile(filepath.Join(row.Place, fileJournal))
		mend := "see that the disk of " + row.Place + " is there and can be written to; it is brought up to date at the next erasure, and within an hour"
		switch {
		case err != nil:
			d.problem("backup", mend, "What is erased is not noted at the backup's place: %v. A restore from there would not know of it.", cause(err))
		case !strings.HasPrefix(string(journal), string(at)):
			d.problem("backup", "back up to another folder, and find out who wrote to "+row.Place, "What is noted as erased at %s is not of this keep, or was altered.", row.Place)
		case len(at) < len(journal):
			d.problem("backup", mend, "What was erased lately is not noted at %s yet. A restore from there would not know of it.", row.Place)
		}
	}
}

// ageText is a duration in the unit that people would use.
func ageText(age time.Duration) string {
	switch {
	case age < time.Hour:
		return countOf(int(age/time.Minute), "minute")
	case age < 48*time.Hour:
		return countOf(int(age/time.Hour), "hour")
	}
	return countOf(int(age/(24*time.Hour)), "day")
}
