package sqlite

import (
	"context"
	"database/sql"
	"strings"
	"time"

	"github.com/hearkeep/hearkeep"
	"github.com/hearkeep/hearkeep/internal/store"
)

// InsertTombstones answers store.ErrExists where a number is accounted for
// already: it ends once.
func (v vaults) InsertTombstones(ctx context.Context, vault hearkeep.VaultID, outcome hearkeep.Outcome, at time.Time, runs []hearkeep.Run) error {
	for _, run := range runs {
		taken, err := value[bool](ctx, v.tx, `SELECT coalesce((SELECT last FROM tombstones
			WHERE vault = ? AND binding = ? AND first <= ? ORDER BY first DESC LIMIT 1) >= ?, 0)`,
			vault, run.Binding, run.To, run.From)
		if err != nil {
			return err
		}
		if taken {
			return store.ErrExists
		}
		err = v.put(ctx, "INSERT INTO tombstones (vault, binding, first, last, outcome, at) VALUES (?, ?, ?, ?, ?, ?)",
			vault, run.Binding, run.From, run.To, outcome, millis(at))
		if err != nil {
			return err
		}
	}
	return nil
}

func (v vaults) Tombstones(ctx context.Context, vault hearkeep.VaultID) ([]store.Tombstone, error) {
	return all(ctx, v.tx, func(row *sql.Rows) (t store.Tombstone, err error) {
		return t, row.Scan(&t.Binding, &t.From, &t.To, &t.Outcome, scanTime{&t.At})
	}, "SELECT binding, first, last, outcome, at FROM tombstones WHERE vault = ? ORDER BY binding, first", vault)
}

func (v vaults) InsertErasure(ctx context.Context, e store.Erasure) (int64, error) {
	if !v.write {
		return 0, errReadOnly
	}
	return value[int64](ctx, v.tx, `INSERT INTO erasures (receipt, vault, recordings, parts, outcome, total, entry, at)
		VALUES (?, ?, ?, ?, ?, ?, ?, ?) RETURNING seq`,
		e.Receipt, e.Vault, idBytes(e.Recordings), joinParts(e.Parts), e.Outcome, e.Total, e.Entry, millis(e.At))
}

const selectErasure = "SELECT seq, receipt, vault, recordings, parts, outcome, total, entry, at FROM erasures "

func scanErasure(row *sql.Rows) (e store.Erasure, err error) {
	var parts string
	err = row.Scan(&e.Seq, &e.Receipt, &e.Vault, scanIDs(&e.Recordings), &parts, &e.Outcome, &e.Total, &e.Entry, scanTime{&e.At})
	for part := range strings.FieldsSeq(parts) {
		e.Parts = append(e.Parts, hearkeep.Part(part))
	}
	return e, err
}

func (v vaults) ErasuresAfter(ctx context.Context, seq int64, limit int) ([]store.Erasure, error) {
	return all(ctx, v.tx, scanErasure, selectErasure+"WHERE seq > ? ORDER BY seq LIMIT ?", seq, limit)
}

func (v vaults) Erasure(ctx context.Context, vault hearkeep.VaultID, receipt hearkeep.ReceiptID) (store.Erasure, error) {
	return one(ctx, v.tx, scanErasure, selectErasure+"WHERE vault = ? AND receipt = ?", vault, receipt)
}

// joinParts puts the names of parts, which hold no spaces, into one text.
func joinParts(parts []hearkeep.Part) string {
	names := make([]string, len(parts))
	for i, p := range parts {
		names[i] = string(p)
	}
	return strings.Join(names, " ")
}
