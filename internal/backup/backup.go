// Package backup copies a keep while it is in use, reads the copy back, and
// makes a keep of it again.
//
// A backup lies in two places: one has the rows, the audio and a copy of the
// erasure journal, the other has copies of the wrapped keys. Neither opens
// anything without the other, and both together open nothing without somebody
// who can sign in. The house key and the ledger's key are in neither.
//
// It promises that a backup counts only after it was read back and added up:
// every row has its key and its bytes, or stands in the journal as erased;
// that what was erased after a backup is erased again before a keep restored
// from it serves; and that a copy of the keys is destroyed when it is old and
// a newer backup is verified. It refuses places that lie in each other or in
// the keep, and that others on the machine may read.
package backup

import (
	"context"
	"crypto/sha256"
	"errors"
	"fmt"
	"io/fs"
	"log/slog"
	"os"
	"path/filepath"
	"runtime"
	"strings"
	"sync"
	"syscall"
	"time"

	"github.com/hearkeep/hearkeep"
	"github.com/hearkeep/hearkeep/internal/blob"
	"github.com/hearkeep/hearkeep/internal/ledger"
	"github.com/hearkeep/hearkeep/internal/store"
)

// KeysFor is how long a copy of the keys is kept, unless set otherwise, where
// a newer backup is verified.
const KeysFor = 7 * 24 * time.Hour

// rounds is how often a copy is made again that does not add up because the
// keep went on meanwhile.
const rounds = 5

// Files of the two places.
const (
	fileManifest   = "backup.note"      // which files the backup is, signed
	fileJournal    = "erasures.journal" // of what was erased, to this moment
	fileCheckpoint = "checkpoint"       // the ledger's newest known, for what a restore loses
	dirAudio       = "audio"
	fileMarker     = "hearkeep-keys" // says whose keys lie here, and that the place is mounted
	unfinished     = ".new"          // ends the name of what is being written
	keysPrefix     = "hearkeep-keys-"
)

// Config is what a Desk works with. The functions open what was copied, to
// look at it; OpenBlobs opens a folder of blobs to add to.
type Config struct {
	Keep      string // the keep's folder
	LedgerKey string // the file of the ledger's key
	Extra     []string
	Store     store.Store
	Copier    store.Copier
	Blobs     blob.Store
	Journal   *store.Journal
	Ledger    *ledger.Ledger
	KeysFor   time.Duration // zero is the constant KeysFor
	OpenCopy  func(ctx context.Context, rows, keys string) (store.Store, error)
	OpenBlobs func(folder string) (blob.Store, error)
	Log       *slog.Logger
}

// Desk makes backups of one keep, one at a time.
type Desk struct {
	Config
	busy sync.Mutex
}

// New returns a Desk. Follow makes it note what is erased from now on.
func New(c Config) *Desk {
	if c.Log == nil {
		c.Log = slog.New(slog.DiscardHandler)
	}
	if c.KeysFor == 0 {
		c.KeysFor = KeysFor
	}
	return &Desk{Config: c}
}

// Places is where a backup goes, and who asked for it.
type Places struct {
	To     string // rows, audio, journal
	KeysTo string // keys
	By     hearkeep.Role
}

// Made is a verified backup.
type Made struct {
	Place      string   `json:"place"`
	Keys       string   `json:"keys"`
	Recordings int      `json:"recordings"`
	Bytes      int64    `json:"bytes"`           // of all of it
	Copied     int64    `json:"copied"`          // what was not there before
	First      bool     `json:"first,omitempty"` // of this place
	Warnings   []string `json:"warnings,omitempty"`
}

// errNotWhole is a copy that does not add up; another may.
var errNotWhole = errors.New("backup: it does not add up")

