package sqlite

import (
	"bytes"
	"context"
	"database/sql"
	"fmt"
	"time"

	"github.com/hearkeep/hearkeep"
	"github.com/hearkeep/hearkeep/internal/store"
)

// watch implements store.Watch.
type watch struct{ *tx }

const selectNote = "SELECT kind, key, value, until FROM watch_notes "

func scanNote(row *sql.Rows) (n store.WatchNote, err error) {
	return n, row.Scan(&n.Kind, &n.Key, &n.Value, scanTime{&n.Until})
}

func (w watch) Note(ctx context.Context, kind string, key []byte) (store.WatchNote, error) {
	return one(ctx, w.tx, scanNote, selectNote+"WHERE kind = ? AND key = ?", kind, key)
}

// beyond is the first key behind all that begin with a prefix; of the empty
// one, a key behind every key.
func beyond(prefix []byte) []byte {
	end := bytes.Clone(prefix)
	for i := len(end) - 1; i >= 0; i-- {
		if end[i]++; end[i] != 0 {
			return end[:i+1]
		}
	}
	return bytes.Repeat([]byte{0xff}, maxNoteKey+1)
}

// maxNoteKey is how long keys are at most, in bytes.
const maxNoteKey = 128

func (w watch) Notes(ctx context.Context, kind string, prefix []byte) ([]store.WatchNote, error) {
	return all(ctx, w.tx, scanNote, selectNote+"WHERE kind = ? AND key >= ? AND key < ? ORDER BY key", kind, noted(prefix), beyond(prefix))
}

// noted is a prefix as a value: an empty one is no NULL.
func noted(prefix []byte) []byte {
	if prefix == nil {
		return []byte{}
	}
	return prefix
}

func (w watch) PutNote(ctx context.Context, n store.WatchNote) error {
	if len(n.Key) > maxNoteKey {
		return fmt.Errorf("sqlite: a key of %d bytes", len(n.Key))
	}
	return w.put(ctx, `INSERT INTO watch_notes (kind, key, value, until) VALUES (?, ?, ?, ?)
		ON CONFLICT (kind, key) DO UPDATE SET value = excluded.value, until = excluded.until`, n.Kind, n.Key, n.Value, millis(n.Until))
}

func (w watch) DeleteNotes(ctx context.Context, kind string, prefix []byte) (int, error) {
	n, err := w.exec(ctx, "DELETE FROM watch_notes WHERE kind = ? AND key >= ? AND key < ?", kind, noted(prefix), beyond(prefix))
	return int(n), err
}

func (w watch) ExpireNotes(ctx context.Context, now time.Time) (int, error) {
	n, err := w.exec(ctx, "DELETE FROM watch_notes WHERE until <= ?", millis(now))
	return int(n), err
}

func (w watch) OpenReport(ctx context.Context, r store.Report) (hearkeep.ReportID, error) {
	return value[hearkeep.ReportID](ctx, w.tx, `SELECT id FROM reports INDEXED BY reports_alike
		WHERE closed = 0 AND what = ? AND account IS ? AND vault IS ? AND binding IS ? AND recording IS ? AND archive IS ? LIMIT 1`,
		r.What, r.Account, r.Vault, r.Binding, r.Recording, r.Archive)
}
