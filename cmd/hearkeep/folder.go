package main

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"os"
	"path/filepath"
	"syscall"
	"time"

	"github.com/hearkeep/hearkeep"
	"github.com/hearkeep/hearkeep/internal/backup"
	"github.com/hearkeep/hearkeep/internal/blob/files"
	"github.com/hearkeep/hearkeep/internal/ledger"
	"github.com/hearkeep/hearkeep/internal/notify"
	"github.com/hearkeep/hearkeep/internal/seal"
	"github.com/hearkeep/hearkeep/internal/store"
	"github.com/hearkeep/hearkeep/internal/store/sqlite"
	"github.com/hearkeep/hearkeep/internal/vault"
)

// The files of a keep's folder.
const (
	fileLock    = "lock"
	fileRows    = "hearkeep.db" // as store/sqlite calls it
	fileHouse   = "house.key"   // outside backups
	fileLedger  = "ledger.key"  // signs checkpoints
	fileJournal = "erasures.journal"
	fileReserve = "reserve"
	fileKept    = "settings" // what was fixed at set-up
	fileCAKey   = "ca.key"   // of --tls local
	fileCACerts = "ca.crt"
	dirACME     = "acme" // of --tls acme: account, keys, certificates
	dirBlobs    = "audio"
)

// reserveSize is what is given up when the disk is full, so that signing in
// and erasing go on.
const reserveSize = 16 << 20

// folder is an opened keep on the embedded store.
type folder struct {
	path    string
	lock    *os.File
	house   seal.HouseKey
	store   store.Store
	ledger  *ledger.Ledger
	letters *notify.Desk
	keep    *vault.Keep
	backups *backup.Desk

	journal *store.Journal
	reserve *store.Reserve
}

// openFolder takes a folder for this process alone, makes in it what is
// missing, and finishes what a crash left half done. Of letters it is given
// the settings and the origin.
func openFolder(ctx context.Context, path string, zone *time.Location, letters notify.Config, log *slog.Logger) (*folder, error) {
	if err := os.MkdirAll(path, 0o700); err != nil {
		return nil, folderError(path, err)
	}
	f := &folder{path: path}
	if err := f.open(ctx, zone, letters, log); err != nil {
		return nil, errors.Join(err, f.close())
	}
	return f, nil
}

// open takes one thing after the other; close lets go of what it took.
func (f *folder) open(ctx context.Context, zone *time.Location, letters notify.Config, log *slog.Logger) (err error) {
	path := f.path
	if f.lock, err = lockFolder(path); err != nil {
		return err
	}
	if err := wholeFolder(path); err != nil {
		return err
	}
	if f.house, err = houseKey(path); err != nil {
		return err
	}
	st, err := sqlite.Open(ctx, path)
	if err != nil {
		return err
	}
	f.store = st
	f.reserve, err = store.OpenReserve(filepath.Join(path, fileReserve), reserveSize)
	if errors.Is(err, store.ErrFull) {
		log.Warn("the disk has no room for the reserve", "bytes", int64(reserveSize))
		err = nil
	}
	if err != nil {
		return err
	}
	if f.ledger, err = ledger.Open(ctx, f.pressing(), filepath.Join(path, fileLedger)); err != nil {
		return ledgerError(err)
	}
	blobs, err := files.Open(filepath.Join(path, dirBlobs))
	if err != nil {
		return err
	}
	if f.journal, err = store.OpenJournal(filepath.Join(path, fileJournal)); err != nil {
		return err
	}
	f.backups = f.backupDesk(st, blobs, log)
	if err := f.backups.Compare(ctx); err != nil {
		return ledgerError(err)
	}
	if err := f.backups.Follow(ctx); err != nil {
		return err
	}
	letters.Store, letters.House, letters.Log = f.pressing(), f.house, log
	if f.letters, err = notify.New(letters); err != nil {
		return err
	}
	f.keep, err = vault.Open(ctx, vault.Config{
		Store: st, Blobs: blobs, Ledger: f.ledger, House: f.house,
		Journal: f.journal, Reserve: f.reserve, Letters: f.letters, Zone: zone, Log: log,
	})
	return err
}

