package sqlite

import (
	"context"
	"database/sql"
	"errors"

	"github.com/hearkeep/hearkeep"
	"github.com/hearkeep/hearkeep/internal/store"
)

// acts implements store.Acts.
type acts struct{ *tx }

func (a acts) PutTimer(ctx context.Context, t store.Timer) error {
	return a.put(ctx, `INSERT INTO timers (id, vault, recording, sealed) VALUES (?, ?, ?, ?)
		ON CONFLICT (id) DO UPDATE SET vault = excluded.vault, recording = excluded.recording, sealed = excluded.sealed`,
		t.ID, t.Vault, t.Recording, t.Sealed)
}

func (a acts) Timers(ctx context.Context) ([]store.Timer, error) {
	return all(ctx, a.tx, func(row *sql.Rows) (t store.Timer, err error) {
		return t, row.Scan(&t.ID, &t.Vault, &t.Recording, &t.Sealed)
	}, "SELECT id, vault, recording, sealed FROM timers ORDER BY id")
}

func (a acts) DeleteTimer(ctx context.Context, id hearkeep.TimerID) error {
	return a.put(ctx, "DELETE FROM timers WHERE id = ?", id)
}

func (a acts) Cursor(ctx context.Context, follower string) (int64, error) {
	seq, err := value[int64](ctx, a.tx, "SELECT seq FROM cursors WHERE follower = ?", follower)
	if errors.Is(err, store.ErrNotFound) {
		return 0, nil
	}
	return seq, err
}

func (a acts) SetCursor(ctx context.Context, follower string, seq int64) error {
	return a.put(ctx, `INSERT INTO cursors (follower, seq) VALUES (?, ?)
		ON CONFLICT (follower) DO UPDATE SET seq = excluded.seq`, follower, seq)
}

func (a acts) Count(ctx context.Context, binding hearkeep.BindingID, counter string, n int64) error {
	return a.put(ctx, `INSERT INTO counters (binding, counter, n) VALUES (?, ?, ?)
		ON CONFLICT (binding, counter) DO UPDATE SET n = n + excluded.n`, binding, counter, n)
}

func (a acts) Counters(ctx context.Context, binding hearkeep.BindingID) (map[string]int64, error) {
	type count struct {
		name string
		n    int64
	}
	rows, err := all(ctx, a.tx, func(row *sql.Rows) (c count, err error) {
		return c, row.Scan(&c.name, &c.n)
	}, "SELECT counter, n FROM counters WHERE binding = ?", binding)
	if err != nil {
		return nil, err
	}
	counters := make(map[string]int64, len(rows))
	for _, c := range rows {
		counters[c.name] = c.n
	}
	return counters, nil
}