// Make makes a backup and returns after it was read back. Conflict where one
// is being made. tell hears of each step.
func (d *Desk) Make(ctx context.Context, p Places, tell func(string)) (Made, error) {
	if !d.busy.TryLock() {
		return Made{}, hearkeep.Errorf(hearkeep.Conflict, "A backup is being made already.").WithHint("Wait until it has ended.")
	}
	defer d.busy.Unlock()
	known, err := d.list(ctx)
	if err != nil {
		return Made{}, fmt.Errorf("backup: %w", err)
	}
	at, err := d.prepare(p, known)
	if err != nil {
		return Made{}, err
	}
	row, err := d.begin(ctx, at)
	if err != nil {
		return Made{}, fmt.Errorf("backup: begin: %w", err)
	}
	var made Made
	quietly(func() { made, err = d.make(ctx, at, &row, p.By, tell) })
	if err != nil {
		return Made{}, errors.Join(placeError(at, err), d.abandon(context.WithoutCancel(ctx), row))
	}
	made.First, made.Warnings = at.first, append(at.warnings, made.Warnings...)
	if err := d.tidy(ctx, time.Now()); err != nil {
		d.Log.Error("old copies of keys are not destroyed yet", "err", err)
		made.Warnings = append(made.Warnings, "An old copy of the keys could not be destroyed: "+err.Error())
	}
	return made, nil
}

// niceness is how much less of the processor a backup gets than what is said.
const niceness = 10

// quietly runs fn at a lower priority, on a thread that ends with it: SQLite
// here is Go, and copies and compares on the thread that asks.
func quietly(fn func()) {
	var done sync.WaitGroup
	done.Go(func() {
		runtime.LockOSThread() // and is never unlocked
		syscall.Setpriority(syscall.PRIO_PROCESS, syscall.Gettid(), niceness)
		fn()
	})
	done.Wait()
}

// begin enters the backup before any key is copied, so that no copy is one
// that receipts know nothing of.
func (d *Desk) begin(ctx context.Context, at places) (row store.Backup, err error) {
	row = store.Backup{ID: hearkeep.NewID[hearkeep.BackupID](), Place: at.to, Begun: time.Now().UTC().Truncate(time.Millisecond)}
	row.Until = row.Begun.Add(d.KeysFor)
	row.Keys = filepath.Join(at.keysTo, keysName(row))
	err = d.Store.Update(ctx, func(tx *store.Tx) (err error) {
		if row.Erasures, err = tx.Backups.LastErasure(ctx); err != nil {
			return err
		}
		return tx.Backups.InsertBackup(ctx, row)
	})
	return row, err
}

func stamp(row store.Backup) string {
	return row.Begun.Format("20060102T150405.000Z") + "-" + row.ID.String()[:8]
}
func rowsName(row store.Backup) string { return "hearkeep-" + stamp(row) + ".db" }
func keysName(row store.Backup) string { return keysPrefix + stamp(row) + ".db" }

// make copies, reads back, and repeats where the keep has gone on meanwhile;
// then it puts the new backup in the place of the old one.
func (d *Desk) make(ctx context.Context, at places, row *store.Backup, by hearkeep.Role, tell func(string)) (Made, error) {
	journal := filepath.Join(at.to, fileJournal)
	if _, err := d.Journal.CopyTo(journal); err != nil {
		return Made{}, err
	}
	d.follow(at.to)
	rows := filepath.Join(at.to, rowsName(*row))
	var sum sum
	for round := 1; ; round++ {
		tell("copying rows and keys")
		var err error
		if sum, err = d.copyOnce(ctx, at, *row, rows, round == rounds, tell); err == nil {
			break
		}
		if !errors.Is(err, errNotWhole) || round == rounds || ctx.Err() != nil {
			return Made{}, err
		}
		d.Log.Info("a backup is copied again: the keep went on meanwhile", "round", round, "err", err)
	}
	m, err := d.describe(ctx, at, *row, rows, sum)
	if err != nil {
		return Made{}, err
	}
	if err := d.swap(at, *row, rows, m); err != nil {
		return Made{}, err
	}
	row.Verified, row.Recordings, row.Bytes = time.Now(), sum.recordings, m.Rows.Size+m.Keys.Size+sum.bytes
	if err := d.verified(ctx, *row, by); err != nil {
		return Made{}, err
	}
	tell("removing what was erased since the backup before")
	if err := d.prune(ctx, at, *row); err != nil { // noise without keys; the next backup tries again
		d.Log.Warn("a backup still has what is no longer kept", "err", err)
	}
	made := Made{Place: at.to, Keys: row.Keys, Recordings: row.Recordings, Bytes: row.Bytes, Copied: m.Rows.Size + m.Keys.Size + sum.copied}
	if n := len(sum.damaged); n > 0 {
		made.Warnings = append(made.Warnings, fmt.Sprintf("%d parts of recordings are damaged in the keep itself, and so in the backup. hearkeep check names them.", n))
	}
	return made, nil
}

