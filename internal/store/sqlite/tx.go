package sqlite

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"strings"
	"sync/atomic"
	"syscall"
	"time"

	"github.com/hearkeep/hearkeep"
	"github.com/hearkeep/hearkeep/internal/store"
	"modernc.org/sqlite"
	sqlite3 "modernc.org/sqlite/lib"
)

// conn is a connection and the statements prepared on it. Every statement's
// text is a constant, so the cache is as large as the program.
type conn struct {
	*sql.Conn
	stmts map[string]*sql.Stmt
}

func newConn(ctx context.Context, pool *sql.DB) (*conn, error) {
	c, err := pool.Conn(ctx)
	if err != nil {
		return nil, err
	}
	return &conn{c, make(map[string]*sql.Stmt)}, nil
}

// close ends the connection and what was prepared on it: SQLite keeps one open
// that has statements left.
func (c *conn) close() error {
	var errs []error
	for _, s := range c.stmts {
		errs = append(errs, s.Close())
	}
	return errors.Join(append(errs, c.Conn.Close())...)
}

// stmt outlives the call it was prepared for, and so does its context.
func (c *conn) stmt(ctx context.Context, query string) (*sql.Stmt, error) {
	if s := c.stmts[query]; s != nil {
		return s, nil
	}
	s, err := c.PrepareContext(context.WithoutCancel(ctx), query)
	if err == nil {
		c.stmts[query] = s
	}
	return s, err
}

func (c *conn) exec(ctx context.Context, query string, args ...any) error {
	s, err := c.stmt(ctx, query)
	if err == nil {
		_, err = s.ExecContext(ctx, args...)
	}
	return err
}

// tx runs statements in one transaction. A caller may keep it for longer than
// it lives: over says that it has ended.
type tx struct {
	c     *conn
	write bool
	over  atomic.Bool
}

var errOver = errors.New("sqlite: used after its transaction")

// prepare returns the statement and the context to run it in. In a shared
// transaction no statement is interrupted: SQLite would roll back everybody's.
func (x *tx) prepare(ctx context.Context, query string) (context.Context, *sql.Stmt, error) {
	if x.over.Load() {
		return ctx, nil, errOver
	}
	if err := ctx.Err(); err != nil {
		return ctx, nil, err
	}
	if x.write {
		ctx = context.WithoutCancel(ctx)
	}
	s, err := x.c.stmt(ctx, query)
	return ctx, s, failure(err)
}

// exec runs a change and returns how many rows it touched.
func (x *tx) exec(ctx context.Context, query string, args ...any) (int64, error) {
	if !x.write {
		return 0, errReadOnly
	}
	ctx, s, err := x.prepare(ctx, query)
	if err != nil {
		return 0, err
	}
	res, err := s.ExecContext(ctx, args...)
	if err != nil {
		return 0, failure(err)
	}
	return res.RowsAffected()
}

// put runs a change that may touch nothing.
func (x *tx) put(ctx context.Context, query string, args ...any) error {
	_, err := x.exec(ctx, query, args...)
	return err
}

// change runs a change of one row that must be there.
func (x *tx) change(ctx context.Context, query string, args ...any) error {
	n, err := x.exec(ctx, query, args...)
	if err == nil && n == 0 {
		return store.ErrNotFound
	}
	return err
}

// value reads one column of one row.
func value[T any](ctx context.Context, x *tx, query string, args ...any) (v T, err error) {
	return one(ctx, x, func(row *sql.Rows) (v T, err error) {
		return v, row.Scan(&v)
	}, query, args...)
}

// one reads the first row, or answers store.ErrNotFound.
func one[T any](ctx context.Context, x *tx, scan func(*sql.Rows) (T, error), query string, args ...any) (T, error) {
	rows, err := all(ctx, x, scan, query, args...)
	if err == nil && len(rows) == 0 {
		err = store.ErrNotFound
	}
	if err != nil {
		var none T
		return none, err
	}
	return rows[0], nil
}

