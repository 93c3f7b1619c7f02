package sqlite

import (
	"context"
	"database/sql"
	"time"

	"github.com/hearkeep/hearkeep/internal/store"
)

// jobs implements store.Jobs.
type jobs struct{ *tx }

func (j jobs) Enqueue(ctx context.Context, kind string, payload []byte) error {
	return j.put(ctx, "INSERT INTO jobs (kind, payload, attempts, due) VALUES (?, ?, 0, 0)", kind, payload)
}

func (j jobs) Due(ctx context.Context, kind string, now time.Time, limit int) ([]store.Job, error) {
	return all(ctx, j.tx, func(row *sql.Rows) (v store.Job, err error) {
		return v, row.Scan(&v.ID, &v.Kind, &v.Payload, &v.Attempts, scanTime{&v.Due})
	}, "SELECT id, kind, payload, attempts, due FROM jobs WHERE kind = ? AND due <= ? ORDER BY id LIMIT ?",
		kind, millis(now), limit)
}

func (j jobs) Done(ctx context.Context, id int64) error {
	return j.put(ctx, "DELETE FROM jobs WHERE id = ?", id)
}

func (j jobs) Retry(ctx context.Context, id int64, at time.Time) error {
	return j.change(ctx, "UPDATE jobs SET due = ?, attempts = attempts + 1 WHERE id = ?", millis(at), id)
}
