package sqlite

import (
	"context"
	"database/sql"
	"encoding/json"
	"fmt"
	"sync/atomic"
	"time"

	"github.com/hearkeep/hearkeep"
	"github.com/hearkeep/hearkeep/internal/store"
)

// keys implements store.Keys on keys.db.
type keys struct {
	db *database

	// Callers of Destroy share an emptying of the log: one that began after a
	// caller's commit serves it.
	destroyed atomic.Int64  // commits of Destroy so far
	turn      chan struct{} // held to empty the log
	emptied   int64         // the value of destroyed that the log is empty of; under turn
}

func (k *keys) Put(ctx context.Context, vault hearkeep.VaultID, keys []store.PartKey) error {
	return k.db.update(ctx, func(x *tx) error {
		for _, key := range keys {
			slot, err := fillSlot(ctx, x, key.Wrap)
			if err != nil {
				return err
			}
			err = x.put(ctx, "INSERT INTO part_keys (recording, vault, part, version, slot) VALUES (?, ?, ?, ?, ?)",
				key.Recording, vault, key.Part, key.Version, slot)
			if err != nil {
				return err
			}
		}
		return nil
	})
}

// fillSlot writes a wrap to a free slot of its length, or to a new one.
func fillSlot(ctx context.Context, x *tx, wrap []byte) (int64, error) {
	free, err := all(ctx, x, scanSlot, "SELECT slot FROM free_slots WHERE size = ? LIMIT 1", len(wrap))
	if err != nil {
		return 0, err
	}
	if len(free) == 0 {
		return value[int64](ctx, x, "INSERT INTO slots (wrap) VALUES (?) RETURNING slot", wrap)
	}
	slot := free[0]
	if err := x.put(ctx, "DELETE FROM free_slots WHERE size = ? AND slot = ?", len(wrap), slot); err != nil {
		return 0, err
	}
	return slot, x.change(ctx, "UPDATE slots SET wrap = ? WHERE slot = ?", wrap, slot)
}

func scanSlot(row *sql.Rows) (slot int64, err error) { return slot, row.Scan(&slot) }

func (k *keys) Part(ctx context.Context, vault hearkeep.VaultID, id hearkeep.RecordingID, part hearkeep.Part, version uint64) (wrap []byte, err error) {
	err = k.db.view(ctx, func(x *tx) error {
		wrap, err = value[[]byte](ctx, x, `SELECT wrap FROM part_keys JOIN slots USING (slot)
			WHERE recording = ? AND vault = ? AND part = ? AND version = ?`, id, vault, part, version)
		return err
	})
	return wrap, err
}

func (k *keys) PartsOf(ctx context.Context, vault hearkeep.VaultID, ids []hearkeep.RecordingID, part hearkeep.Part) (map[hearkeep.RecordingID]store.PartKey, error) {
	of := make(map[hearkeep.RecordingID]store.PartKey, len(ids))
	err := k.db.view(ctx, func(x *tx) error {
		found, err := all(ctx, x, func(row *sql.Rows) (p store.PartKey, err error) {
			return p, row.Scan(&p.Recording, &p.Part, &p.Version, &p.Wrap)
		}, `SELECT recording, part, version, wrap FROM part_keys JOIN slots USING (slot)
			WHERE recording IN (SELECT unhex(value) FROM json_each(?)) AND vault = ? AND part = ?
			ORDER BY version`, idList(ids), vault, part)
		for _, p := range found {
			of[p.Recording] = p // the highest version comes last
		}
		return err
	})
	return of, err
}

// The three statements of a destruction choose the same rows: those of ids
// (?2) in a vault (?1), of parts (?3) or of all of them, in versions below ?4
// or in all of them.
const chosenKeys = ` FROM part_keys WHERE vault = ?1 AND recording IN (SELECT unhex(value) FROM json_each(?2))
	AND (?3 = 'null' OR part IN (SELECT value FROM json_each(?3))) AND (?4 = 0 OR version < ?4)`

func (k *keys) Destroy(ctx context.Context, vault hearkeep.VaultID, ids []hearkeep.RecordingID, parts []hearkeep.Part) error {
	return k.destroy(ctx, vault, ids, parts, 0)
}

func (k *keys) DestroyBelow(ctx context.Context, vault hearkeep.VaultID, ids []hearkeep.RecordingID, part hearkeep.Part, version uint64) error {
	if version == 0 { // which destroy takes for all
		return nil
	}
	return k.destroy(ctx, vault, ids, []hearkeep.Part{part}, version)
}