// pressing is the store for what goes on when the disk is full: signing in,
// the entries without which nothing opens, and noting that a letter was sent.
func (f *folder) pressing() store.Store { return store.Reserving{Store: f.store, Reserve: f.reserve} }

// houseKey reads the folder's house key, or makes it in an empty folder. A
// keep that lost it is not given another: doors and timers would not open.
func houseKey(path string) (seal.HouseKey, error) {
	file := filepath.Join(path, fileHouse)
	_, missing := os.Stat(file)
	_, begun := os.Stat(filepath.Join(path, fileRows))
	if errors.Is(missing, os.ErrNotExist) && begun == nil {
		return seal.HouseKey{}, codedError{exitDamaged, hearkeep.Errorf(hearkeep.Conflict, "This keep's house key is missing.").
			WithHint("Put %s back from where it was copied. Without it no door of this keep is trusted.", file)}
	}
	return seal.LoadOrCreateHouseKey(file)
}

// lockFolder holds the folder until the process ends, however it ends.
func lockFolder(path string) (*os.File, error) {
	lock, err := os.OpenFile(filepath.Join(path, fileLock), os.O_RDWR|os.O_CREATE, 0o600)
	if err != nil {
		return nil, folderError(path, err)
	}
	if err := syscall.Flock(int(lock.Fd()), syscall.LOCK_EX|syscall.LOCK_NB); err != nil {
		lock.Close()
		return nil, codedError{exitInUse, hearkeep.Errorf(hearkeep.Conflict, "Another Hearkeep is running on %s.", path).
			WithHint("Stop it first, or name another folder with --keep.").Because(err)}
	}
	return lock, nil
}

// wholeFolder refuses what a restore has not finished, and what is no keep but
// a backup: a server would make a new keep of what is there.
func wholeFolder(path string) error {
	switch {
	case hasFile(path, backup.DirRestoring):
		return codedError{exitDamaged, hearkeep.Errorf(hearkeep.Conflict, "A restore into %s did not end.", path).
			WithHint("Empty the folder and restore again; the backup is as it was.")}
	case isBackup(path):
		return hearkeep.Errorf(hearkeep.Conflict, "%s is a backup, and no keep.", path).
			WithHint("Make a keep of it: hearkeep restore --help.")
	}
	return nil
}

func ledgerError(err error) error {
	switch {
	case errors.Is(err, ledger.ErrRewound):
		return codedError{exitDamaged, hearkeep.Errorf(hearkeep.Conflict, "THE LEDGER WENT BACK. %s", rewound).
			WithHint("Do not go on with it. Keep a copy of the folder, and find out who can write to it. Put the right database back, or restore the newest backup; or, where nothing else is left, hearkeep ledger continue --help.").Because(err)}
	case errors.Is(err, ledger.ErrForked):
		return codedError{exitDamaged, hearkeep.Errorf(hearkeep.Conflict, "The ledger does not lead to its signed checkpoint: this database was altered, or an older one was put in its place.").
			WithHint("Do not go on with it. Keep a copy, and restore the newest whole backup.").Because(err)}
	}
	return err
}

// rewound says what ledger.ErrRewound means.
const rewound = "The database is older than, or other than, what this keep has signed and kept in its file of checkpoints: an older copy, or another history, was put in its place, or that file was altered."

// close lets go of everything that openFolder took.
func (f *folder) close() error {
	var errs []error
	if f.ledger != nil { // what fails here is in the database all the same
		ctx, cancel := context.WithTimeout(context.Background(), 10*time.Second)
		errs = append(errs, f.ledger.Close(ctx))
		cancel()
	}
	if f.store != nil {
		errs = append(errs, f.store.Close())
	}
	if f.journal != nil {
		errs = append(errs, f.journal.Close())
	}
	if f.reserve != nil {
		errs = append(errs, f.reserve.Close())
	}
	if f.lock != nil {
		errs = append(errs, f.lock.Close())
	}
	if err := errors.Join(errs...); err != nil {
		return fmt.Errorf("close %s: %w", f.path, err)
	}
	return nil
}