// all reads all rows. It leaves no cursor open.
func all[T any](ctx context.Context, x *tx, scan func(*sql.Rows) (T, error), query string, args ...any) (list []T, err error) {
	err = each(ctx, x, scan, func(v T) error {
		list = append(list, v)
		return nil
	}, query, args...)
	if err != nil {
		return nil, err
	}
	return list, nil
}

// each calls fn with each row, while the cursor is open.
func each[T any](ctx context.Context, x *tx, scan func(*sql.Rows) (T, error), fn func(T) error, query string, args ...any) error {
	ctx, s, err := x.prepare(ctx, query)
	if err != nil {
		return err
	}
	rows, err := s.QueryContext(ctx, args...)
	if err != nil {
		return failure(err)
	}
	defer rows.Close()
	for rows.Next() {
		v, err := scan(rows)
		if err != nil {
			return failure(err)
		}
		if err := fn(v); err != nil {
			return err
		}
	}
	return failure(rows.Err())
}

// failure translates what SQLite says. A constraint's values are not told.
func failure(err error) error {
	var se *sqlite.Error
	switch {
	case err == nil:
		return nil
	case errors.Is(err, syscall.ENOSPC), errors.Is(err, syscall.EDQUOT):
		return fmt.Errorf("%w: %v", store.ErrFull, err)
	case !errors.As(err, &se):
		return err
	}
	switch code := se.Code(); {
	case code == sqlite3.SQLITE_CONSTRAINT_PRIMARYKEY, code == sqlite3.SQLITE_CONSTRAINT_UNIQUE, code == sqlite3.SQLITE_CONSTRAINT_ROWID:
		return store.ErrExists
	case code == sqlite3.SQLITE_CONSTRAINT_FOREIGNKEY:
		return store.ErrNotFound // what the row belongs to is not in this vault
	case code&0xff == sqlite3.SQLITE_FULL, code == sqlite3.SQLITE_IOERR_SHMSIZE:
		return fmt.Errorf("%w: %v", store.ErrFull, err)
	}
	return fmt.Errorf("sqlite: %w", err)
}

// millis is how a time is stored: Unix milliseconds, 0 for the zero time.
func millis(t time.Time) int64 {
	if t.IsZero() {
		return 0
	}
	return t.UnixMilli()
}

// scanTime reads what millis stored, in UTC.
type scanTime struct{ to *time.Time }

func (s scanTime) Scan(src any) error {
	ms, ok := src.(int64)
	if !ok {
		return errors.New("sqlite: not a stored time")
	}
	*s.to = time.Time{}
	if ms != 0 {
		*s.to = time.UnixMilli(ms).UTC()
	}
	return nil
}

// scanHash reads 32 bytes.
type scanHash struct{ to *[32]byte }

func (s scanHash) Scan(src any) error {
	b, ok := src.([]byte)
	if !ok || len(b) != len(s.to) {
		return errors.New("sqlite: not a stored hash")
	}
	copy(s.to[:], b)
	return nil
}

// idBytes puts ids one after the other.
func idBytes[Of any](ids []hearkeep.ID[Of]) []byte {
	var b []byte
	for _, id := range ids {
		b = append(b, id[:]...)
	}
	return b
}

// scanIDs reads what idBytes stored.
func scanIDs[Of any](to *[]hearkeep.ID[Of]) sql.Scanner { return idScanner[Of]{to} }

type idScanner[Of any] struct{ to *[]hearkeep.ID[Of] }

func (s idScanner[Of]) Scan(src any) error {
	b, ok := src.([]byte)
	if src != nil && (!ok || len(b)%16 != 0) {
		return errors.New("sqlite: not stored ids")
	}
	*s.to = nil
	for ; len(b) > 0; b = b[16:] {
		*s.to = append(*s.to, hearkeep.ID[Of](b[:16]))
	}
	return nil
}

// idList is ids as JSON, for "IN (SELECT unhex(value) FROM json_each(?))": one
// statement for any number of them.
func idList[Of any](ids []hearkeep.ID[Of]) string {
	var b strings.Builder
	b.WriteByte('[')
	for i, id := range ids {
		if i > 0 {
			b.WriteByte(',')
		}
		b.WriteString(`"` + id.String() + `"`)
	}
	b.WriteByte(']')
	return b.String()
}