// copyOnce copies rows before keys, and both before audio: what is kept has
// its audio and its keys before its row, so that whatever row is copied finds
// them, unless it was erased meanwhile, and then the journal says so. Words
// that were corrected meanwhile are a reason to copy again; the last time they
// count as erased.
func (d *Desk) copyOnce(ctx context.Context, at places, row store.Backup, rows string, last bool, tell func(string)) (sum, error) {
	keys := row.Keys + unfinished
	for _, path := range []string{rows + unfinished, keys} {
		if err := remove(path); err != nil {
			return sum{}, err
		}
	}
	if err := d.Copier.CopyRows(ctx, rows+unfinished); err != nil {
		return sum{}, err
	}
	if err := d.Copier.CopyKeys(ctx, keys); err != nil {
		return sum{}, err
	}
	st, err := d.OpenCopy(ctx, rows+unfinished, keys)
	if err != nil {
		return sum{}, fmt.Errorf("read back: %w", err)
	}
	sum, err := d.readBack(ctx, st, at, last, tell)
	return sum, errors.Join(err, st.Close())
}

// readBack reads all of a copy, and copies the audio that it lacks.
func (d *Desk) readBack(ctx context.Context, st store.Store, at places, last bool, tell func(string)) (sum, error) {
	tell("reading rows and keys back")
	if err := st.Check(ctx); err != nil {
		return sum{}, fmt.Errorf("read back: %w", err)
	}
	if _, err := ledger.OpenCopy(ctx, st, d.LedgerKey); err != nil {
		return sum{}, fmt.Errorf("read back: %w", err)
	}
	audio, err := d.OpenBlobs(filepath.Join(at.to, dirAudio))
	if err != nil {
		return sum{}, err
	}
	tell("copying audio, and reading it back")
	var damaged []string
	w := walk{st: st, from: d.Blobs, to: audio, corrected: last, erased: d.Journal.Each}
	w.lacks = func(ctx context.Context, rec store.Recording, part hearkeep.Part, what string) error {
		if err := d.damagedHere(ctx, rec, part, what); err != nil {
			return err
		}
		damaged = append(damaged, lackName(rec, part))
		return nil
	}
	total, err := w.all(ctx)
	total.damaged = damaged
	return total, err
}

// damagedHere fails unless the keep itself lacks what its copy lacks: one bad
// file costs one recording, and not all backups from then on.
func (d *Desk) damagedHere(ctx context.Context, rec store.Recording, part hearkeep.Part, what string) error {
	if part == "" {
		_, err := d.Store.Keys().Envelope(ctx, rec.Vault, rec.Envelope)
		return unlessMissing(err, rec, part, what)
	}
	var of map[hearkeep.RecordingID]store.Part
	err := d.Store.View(ctx, func(tx *store.Tx) (err error) {
		of, err = tx.Vaults.PartsOf(ctx, rec.Vault, []hearkeep.RecordingID{rec.ID}, part)
		return err
	})
	p, has := of[rec.ID]
	if err != nil || !has {
		return errors.Join(err, doesNotAddUp(rec, part, what))
	}
	if _, err := d.Store.Keys().Part(ctx, rec.Vault, rec.ID, part, p.Version); err != nil {
		return unlessMissing(err, rec, part, what)
	}
	whole := false
	if part == hearkeep.PartAudio {
		if whole, err = isWhole(ctx, d.Blobs, rec.Blob, p); errors.Is(err, blob.ErrNotFound) {
			err = nil
		}
	} else {
		whole = sha256.Sum256(p.Bytes) == p.Hash
	}
	if err != nil || whole {
		return errors.Join(err, doesNotAddUp(rec, part, what))
	}
	return nil
}

func unlessMissing(err error, rec store.Recording, part hearkeep.Part, what string) error {
	if errors.Is(err, store.ErrNotFound) {
		return nil
	}
	return errors.Join(err, doesNotAddUp(rec, part, what))
}

// lackName names a part in a manifest.
func lackName(rec store.Recording, part hearkeep.Part) string {
	return rec.ID.String() + " " + string(part)
}

