package sqlite

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"io/fs"
	"net/url"
	"os"
	"path/filepath"
	"runtime"
	"slices"

	_ "modernc.org/sqlite" // the driver named "sqlite"
)

// mode says what a database is opened for.
type mode int

const (
	readOnly  mode = iota // while another process may write
	readWrite             // made where it is not there
	lookOnly              // a copy that nobody changes
)

// database is one SQLite file: a writer that groups commits, and readers.
type database struct {
	name    string  // of the file, for messages
	path    string  // of the file, absolute
	writer  *writer // nil when read only
	side    *conn   // outside of the writer's transactions; nil when read only
	readers chan *conn
	pools   []*sql.DB
	quit    chan struct{}
}

// pragmas of every connection. FULL makes a commit an fsync; MEMORY keeps page
// images of a savepoint out of temporary files.
var pragmas = []string{
	"busy_timeout(10000)",
	"foreign_keys(1)",
	"secure_delete(1)",
	"synchronous(FULL)",
	"temp_store(MEMORY)",
	"trusted_schema(0)",
}

func openDatabase(ctx context.Context, path, migrations string, m mode) (*database, error) {
	path, err := filepath.Abs(path)
	if err != nil {
		return nil, fmt.Errorf("sqlite: open %s: %w", filepath.Base(path), err)
	}
	name := filepath.Base(path)
	d := &database{
		name:    name,
		path:    path,
		readers: make(chan *conn, max(4, runtime.NumCPU())),
		quit:    make(chan struct{}),
	}
	if err := d.open(ctx, migrations, m); err != nil {
		for _, pool := range d.pools {
			pool.Close()
		}
		return nil, explainOpen(name, err)
	}
	return d, nil
}

func (d *database) open(ctx context.Context, migrations string, m mode) error {
	if m != readWrite {
		if _, err := os.Stat(d.path); err != nil {
			return err
		}
	} else if err := d.openWriter(ctx, migrations); err != nil {
		return err
	}
	access := "mode=ro"
	if m == lookOnly {
		access += "&immutable=1"
	}
	pool, err := d.pool(access, "query_only(1)")
	if err != nil {
		return err
	}
	if m != readWrite {
		if err := checkVersion(ctx, pool, migrations); err != nil {
			return err
		}
	}
	for range cap(d.readers) {
		c, err := newConn(ctx, pool)
		if err != nil {
			return err
		}
		d.readers <- c
	}
	return nil
}

// openWriter makes the file, migrates it, and empties the log that a crash may
// have left: destroyed keys stand in it until it is.
func (d *database) openWriter(ctx context.Context, migrations string) error {
	if err := makeFile(d.path); err != nil {
		return err
	}
	pool, err := d.pool("mode=rw", "journal_mode(WAL)")
	if err != nil {
		return err
	}
	if err := migrate(ctx, pool, migrations); err != nil {
		return err
	}
	c, err := newConn(ctx, pool)
	if err != nil {
		return err
	}
	// A busy checkpoint gives up early: it holds up writers while it waits.
	sidePool, err := d.pool("mode=rw", "busy_timeout(250)")
	if err != nil {
		return err
	}
	if d.side, err = newConn(ctx, sidePool); err != nil {
		return err
	}
	if _, err := d.emptyLog(ctx); err != nil {
		return err
	}
	d.writer = newWriter(c)
	return nil
}

// makeFile makes a database file that is its owner's only; SQLite gives its
// logs the same permissions.
func makeFile(path string) error {
	f, err := os.OpenFile(path, os.O_RDWR|os.O_CREATE|os.O_EXCL, 0o600)
	if errors.Is(err, fs.ErrExist) {
		return os.Chmod(path, 0o600)
	}
	if err != nil {
		return err
	}
	return errors.Join(f.Sync(), f.Close(), syncFolder(filepath.Dir(path)))
}

// pool opens connections with the common pragmas and these.
func (d *database) pool(mode string, extra ...string) (*sql.DB, error) {
	pool, err := sql.Open("sqlite", d.uri(mode, append(pragmas[:len(pragmas):len(pragmas)], extra...)))
	if err != nil {
		return nil, err
	}
	d.pools = append(d.pools, pool)
	return pool, nil
}

