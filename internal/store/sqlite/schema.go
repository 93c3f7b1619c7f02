package sqlite

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"slices"
)

// made is one thing that a schema is made of.
type made struct{ kind, name, sql string }

// schemaOf reads what a database is made of, but for what SQLite and goose keep
// for themselves.
const schemaOf = `SELECT type, name, coalesce(sql, '') FROM sqlite_schema
	WHERE NOT (type = 'table' AND (name = 'goose_db_version' OR name LIKE 'sqlite\_stat_' ESCAPE '\' OR name = 'sqlite_sequence'))
	ORDER BY type, name`

// programs finds triggers and views. This program makes none: they are somebody
// else's code, which would run inside its own transactions.
func (d *database) programs(ctx context.Context) error {
	have, err := d.schema(ctx)
	if err != nil {
		return err
	}
	for _, m := range have {
		if m.kind == "trigger" || m.kind == "view" {
			return fmt.Errorf("%s: it has a %s %q, which Hearkeep does not make", d.name, m.kind, m.name)
		}
	}
	return nil
}

// asMade compares a database with a fresh one, table by table: a trigger, or
// one word in a table's definition, could keep what is to be destroyed.
func (d *database) asMade(ctx context.Context, migrations string) error {
	have, err := d.schema(ctx)
	if err != nil {
		return err
	}
	want, err := freshSchema(ctx, migrations)
	if err != nil {
		return fmt.Errorf("%s: %w", d.name, err)
	}
	if !slices.Equal(have, want) {
		return fmt.Errorf("%s: its tables are not as Hearkeep makes them", d.name)
	}
	return nil
}

func (d *database) schema(ctx context.Context) (parts []made, err error) {
	err = d.view(ctx, func(x *tx) (err error) {
		parts, err = all(ctx, x, scanMade, schemaOf)
		return err
	})
	if err != nil {
		return nil, fmt.Errorf("%s: %w", d.name, err)
	}
	return parts, nil
}

func scanMade(row *sql.Rows) (m made, err error) { return m, row.Scan(&m.kind, &m.name, &m.sql) }

// freshSchema is the schema that the migrations make in an empty database.
func freshSchema(ctx context.Context, migrations string) (parts []made, err error) {
	db, err := sql.Open("sqlite", ":memory:")
	if err != nil {
		return nil, err
	}
	defer func() { err = errors.Join(err, db.Close()) }()
	db.SetMaxOpenConns(1) // each connection would have a database of its own
	if err := migrate(ctx, db, migrations); err != nil {
		return nil, err
	}
	rows, err := db.QueryContext(ctx, schemaOf)
	if err != nil {
		return nil, err
	}
	defer rows.Close()
	for rows.Next() {
		m, err := scanMade(rows)
		if err != nil {
			return nil, err
		}
		parts = append(parts, m)
	}
	return parts, rows.Err()
}
