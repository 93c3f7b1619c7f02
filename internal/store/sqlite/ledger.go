package sqlite

import (
	"cmp"
	"context"
	"database/sql"
	"encoding/json"
	"errors"
	"fmt"
	"slices"
	"time"

	"github.com/hearkeep/hearkeep"
	"github.com/hearkeep/hearkeep/internal/store"
)

// ledger implements store.Ledger.
type ledger struct{ *tx }

func (l ledger) Size(ctx context.Context) (int64, error) {
	return value[int64](ctx, l.tx, "SELECT coalesce(max(seq) + 1, 0) FROM ledger_entries")
}

func (l ledger) Append(ctx context.Context, entries []store.LedgerEntry, hashes []store.TreeHash) error {
	size, err := l.Size(ctx)
	if err != nil {
		return err
	}
	for i, e := range entries {
		if e.Seq > size+int64(i) {
			return fmt.Errorf("sqlite: ledger entry %d after %d entries", e.Seq, size+int64(i))
		}
	}
	// One row a statement: for more of them SQLite keeps a journal of each
	// statement, which costs more than it spares.
	for _, e := range entries {
		err := l.put(ctx, `INSERT INTO ledger_entries (seq, leaf, salt, body, kind, vault, account, at)
			VALUES (?, ?, ?, ?, ?, ?, ?, ?)`,
			e.Seq, e.Leaf[:], e.Salt, e.Body, e.Kind, e.Vault, e.Account, millis(e.At))
		if err != nil {
			return err
		}
	}
	for _, h := range hashes {
		if err := l.put(ctx, "INSERT INTO ledger_hashes (idx, hash) VALUES (?, ?)", h.Index, h.Hash[:]); err != nil {
			return err
		}
	}
	return nil
}

func (l ledger) Hashes(ctx context.Context, indexes []int64) ([][32]byte, error) {
	list, err := json.Marshal(indexes)
	if err != nil {
		return nil, err
	}
	hashes, err := all(ctx, l.tx, func(row *sql.Rows) (h [32]byte, err error) {
		return h, row.Scan(scanHash{&h})
	}, "SELECT hash FROM json_each(?) CROSS JOIN ledger_hashes ON idx = value ORDER BY key", string(list))
	if err == nil && len(hashes) != len(indexes) {
		err = store.ErrNotFound
	}
	if err != nil {
		return nil, err
	}
	return hashes, nil
}

