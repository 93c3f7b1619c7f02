package backup

import (
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"time"

	"github.com/hearkeep/hearkeep"
	"github.com/hearkeep/hearkeep/internal/ledger"
	"github.com/hearkeep/hearkeep/internal/store"
)

// rowsFor is how long it stays known that a copy of the keys was destroyed:
// receipts say when.
const rowsFor = 400 * 24 * time.Hour

// Follow copies what is erased from now on to every place that holds a backup.
func (d *Desk) Follow(ctx context.Context) error {
	rows, err := d.list(ctx)
	if err != nil {
		return fmt.Errorf("backup: follow: %w", err)
	}
	for _, row := range rows {
		if !row.Verified.IsZero() && row.Destroyed.IsZero() {
			d.follow(row.Place)
		}
	}
	d.Journal.CatchUp()
	return nil
}

func (d *Desk) follow(place string) {
	d.Journal.Follow(filepath.Join(place, fileJournal), func(err error) {
		if err != nil {
			d.Log.Error("what is erased is not noted at the backup's place; it is tried again with each erasure", "err", err)
		} else {
			d.Log.Info("what is erased is noted at the backup's place again")
		}
	})
}

// Tidy destroys copies of the keys that are due, and brings what lies beside
// backups up to date. While a backup is made it does nothing.
func (d *Desk) Tidy(ctx context.Context, now time.Time) error {
	if !d.busy.TryLock() {
		return nil
	}
	defer d.busy.Unlock()
	d.Journal.CatchUp()
	return errors.Join(d.tidy(ctx, now), d.noteHead(ctx))
}

// tidy destroys the copies of keys that are older than a verified one: those
// that were never verified at once, the others when they are due.
func (d *Desk) tidy(ctx context.Context, now time.Time) error {
	rows, err := d.list(ctx)
	if err != nil {
		return fmt.Errorf("backup: tidy: %w", err)
	}
	var failed []error
	for _, row := range rows {
		if !Due(rows, row, now) {
			continue
		}
		if err := d.destroy(ctx, row, now); err != nil {
			failed = append(failed, err)
		}
	}
	failed = append(failed, d.Store.Update(ctx, func(tx *store.Tx) error {
		_, err := tx.Backups.ExpireBackups(ctx, now.Add(-rowsFor))
		return err
	}))
	return errors.Join(failed...)
}

// Due reports whether the copy of the keys of one backup should be gone.
func Due(rows []store.Backup, row store.Backup, now time.Time) bool {
	newest, ok := Newest(rows)
	if !ok || !row.Destroyed.IsZero() || !row.Begun.Before(newest.Begun) {
		return false
	}
	return row.Verified.IsZero() || !now.Before(row.Until)
}

// Newest is the newest verified backup.
func Newest(rows []store.Backup) (newest store.Backup, ok bool) {
	for _, row := range rows {
		if !row.Verified.IsZero() && row.Destroyed.IsZero() && (!ok || row.Begun.After(newest.Begun)) {
			newest, ok = row, true
		}
	}
	return newest, ok
}

func (d *Desk) destroy(ctx context.Context, row store.Backup, now time.Time) error {
	// A folder without its marker is not the one: its disk is not mounted.
	if _, err := os.Stat(filepath.Join(filepath.Dir(row.Keys), fileMarker)); err != nil {
		return fmt.Errorf("backup: the place of an old copy of the keys cannot be reached: %w", err)
	}
	if err := errors.Join(destroy(row.Keys), destroy(row.Keys+unfinished)); err != nil {
		return err
	}
	if err := syncFolder(filepath.Dir(row.Keys)); err != nil {
		return err
	}
	row.Destroyed = now.UTC().Truncate(time.Millisecond)
	return d.Store.Update(ctx, func(tx *store.Tx) error {
		if err := tx.Backups.SetBackup(ctx, row); err != nil {
			return err
		}
		_, err := d.Ledger.Append(ctx, tx, ledger.Entry{Kind: ledger.KindBackup, Role: hearkeep.RoleSystem, Purpose: "keys destroyed", Count: 1})
		return err
	})
}

