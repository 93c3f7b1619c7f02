package sqlite

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"time"

	"github.com/hearkeep/hearkeep"
	"github.com/hearkeep/hearkeep/internal/store"
)

// ledger implements store.Ledger.
type ledger struct{ *tx }

func (l ledger) Size(ctx context.Context) (int64, error) {
	return value[int64](ctx, l.tx, "SELECT coalesce(max(seq) + 1, 0) FROM ledger_entries")
}

func (l ledger) Append(ctx context.Context, e store.LedgerEntry, hashes []store.TreeHash) error {
	size, err := l.Size(ctx)
	if err != nil {
		return err
	}
	if e.Seq > size {
		return fmt.Errorf("sqlite: ledger entry %d after %d entries", e.Seq, size)
	}
	err = l.put(ctx, `INSERT INTO ledger_entries (seq, leaf, salt, body, kind, vault, account, at)
		VALUES (?, ?, ?, ?, ?, ?, ?, ?)`,
		e.Seq, e.Leaf[:], e.Salt, e.Body, e.Kind, e.Vault, e.Account, millis(e.At))
	if err != nil {
		return err
	}
	for _, h := range hashes {
		if err := l.put(ctx, "INSERT INTO ledger_hashes (idx, hash) VALUES (?, ?)", h.Index, h.Hash[:]); err != nil {
			return err
		}
	}
	return nil
}

func (l ledger) Hashes(ctx context.Context, indexes []int64) ([][32]byte, error) {
	hashes := make([][32]byte, len(indexes))
	for i, index := range indexes {
		h, err := one(ctx, l.tx, func(row *sql.Rows) (h [32]byte, err error) {
			return h, row.Scan(scanHash{&h})
		}, "SELECT hash FROM ledger_hashes WHERE idx = ?", index)
		if err != nil {
			return nil, err
		}
		hashes[i] = h
	}
	return hashes, nil
}

const selectEntry = "SELECT seq, leaf, salt, body, kind, vault, account, at FROM ledger_entries "

func scanEntry(row *sql.Rows) (e store.LedgerEntry, err error) {
	return e, row.Scan(&e.Seq, scanHash{&e.Leaf}, &e.Salt, &e.Body, &e.Kind, &e.Vault, &e.Account, scanTime{&e.At})
}

func (l ledger) Entries(ctx context.Context, vault hearkeep.VaultID, from int64, limit int) ([]store.LedgerEntry, error) {
	if vault.IsZero() {
		return all(ctx, l.tx, scanEntry, selectEntry+"WHERE seq >= ? ORDER BY seq LIMIT ?", from, limit)
	}
	return all(ctx, l.tx, scanEntry, selectEntry+"WHERE vault = ? AND seq >= ? ORDER BY seq LIMIT ?", vault, from, limit)
}

func (l ledger) EntriesOf(ctx context.Context, account hearkeep.AccountID, vaults []hearkeep.VaultID, before int64, limit int) ([]store.LedgerEntry, error) {
	return all(ctx, l.tx, scanEntry, selectEntry+`WHERE seq < ?1
			AND (account = ?2 OR vault IN (SELECT unhex(value) FROM json_each(?3)))
		ORDER BY seq DESC LIMIT ?4`, before, account, idList(vaults), limit)
}

func (l ledger) ExpireBodies(ctx context.Context, before time.Time) (int, error) {
	n, err := l.exec(ctx, "UPDATE ledger_entries SET body = NULL, salt = NULL WHERE at < ? AND body IS NOT NULL", millis(before))
	return int(n), err
}

func (l ledger) Checkpoint(ctx context.Context) ([]byte, error) {
	note, err := value[[]byte](ctx, l.tx, "SELECT note FROM ledger_checkpoint")
	if errors.Is(err, store.ErrNotFound) {
		return nil, nil
	}
	return note, err
}

func (l ledger) SetCheckpoint(ctx context.Context, size int64, note []byte) error {
	n, err := l.exec(ctx, `INSERT INTO ledger_checkpoint (one, size, note) VALUES (1, ?, ?)
		ON CONFLICT (one) DO UPDATE SET size = excluded.size, note = excluded.note WHERE excluded.size >= size`, size, note)
	if err == nil && n == 0 {
		err = fmt.Errorf("sqlite: a checkpoint of %d entries is older than the stored one", size)
	}
	return err
}