func (l ledger) HashRange(ctx context.Context, from, to int64) ([]store.TreeHash, error) {
	return all(ctx, l.tx, func(row *sql.Rows) (h store.TreeHash, err error) {
		return h, row.Scan(&h.Index, scanHash{&h.Hash})
	}, "SELECT idx, hash FROM ledger_hashes WHERE idx >= ? AND idx < ? ORDER BY idx", from, to)
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

func (l ledger) EntriesOfKind(ctx context.Context, kind string) ([]store.LedgerEntry, error) {
	return all(ctx, l.tx, scanEntry, selectEntry+"WHERE kind = ? ORDER BY seq", kind)
}

func (l ledger) Leaves(ctx context.Context, from int64, limit int) ([][32]byte, error) {
	return all(ctx, l.tx, func(row *sql.Rows) (h [32]byte, err error) {
		return h, row.Scan(scanHash{&h})
	}, "SELECT leaf FROM ledger_entries WHERE seq >= ? ORDER BY seq LIMIT ?", from, limit)
}

func (l ledger) EntriesOf(ctx context.Context, account hearkeep.AccountID, vaults []hearkeep.VaultID, before int64, limit int) ([]store.LedgerEntry, error) {
	return all(ctx, l.tx, scanEntry, selectEntry+`WHERE seq < ?1
			AND (account = ?2 OR vault IN (SELECT unhex(value) FROM json_each(?3)))
		ORDER BY seq DESC LIMIT ?4`, before, account, idList(vaults), limit)
}

func (l ledger) ExpireBodies(ctx context.Context, before time.Time, but string, limit int) ([]store.LedgerEntry, error) {
	if !l.write {
		return nil, errReadOnly
	}
	gone, err := all(ctx, l.tx, scanEntry, `UPDATE ledger_entries SET body = NULL, salt = NULL
		WHERE seq IN (SELECT seq FROM ledger_entries INDEXED BY ledger_bodies WHERE at < ? AND body IS NOT NULL AND kind <> ?
			AND seq NOT IN (SELECT first FROM ledger_keys WHERE first > 0) ORDER BY at LIMIT ?)
		RETURNING seq, leaf, salt, body, kind, vault, account, at`, millis(before), but, limit)
	slices.SortFunc(gone, func(a, b store.LedgerEntry) int { return cmp.Compare(a.Seq, b.Seq) })
	return gone, err
}

func (l ledger) Checkpoint(ctx context.Context) ([]byte, error) {
	note, err := value[[]byte](ctx, l.tx, "SELECT note FROM ledger_checkpoint")
	if errors.Is(err, store.ErrNotFound) {
		return nil, nil
	}
	return note, err
}

func (l ledger) SetCheckpoint(ctx context.Context, size int64, note []byte, kept int64) error {
	n, err := l.exec(ctx, `INSERT INTO ledger_checkpoint (one, size, note, kept) VALUES (1, ?, ?, ?)
		ON CONFLICT (one) DO UPDATE SET size = excluded.size, note = excluded.note, kept = max(kept, excluded.kept)
		WHERE excluded.size >= size`, size, note, kept)
	if err == nil && n == 0 {
		err = fmt.Errorf("sqlite: a checkpoint of %d entries is older than the stored one", size)
	}
	return err
}

func (l ledger) Noted(ctx context.Context) (size, kept int64, err error) {
	noted, err := one(ctx, l.tx, func(row *sql.Rows) (n [2]int64, err error) {
		return n, row.Scan(&n[0], &n[1])
	}, "SELECT coalesce(max(size), 0), coalesce(max(kept), 0) FROM ledger_checkpoint")
	return noted[0], noted[1], err
}

func (l ledger) Keys(ctx context.Context) ([]store.LedgerKey, error) {
	return all(ctx, l.tx, func(row *sql.Rows) (k store.LedgerKey, err error) {
		return k, row.Scan(&k.First, &k.Key)
	}, "SELECT first, key FROM ledger_keys ORDER BY first")
}

func (l ledger) AddKey(ctx context.Context, k store.LedgerKey) error {
	if k.First == 0 {
		return l.put(ctx, "INSERT INTO ledger_keys (first, key) VALUES (0, ?) ON CONFLICT (first) DO UPDATE SET key = excluded.key", k.Key)
	}
	return l.put(ctx, "INSERT INTO ledger_keys (first, key) VALUES (?, ?)", k.First, k.Key)
}

func (l ledger) Witnesses(ctx context.Context) ([]store.LedgerWitness, error) {
	return all(ctx, l.tx, func(row *sql.Rows) (w store.LedgerWitness, err error) {
		return w, row.Scan(&w.Key, &w.URL, &w.Size, &w.Note, scanTime{&w.At}, &w.Trouble, scanTime{&w.Since})
	}, "SELECT key, url, size, note, at, trouble, since FROM ledger_witnesses ORDER BY key")
}

func (l ledger) SetWitness(ctx context.Context, w store.LedgerWitness) error {
	return l.put(ctx, `INSERT INTO ledger_witnesses (key, url, size, note, at, trouble, since) VALUES (?, ?, ?, ?, ?, ?, ?)
		ON CONFLICT (key) DO UPDATE SET url = excluded.url, size = excluded.size, note = excluded.note,
			at = excluded.at, trouble = excluded.trouble, since = excluded.since`,
		w.Key, w.URL, w.Size, w.Note, millis(w.At), w.Trouble, millis(w.Since))
}