// destroy overwrites a copy of the keys and removes it. On a disk that writes
// elsewhere than it is told (flash, copy on write) the bytes may live on until
// their blocks are used again. What is not there is no error; what is not named
// as a copy of keys is refused, for names come from rows.
func destroy(path string) error {
	if name := filepath.Base(path); !strings.HasPrefix(name, keysPrefix) {
		return fmt.Errorf("backup: %s is not a copy of keys", path)
	}
	f, err := os.OpenFile(path, os.O_WRONLY|syscall.O_NOFOLLOW, 0)
	if errors.Is(err, fs.ErrNotExist) {
		return nil
	}
	if err != nil {
		return fmt.Errorf("backup: destroy keys: %w", err)
	}
	info, err := f.Stat()
	if err == nil && info.Mode().IsRegular() {
		_, err = io.CopyN(f, zeroes{}, info.Size())
	}
	if err := errors.Join(err, f.Sync(), f.Close(), os.Remove(path)); err != nil {
		return fmt.Errorf("backup: destroy keys: %w", err)
	}
	return nil
}

type zeroes struct{}

func (zeroes) Read(p []byte) (int, error) { clear(p); return len(p), nil }

// Compare holds the ledger against the checkpoint that lies beside each backup,
// and fails with ledger.ErrRewound where one speaks of more of it, or of other:
// the whole folder may have been put back. A place that cannot be reached says
// nothing.
func (d *Desk) Compare(ctx context.Context) error {
	rows, err := d.list(ctx)
	if err != nil {
		return fmt.Errorf("backup: compare: %w", err)
	}
	for _, row := range rows {
		head, err := os.ReadFile(filepath.Join(row.Place, fileCheckpoint))
		if err != nil || row.Verified.IsZero() || !row.Destroyed.IsZero() {
			continue
		}
		if err := d.Ledger.Holds(ctx, head); err != nil {
			return fmt.Errorf("backup: the checkpoint at %s: %w", row.Place, err)
		}
	}
	return nil
}

// noteHead puts the ledger's newest checkpoint beside each backup, so that a
// restore can say how much of the ledger it loses.
func (d *Desk) noteHead(ctx context.Context) error {
	head, err := d.Ledger.Checkpoint(ctx)
	if err != nil || head == nil {
		return err
	}
	rows, err := d.list(ctx)
	if err != nil {
		return err
	}
	done := map[string]bool{}
	var failed []error
	for _, row := range rows {
		if row.Verified.IsZero() || !row.Destroyed.IsZero() || done[row.Place] {
			continue
		}
		done[row.Place] = true
		if _, _, err := readManifest(row.Place); err != nil {
			failed = append(failed, err)
			continue
		}
		failed = append(failed, writeFile(filepath.Join(row.Place, fileCheckpoint), head))
	}
	return errors.Join(failed...)
}

// retryAfter is how long Run waits after a backup that failed.
const retryAfter = 15 * time.Minute

// Run makes a backup whenever the newest at the place is older than every, and
// tidies, until the context ends.
func (d *Desk) Run(ctx context.Context, p Places, every time.Duration) error {
	var tried, tidied time.Time
	for tick := time.NewTicker(time.Minute); ; {
		now := time.Now()
		if p.To != "" && now.Sub(tried) >= retryAfter && d.isDue(ctx, p, every, now) {
			tried = now
			made, err := d.Make(ctx, p, func(string) {})
			switch {
			case err != nil && ctx.Err() == nil:
				d.Log.Error("no backup was made; it is tried again", "err", err)
			case err == nil:
				d.Log.Info("a backup is verified", "recordings", made.Recordings, "bytes", made.Bytes, "copied", made.Copied)
			}
		}
		if now.Sub(tidied) >= time.Hour {
			tidied = now
			if err := d.Tidy(ctx, now); err != nil && ctx.Err() == nil {
				d.Log.Error("what lies beside backups is not up to date", "err", err)
			}
		}
		select {
		case <-ctx.Done():
			tick.Stop()
			return nil
		case <-tick.C:
		}
	}
}

func (d *Desk) isDue(ctx context.Context, p Places, every time.Duration, now time.Time) bool {
	rows, err := d.list(ctx)
	if err != nil {
		d.Log.Error("backups cannot be listed", "err", err)
		return false
	}
	to, err := resolve(p.To)
	for _, row := range rows {
		if err == nil && row.Place == to && !row.Verified.IsZero() && now.Sub(row.Begun) < every {
			return false
		}
	}
	return true
}
