// Package sqlite keeps the rows and wrapped keys of store in two SQLite files
// of one folder: hearkeep.db and keys.db.
//
// It promises that Update and Keys.Put return after an fsync that concurrent
// callers share, and that Keys.Destroy returns after the destroyed wraps have
// left keys.db and its log, byte for byte. Files are readable by their owner
// only. It refuses a schema newer than the program and files that are not
// databases. That one process at a time writes is for the caller to see to.
//
// Code in the same process must not open and close hearkeep.db or keys.db by
// other means: POSIX drops all of a process's locks on a file when any
// descriptor of it is closed.
package sqlite

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"sync"

	"github.com/hearkeep/hearkeep/internal/store"
)

// Names of the files in the folder. SQLite adds -wal and -shm to the first two.
const (
	rowsFile = "hearkeep.db"
	keysFile = "keys.db"
)

// Folders of what brings their schemas up to date.
const (
	rowsMigrations = "migrations/rows"
	keysMigrations = "migrations/keys"
)

// Store is a store.Store on SQLite.
type Store struct {
	rows  *database
	keys  *keys
	close func() error
}

var _ store.Store = (*Store)(nil)

// Open opens the store in dir, making it where it is not there, and brings its
// schema up to date.
func Open(ctx context.Context, dir string) (*Store, error) {
	if err := ownFolder(dir); err != nil {
		return nil, fmt.Errorf("sqlite: folder: %w", err)
	}
	return open(ctx, dir, readWrite)
}

// OpenReadOnly opens the store in dir to look at it, also while a server runs
// on it. Update and all changes of keys fail.
func OpenReadOnly(ctx context.Context, dir string) (*Store, error) {
	return open(ctx, dir, readOnly)
}

func open(ctx context.Context, dir string, m mode) (*Store, error) {
	return openBoth(ctx, filepath.Join(dir, rowsFile), filepath.Join(dir, keysFile), m)
}

func openBoth(ctx context.Context, rowsPath, keysPath string, m mode) (*Store, error) {
	rows, err := openDatabase(ctx, rowsPath, rowsMigrations, m)
	if err != nil {
		return nil, err
	}
	kdb, err := openDatabase(ctx, keysPath, keysMigrations, m)
	if err != nil {
		return nil, errors.Join(err, rows.close())
	}
	s := &Store{rows: rows, keys: &keys{db: kdb, turn: make(chan struct{}, 1)}}
	s.close = sync.OnceValue(s.closeAll)
	return s, nil
}

// Update implements store.Store. A failed commit fails every caller that
// shared it, with store.ErrFull where the disk had no room.
func (s *Store) Update(ctx context.Context, fn func(*store.Tx) error) error {
	return s.rows.update(ctx, func(x *tx) error { return fn(views(x)) })
}

// View implements store.Store. The snapshot is that of its first query.
func (s *Store) View(ctx context.Context, fn func(*store.Tx) error) error {
	return s.rows.view(ctx, func(x *tx) error { return fn(views(x)) })
}

// views gives each room its part of one transaction.
func views(x *tx) *store.Tx {
	return &store.Tx{Identity: identity{x}, Houses: houses{x}, Letters: letters{x}, Vaults: vaults{x}, Ledger: ledger{x}, Acts: acts{x}, Jobs: jobs{x}, Rights: rights{x}, Imports: imports{x}, Agents: agents{x}, Backups: backups{x}, Incidents: incidents{x}, Watch: watch{x}}
}

// Keys implements store.Store.
func (s *Store) Keys() store.Keys { return s.keys }

// Check implements store.Store: every page and index of both files, every
// reference between rows, and that no trigger stands in them; of the keys, that
// the tables are as they are made here. It reads all of it, so it takes as long
// as that.
func (s *Store) Check(ctx context.Context) error {
	return errors.Join(s.rows.programs(ctx), s.keys.db.asMade(ctx, keysMigrations), s.rows.check(ctx), s.keys.db.check(ctx))
}

// Close implements store.Store. Calls that wait for their turn fail.
func (s *Store) Close() error { return s.close() }

func (s *Store) closeAll() error {
	return errors.Join(s.rows.close(), s.keys.db.close())
}

// ownFolder makes dir, durably, and closes it to everybody but its owner.
func ownFolder(dir string) error {
	if err := os.MkdirAll(dir, 0o700); err != nil {
		return err
	}
	if err := os.Chmod(dir, 0o700); err != nil {
		return err
	}
	return syncFolder(filepath.Dir(filepath.Clean(dir)))
}

func syncFolder(dir string) error {
	f, err := os.Open(dir)
	if err != nil {
		return err
	}
	return errors.Join(f.Sync(), f.Close())
}
