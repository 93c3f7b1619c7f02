package sqlite

import (
	"context"
	"database/sql"
	"embed"
	"errors"
	"fmt"
	"io/fs"

	"github.com/hearkeep/hearkeep"
	"github.com/hearkeep/hearkeep/internal/store"
	"github.com/pressly/goose/v3"
	"modernc.org/sqlite"
	sqlite3 "modernc.org/sqlite/lib"
)

//go:embed migrations
var migrations embed.FS

// errOlder says that a read-only store would have to be migrated first.
var errOlder = errors.New("sqlite: schema is older than this program")

// provider is goose with the migrations of one file. goose numbers a database
// in its table goose_db_version.
func provider(db *sql.DB, folder string) (*goose.Provider, error) {
	files, err := fs.Sub(migrations, folder)
	if err != nil {
		return nil, err
	}
	return goose.NewProvider(goose.DialectSQLite3, db, files, goose.WithDisableGlobalRegistry(true))
}

// migrate brings a database up to date; it refuses one that is ahead.
func migrate(ctx context.Context, db *sql.DB, folder string) error {
	p, err := provider(db, folder)
	if err != nil {
		return err
	}
	if err := compare(ctx, db, p); err != nil && !errors.Is(err, errOlder) {
		return err
	}
	if _, err := p.Up(ctx); err != nil {
		return fmt.Errorf("migrate: %w", err)
	}
	return nil
}

// checkVersion refuses a database of another version than the program's.
func checkVersion(ctx context.Context, db *sql.DB, folder string) error {
	p, err := provider(db, folder)
	if err != nil {
		return err
	}
	return compare(ctx, db, p)
}

// compare holds the database's version against the program's: nil, errOlder
// or store.ErrNewer. It writes nothing, where goose would make its table.
func compare(ctx context.Context, db *sql.DB, p *goose.Provider) error {
	sources := p.ListSources()
	program := sources[len(sources)-1].Version
	var tables int
	err := db.QueryRowContext(ctx, "SELECT count(*) FROM sqlite_schema WHERE name = 'goose_db_version'").Scan(&tables)
	if err != nil {
		return err
	}
	if tables == 0 {
		return errOlder
	}
	var version int64
	if err := db.QueryRowContext(ctx, "SELECT coalesce(max(version_id), 0) FROM goose_db_version").Scan(&version); err != nil {
		return err
	}
	switch {
	case version > program:
		return fmt.Errorf("%w: version %d, program %d", store.ErrNewer, version, program)
	case version < program:
		return errOlder
	}
	return nil
}

// explainOpen tells the operator why a file did not open.
func explainOpen(name string, err error) error {
	var se *sqlite.Error
	switch {
	case errors.Is(err, store.ErrNewer):
		return hearkeep.Errorf(hearkeep.Unavailable, "%s was written by a newer Hearkeep.", name).
			WithHint("Start the newer program, or restore a backup from before the update. Nothing was changed.").Because(err)
	case errors.Is(err, errOlder):
		return hearkeep.Errorf(hearkeep.Unavailable, "%s was written by an older Hearkeep.", name).
			WithHint("Start the server once: it brings its files up to date.").Because(err)
	case errors.As(err, &se) && (se.Code()&0xff == sqlite3.SQLITE_NOTADB || se.Code()&0xff == sqlite3.SQLITE_CORRUPT):
		return hearkeep.Errorf(hearkeep.Unavailable, "%s is damaged, or is not a database of Hearkeep.", name).
			WithHint("Move it aside and restore it from a backup. Nothing was changed.").Because(err)
	case errors.Is(failure(err), store.ErrFull):
		return hearkeep.Errorf(hearkeep.Unavailable, "The disk that holds %s is full.", name).
			WithHint("Make room and start again. Nothing was changed.").Because(failure(err))
	}
	return fmt.Errorf("sqlite: open %s: %w", name, err)
}
