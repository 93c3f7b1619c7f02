package sqlite

import (
	"context"
	"database/sql"
	"time"

	"github.com/hearkeep/hearkeep"
	"github.com/hearkeep/hearkeep/internal/store"
)

// backups implements store.Backups.
type backups struct{ *tx }

func (b backups) InsertBackup(ctx context.Context, c store.Backup) error {
	return b.put(ctx, `INSERT INTO backups (id, place, keys, begun, until, erasures, verified, destroyed, recordings, bytes)
		VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?)`,
		c.ID, c.Place, c.Keys, millis(c.Begun), millis(c.Until), c.Erasures, millis(c.Verified), millis(c.Destroyed), c.Recordings, c.Bytes)
}

func (b backups) SetBackup(ctx context.Context, c store.Backup) error {
	return b.change(ctx, "UPDATE backups SET keys = ?, until = ?, verified = ?, destroyed = ?, recordings = ?, bytes = ? WHERE id = ?",
		c.Keys, millis(c.Until), millis(c.Verified), millis(c.Destroyed), c.Recordings, c.Bytes, c.ID)
}

func (b backups) Backups(ctx context.Context) ([]store.Backup, error) {
	return all(ctx, b.tx, func(row *sql.Rows) (c store.Backup, err error) {
		return c, row.Scan(&c.ID, &c.Place, &c.Keys, scanTime{&c.Begun}, scanTime{&c.Until}, &c.Erasures,
			scanTime{&c.Verified}, scanTime{&c.Destroyed}, &c.Recordings, &c.Bytes)
	}, "SELECT id, place, keys, begun, until, erasures, verified, destroyed, recordings, bytes FROM backups ORDER BY begun, id")
}

func (b backups) ExpireBackups(ctx context.Context, before time.Time) (int, error) {
	n, err := b.exec(ctx, "DELETE FROM backups WHERE destroyed > 0 AND destroyed < ?", millis(before))
	return int(n), err
}

func (b backups) LastErasure(ctx context.Context) (int64, error) {
	return value[int64](ctx, b.tx, "SELECT coalesce(max(seq), 0) FROM erasures")
}

func (b backups) EndAccess(ctx context.Context, at time.Time) (ended store.Ended, err error) {
	for _, end := range []struct {
		n       *int
		command string
	}{
		{&ended.Sessions, "DELETE FROM sessions WHERE 1"},
		{&ended.Links, "DELETE FROM links"},
		{&ended.Invitations, "DELETE FROM invitations"},
		{&ended.Tokens, "DELETE FROM api_tokens"},
		{&ended.Agents, "DELETE FROM agent_tokens"},
		{&ended.Letters, "UPDATE deliveries SET state = 'failed', sealed = NULL WHERE state = 'queued'"},
	} {
		n, err := b.exec(ctx, end.command)
		if err != nil {
			return ended, err
		}
		*end.n = int(n)
	}
	return ended, b.put(ctx, "UPDATE accounts SET changed = ?", millis(at))
}

func (b backups) SkipNumbers(ctx context.Context, n uint64, at time.Time) error {
	err := b.put(ctx, `INSERT INTO tombstones (vault, binding, first, last, outcome, at)
		SELECT vault, id, next, next + ?1 - 1, ?2, ?3 FROM bindings WHERE ended = 0`, n, hearkeep.OutcomeFailed, millis(at))
	if err != nil {
		return err
	}
	return b.put(ctx, "UPDATE bindings SET next = next + ? WHERE ended = 0", n)
}