// uri is how the driver is told of the file.
func (d *database) uri(mode string, pragmas []string) string {
	query := mode + "&_dqs=0&_error_rc=1"
	for _, p := range pragmas {
		query += "&_pragma=" + url.QueryEscape(p)
	}
	return (&url.URL{Scheme: "file", Path: d.path, RawQuery: query}).String()
}

// update runs fn in a durable transaction.
func (d *database) update(ctx context.Context, fn func(*tx) error) error {
	if d.writer == nil {
		return errReadOnly
	}
	return d.writer.do(ctx, fn)
}

// view runs fn on one snapshot.
func (d *database) view(ctx context.Context, fn func(*tx) error) error {
	c, err := d.reader(ctx)
	if err != nil {
		return err
	}
	defer func() { d.readers <- c }()
	if err := c.exec(ctx, "BEGIN"); err != nil {
		return failure(err)
	}
	x := &tx{c: c}
	defer func() {
		x.over.Store(true)
		// Ends the snapshot also where ctx is done; nothing was written.
		c.exec(context.WithoutCancel(ctx), "ROLLBACK")
	}()
	return fn(x)
}

func (d *database) reader(ctx context.Context) (*conn, error) {
	if err := ctx.Err(); err != nil {
		return nil, err
	}
	select {
	case <-d.quit:
		return nil, errClosed
	default:
	}
	select {
	case c := <-d.readers:
		return c, nil
	case <-ctx.Done():
		return nil, ctx.Err()
	case <-d.quit:
		return nil, errClosed
	}
}

// emptyLog moves the log into the database file and truncates it. It reports
// false where a reader or a writer was in the way.
func (d *database) emptyLog(ctx context.Context) (bool, error) {
	var busy, frames, moved int
	row := d.side.QueryRowContext(ctx, "PRAGMA wal_checkpoint(TRUNCATE)")
	if err := row.Scan(&busy, &frames, &moved); err != nil {
		return false, failure(err)
	}
	if busy != 0 {
		return false, nil
	}
	// SQLite does not sync the truncation: a power cut could bring back the
	// old log and with it what was destroyed. No lock lies on this file.
	wal, err := os.OpenFile(d.path+"-wal", os.O_RDWR, 0)
	if errors.Is(err, fs.ErrNotExist) {
		return true, nil
	}
	if err != nil {
		return false, err
	}
	return true, errors.Join(wal.Sync(), wal.Close())
}

// check reads the whole file back, and says of each damage where it is.
func (d *database) check(ctx context.Context) error {
	var found []error
	err := d.view(ctx, func(x *tx) error {
		pages, err := all(ctx, x, func(row *sql.Rows) (what string, err error) {
			return what, row.Scan(&what)
		}, "PRAGMA integrity_check")
		if err != nil {
			return err
		}
		for _, what := range pages {
			if what != "ok" {
				found = append(found, fmt.Errorf("%s: %s", d.name, what))
			}
		}
		orphans, err := all(ctx, x, func(row *sql.Rows) (table string, err error) {
			var rowid sql.NullInt64
			var parent string
			var key int
			return table, row.Scan(&table, &rowid, &parent, &key)
		}, "PRAGMA foreign_key_check")
		for _, table := range orphans {
			found = append(found, fmt.Errorf("%s: a row of %s refers to nothing", d.name, table))
		}
		return err
	})
	if err != nil {
		found = append(found, fmt.Errorf("%s: %w", d.name, err))
	}
	return errors.Join(found...)
}

// close waits for what runs and closes the file.
func (d *database) close() error {
	close(d.quit)
	if d.writer != nil {
		d.writer.close()
	}
	// A pool that is closed leaves alone what was taken out of it.
	var errs []error
	for range cap(d.readers) {
		errs = append(errs, (<-d.readers).close())
	}
	if d.writer != nil {
		errs = append(errs, d.side.close(), d.writer.c.close())
	}
	// The last connection to go is one that writes: it empties the log.
	for _, pool := range slices.Backward(d.pools) {
		errs = append(errs, pool.Close())
	}
	return errors.Join(errs...)
}
