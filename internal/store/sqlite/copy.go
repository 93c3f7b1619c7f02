package sqlite

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"os"
	"path/filepath"

	"github.com/hearkeep/hearkeep/internal/store"
)

var _ store.Copier = (*Store)(nil)

// CopyRows implements store.Copier.
func (s *Store) CopyRows(ctx context.Context, path string) error { return s.rows.copyTo(ctx, path) }

// CopyKeys implements store.Copier.
func (s *Store) CopyKeys(ctx context.Context, path string) error { return s.keys.db.copyTo(ctx, path) }

// OpenCopy opens what CopyRows and CopyKeys have written, where it lies, to
// look at it. Nobody may change the files meanwhile; nothing is put beside
// them, so that they may lie where nothing can be written.
func OpenCopy(ctx context.Context, rows, keys string) (*Store, error) {
	return openBoth(ctx, rows, keys, lookOnly)
}

// copyTo builds the database anew in a file of its own. That takes more work
// than copying pages, and leaves out what deleted rows have left in them.
func (d *database) copyTo(ctx context.Context, path string) (err error) {
	f, err := os.OpenFile(path, os.O_RDWR|os.O_CREATE|os.O_EXCL, 0o600)
	if err != nil {
		return fmt.Errorf("sqlite: copy %s: %w", d.name, failure(err))
	}
	defer func() {
		if err = errors.Join(err, f.Close()); err != nil {
			err = errors.Join(fmt.Errorf("sqlite: copy %s: %w", d.name, failure(err)), os.Remove(path))
		}
	}()
	if err := d.vacuumInto(ctx, path); err != nil {
		return err
	}
	// SQLite does not sync what it vacuums into.
	return errors.Join(f.Sync(), syncFolder(filepath.Dir(path)))
}

// vacuumInto uses a connection of its own: the others are in use, and may not
// write anything.
func (d *database) vacuumInto(ctx context.Context, path string) error {
	db, err := sql.Open("sqlite", d.uri("mode=ro", pragmas))
	if err != nil {
		return err
	}
	_, err = db.ExecContext(ctx, "VACUUM INTO ?", path)
	return errors.Join(err, db.Close())
}