// verified notes that a backup is whole, and enters it in the ledger.
func (d *Desk) verified(ctx context.Context, row store.Backup, by hearkeep.Role) error {
	return d.Store.Update(ctx, func(tx *store.Tx) error {
		if err := tx.Backups.SetBackup(ctx, row); err != nil {
			return err
		}
		_, err := d.Ledger.Append(ctx, tx, ledger.Entry{Kind: ledger.KindBackup, Role: by, Purpose: "verified", Count: row.Recordings})
		return err
	})
}

// abandon removes what a backup that failed has left. What cannot be removed
// stands in its row, and goes when the next one is verified.
func (d *Desk) abandon(ctx context.Context, row store.Backup) error {
	rows := filepath.Join(row.Place, rowsName(row))
	if m, _, err := readManifest(row.Place); err == nil && m.Rows.Name == filepath.Base(rows) {
		return nil // it failed after it had taken the place of the one before
	}
	err := errors.Join(remove(rows+unfinished), remove(rows), destroy(row.Keys+unfinished), destroy(row.Keys))
	if err != nil {
		return err
	}
	row.Destroyed = time.Now()
	return d.Store.Update(ctx, func(tx *store.Tx) error { return tx.Backups.SetBackup(ctx, row) })
}

// prune removes rows and audio of older backups from a place.
func (d *Desk) prune(ctx context.Context, at places, row store.Backup) error {
	old, err := named(at.to, "hearkeep-", "")
	if err != nil {
		return err
	}
	for _, path := range old {
		if name := filepath.Base(path); name != rowsName(row) && strings.Contains(name, ".db") {
			err = errors.Join(err, remove(path))
		}
	}
	st, e := d.OpenCopy(ctx, filepath.Join(at.to, rowsName(row)), row.Keys)
	if e != nil {
		return errors.Join(err, e)
	}
	defer st.Close()
	audio, e := d.OpenBlobs(filepath.Join(at.to, dirAudio))
	if e != nil {
		return errors.Join(err, e)
	}
	return errors.Join(err, pruneAudio(ctx, st, audio))
}

func pruneAudio(ctx context.Context, st store.Store, audio blob.Store) error {
	for after := ""; ; {
		page, err := audio.Each(ctx, after, 1000)
		if err != nil || len(page) == 0 {
			return err
		}
		after = page[len(page)-1].Name
		err = st.View(ctx, func(tx *store.Tx) error {
			for _, b := range page {
				has, err := tx.Vaults.HasBlob(ctx, b.Name)
				if err == nil && !has {
					err = audio.Delete(ctx, b.Name)
				}
				if err != nil {
					return err
				}
			}
			return nil
		})
		if err != nil {
			return err
		}
	}
}

func (d *Desk) list(ctx context.Context) (rows []store.Backup, err error) {
	err = d.Store.View(ctx, func(tx *store.Tx) error {
		rows, err = tx.Backups.Backups(ctx)
		return err
	})
	return rows, err
}

// remove removes a file; what is not there is no error.
func remove(path string) error {
	if err := os.Remove(path); err != nil && !errors.Is(err, fs.ErrNotExist) {
		return fmt.Errorf("backup: %w", err)
	}
	return nil
}

// placeError says to people what a place lacks.
func placeError(at places, err error) error {
	switch {
	case errors.Is(err, syscall.ENOSPC), errors.Is(err, syscall.EDQUOT), errors.Is(err, store.ErrFull), errors.Is(err, blob.ErrFull):
		return hearkeep.Errorf(hearkeep.Unavailable, "There is no room for the backup.").
			WithHint("Make room at %s and %s, and run it again. The backup before is as it was.", at.to, at.keysTo).Because(err)
	case errors.Is(err, store.ErrOtherJournal):
		return hearkeep.Errorf(hearkeep.Conflict, "What was erased is noted at %s by another keep, or was altered there.", at.to).
			WithHint("Nothing there was changed. Back up to another folder.").Because(err)
	case errors.Is(err, errNotWhole):
		return hearkeep.Errorf(hearkeep.Unavailable, "The copy does not add up, so it does not count as a backup. The one before is as it was.").
			WithHint("Run hearkeep check on the keep: something of it may be damaged.").Because(err)
	}
	return fmt.Errorf("backup: %w", err)
}