func (k *keys) destroy(ctx context.Context, vault hearkeep.VaultID, ids []hearkeep.RecordingID, parts []hearkeep.Part, below uint64) error {
	if len(parts) == 0 {
		parts = nil // so that no parts are the JSON null, all of them
	}
	named, err := json.Marshal(parts)
	if err != nil {
		return err
	}
	args := []any{vault, idList(ids), string(named), below}
	err = k.db.update(ctx, func(x *tx) error {
		for _, command := range []string{
			"UPDATE slots SET wrap = zeroblob(length(wrap)) WHERE slot IN (SELECT slot" + chosenKeys + ")",
			"INSERT INTO free_slots (size, slot) SELECT length(wrap), slot FROM slots WHERE slot IN (SELECT slot" + chosenKeys + ")",
			"DELETE" + chosenKeys,
		} {
			if err := x.put(ctx, command, args...); err != nil {
				return err
			}
		}
		return nil
	})
	if err != nil {
		return err
	}
	return k.leaveLog(ctx, k.destroyed.Add(1))
}

// leaveLog returns after the log was emptied of the commit that was counted
// as destroyed. It waits, no longer than ctx, for readers to finish.
func (k *keys) leaveLog(ctx context.Context, destroyed int64) error {
	for wait := time.Millisecond; ; wait = min(2*wait, time.Second) {
		empty, err := k.emptyLog(ctx, destroyed)
		if err != nil || empty {
			return err
		}
		select {
		case <-time.After(wait):
		case <-ctx.Done():
			return fmt.Errorf("sqlite: keys are destroyed but still in the log: %w", ctx.Err())
		}
	}
}

func (k *keys) emptyLog(ctx context.Context, destroyed int64) (bool, error) {
	select {
	case k.turn <- struct{}{}:
	case <-ctx.Done():
		return false, fmt.Errorf("sqlite: keys are destroyed but still in the log: %w", ctx.Err())
	}
	defer func() { <-k.turn }()
	if k.emptied >= destroyed {
		return true, nil
	}
	covers := k.destroyed.Load()
	empty, err := k.db.emptyLog(ctx)
	if empty && err == nil {
		k.emptied = covers
	}
	return empty, err
}

func (k *keys) Each(ctx context.Context, after hearkeep.RecordingID, limit int) ([]store.KeyedRecording, error) {
	var list []store.KeyedRecording
	err := k.db.view(ctx, func(x *tx) error {
		type row struct {
			vault     hearkeep.VaultID
			recording hearkeep.RecordingID
			part      hearkeep.Part
		}
		// A page is cut between recordings, never inside one.
		found, err := all(ctx, x, func(rows *sql.Rows) (r row, err error) {
			return r, rows.Scan(&r.recording, &r.vault, &r.part)
		}, `SELECT DISTINCT recording, vault, part FROM part_keys
			WHERE recording IN (SELECT DISTINCT recording FROM part_keys WHERE recording > ? ORDER BY recording LIMIT ?)
			ORDER BY recording, vault, part`, after[:], limit)
		for _, r := range found {
			n := len(list)
			if n == 0 || list[n-1].Recording != r.recording || list[n-1].Vault != r.vault {
				list = append(list, store.KeyedRecording{Vault: r.vault, Recording: r.recording})
				n++
			}
			list[n-1].Parts = append(list[n-1].Parts, r.part)
		}
		return err
	})
	return list, err
}

func (k *keys) PutEnvelope(ctx context.Context, vault hearkeep.VaultID, id hearkeep.EnvelopeID, wrap []byte) error {
	return k.db.update(ctx, func(x *tx) error {
		return x.put(ctx, `INSERT INTO envelopes (vault, id, wrap) VALUES (?, ?, ?)
			ON CONFLICT (vault, id) DO UPDATE SET wrap = excluded.wrap`, vault, id, wrap)
	})
}

func (k *keys) Envelope(ctx context.Context, vault hearkeep.VaultID, id hearkeep.EnvelopeID) (wrap []byte, err error) {
	err = k.db.view(ctx, func(x *tx) error {
		wrap, err = value[[]byte](ctx, x, "SELECT wrap FROM envelopes WHERE vault = ? AND id = ?", vault, id)
		return err
	})
	return wrap, err
}
