package sqlite

import (
	"bytes"
	"cmp"
	"context"
	"database/sql"
	"errors"
	"math"
	"slices"
	"time"

	"github.com/hearkeep/hearkeep"
	"github.com/hearkeep/hearkeep/internal/store"
)

func (v vaults) InsertRecording(ctx context.Context, r store.Recording, parts []store.Part) error {
	err := v.put(ctx, `INSERT INTO recordings (vault, id, binding, number, generation, envelope, start, duration, blob, kept)
		VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?)`,
		r.Vault, r.ID, r.Binding, r.Number, r.Generation, r.Envelope, millis(r.Start), r.Duration, r.Blob, millis(r.Kept))
	if err != nil {
		return err
	}
	for _, p := range parts {
		if p.Recording != r.ID {
			return errors.New("sqlite: a part of another recording")
		}
		if err := v.InsertPart(ctx, r.Vault, p); err != nil {
			return err
		}
	}
	return nil
}

const selectRecording = "SELECT vault, id, binding, number, generation, envelope, start, duration, blob, kept FROM recordings "

func scanRecording(row *sql.Rows) (r store.Recording, err error) {
	return r, row.Scan(&r.Vault, &r.ID, &r.Binding, &r.Number, &r.Generation, &r.Envelope, scanTime{&r.Start},
		&r.Duration, &r.Blob, scanTime{&r.Kept})
}

func (v vaults) Recording(ctx context.Context, vault hearkeep.VaultID, id hearkeep.RecordingID) (store.Recording, error) {
	return one(ctx, v.tx, scanRecording, selectRecording+"WHERE vault = ? AND id = ?", vault, id)
}

func (v vaults) Recordings(ctx context.Context, vault hearkeep.VaultID, of store.Span, before store.Cursor, limit int) ([]store.Recording, error) {
	start, id := millis(before.Start), before.ID
	if before == (store.Cursor{}) {
		start = math.MaxInt64
		id = hearkeep.RecordingID{0xff} // any id: no recording starts then
	}
	if whole(of) {
		return all(ctx, v.tx, scanRecording,
			selectRecording+"WHERE vault = ? AND (start, id) < (?, ?) ORDER BY start DESC, id DESC LIMIT ?",
			vault, start, id[:], limit)
	}
	// A page of each generation, and the newest of them all: no index is in
	// the order of the times and knows a span, and whoever came last must not
	// wait for a walk through what others kept before.
	generations, err := all(ctx, v.tx, func(row *sql.Rows) (n hearkeep.Generation, err error) {
		return n, row.Scan(&n)
	}, "SELECT n FROM generations WHERE vault = ? AND n BETWEEN ? AND ?", vault, of.From, upTo(of))
	if err != nil {
		return nil, err
	}
	var page []store.Recording
	for _, n := range generations {
		of, err := all(ctx, v.tx, scanRecording,
			selectRecording+"WHERE vault = ? AND generation = ? AND (start, id) < (?, ?) ORDER BY start DESC, id DESC LIMIT ?",
			vault, n, start, id[:], limit)
		if err != nil {
			return nil, err
		}
		page = append(page, of...)
	}
	slices.SortFunc(page, newestFirst)
	return page[:min(len(page), limit)], nil
}

// newestFirst is the order of a listing.
func newestFirst(a, b store.Recording) int {
	return cmp.Or(b.Start.Compare(a.Start), bytes.Compare(b.ID[:], a.ID[:]))
}

// whole says that a span is all of a vault's generations, which start at 1.
func whole(of store.Span) bool { return of.From <= 1 && of.To == 0 }

// upTo is the last generation of a span, as a number that a comparison can use.
func upTo(of store.Span) int64 {
	if of.To == 0 {
		return math.MaxInt64
	}
	return int64(of.To)
}

func (v vaults) RecordingsByNumber(ctx context.Context, vault hearkeep.VaultID, binding hearkeep.BindingID, after hearkeep.Number, limit int) ([]store.Recording, error) {
	return all(ctx, v.tx, scanRecording,
		selectRecording+"WHERE vault = ? AND binding = ? AND number > ? ORDER BY number LIMIT ?",
		vault, binding, after, limit)
}

func (v vaults) RecordingsOf(ctx context.Context, vault hearkeep.VaultID, ids []hearkeep.RecordingID) (map[hearkeep.RecordingID]store.Recording, error) {
	recs, err := all(ctx, v.tx, scanRecording,
		selectRecording+"WHERE vault = ? AND id IN (SELECT unhex(value) FROM json_each(?))", vault, idList(ids))
	if err != nil {
		return nil, err
	}
	of := make(map[hearkeep.RecordingID]store.Recording, len(recs))
	for _, r := range recs {
		of[r.ID] = r
	}
	return of, nil
}

func (v vaults) LastRecording(ctx context.Context, vault hearkeep.VaultID, binding hearkeep.BindingID) (store.Recording, error) {
	return one(ctx, v.tx, scanRecording,
		selectRecording+"WHERE vault = ? AND binding = ? ORDER BY number DESC LIMIT 1", vault, binding)
}

const selectTotals = "SELECT count(*), coalesce(sum(duration), 0), coalesce(min(start), 0), coalesce(max(start), 0), "

func scanTotals(row *sql.Rows) (t store.Totals, err error) {
	return t, row.Scan(&t.Recordings, &t.Speech, scanTime{&t.Oldest}, scanTime{&t.Newest}, &t.Bytes)
}

func (v vaults) Totals(ctx context.Context, vault hearkeep.VaultID, of store.Span) (store.Totals, error) {
	if whole(of) { // no look-up from table to table
		return one(ctx, v.tx, scanTotals, selectTotals+`(SELECT coalesce(sum(size), 0) FROM parts WHERE vault = ?1)
			FROM recordings WHERE vault = ?1`, vault)
	}
	return one(ctx, v.tx, scanTotals, selectTotals+`(SELECT coalesce(sum(p.size), 0) FROM recordings r JOIN parts p ON p.vault = r.vault AND p.recording = r.id
			WHERE r.vault = ?1 AND r.generation BETWEEN ?2 AND ?3)
		FROM recordings WHERE vault = ?1 AND generation BETWEEN ?2 AND ?3`, vault, of.From, upTo(of))
}

func (v vaults) DeleteRecording(ctx context.Context, vault hearkeep.VaultID, id hearkeep.RecordingID) error {
	// Its parts go with it: ON DELETE CASCADE.
	return v.change(ctx, "DELETE FROM recordings WHERE vault = ? AND id = ?", vault, id)
}

const selectPart = "SELECT recording, part, version, size, hash, until, bytes FROM parts "

func scanPart(row *sql.Rows) (p store.Part, err error) {
	return p, row.Scan(&p.Recording, &p.Part, &p.Version, &p.Size, scanHash{&p.Hash}, scanTime{&p.Until}, &p.Bytes)
}

func (v vaults) Parts(ctx context.Context, vault hearkeep.VaultID, id hearkeep.RecordingID) ([]store.Part, error) {
	parts, err := all(ctx, v.tx, scanPart, selectPart+"WHERE vault = ? AND recording = ? ORDER BY part", vault, id)
	if err == nil && len(parts) == 0 { // a recording may have lost its last part
		_, err = v.Recording(ctx, vault, id)
	}
	return parts, err
}

func (v vaults) PartsOf(ctx context.Context, vault hearkeep.VaultID, ids []hearkeep.RecordingID, part hearkeep.Part) (map[hearkeep.RecordingID]store.Part, error) {
	parts, err := all(ctx, v.tx, scanPart,
		selectPart+"WHERE vault = ? AND part = ? AND recording IN (SELECT unhex(value) FROM json_each(?))",
		vault, part, idList(ids))
	if err != nil {
		return nil, err
	}
	of := make(map[hearkeep.RecordingID]store.Part, len(parts))
	for _, p := range parts {
		of[p.Recording] = p
	}
	return of, nil
}

func (v vaults) InsertPart(ctx context.Context, vault hearkeep.VaultID, p store.Part) error {
	return v.put(ctx, `INSERT INTO parts (vault, recording, part, version, size, hash, until, bytes)
		VALUES (?, ?, ?, ?, ?, ?, ?, ?)`,
		vault, p.Recording, p.Part, p.Version, p.Size, p.Hash[:], millis(p.Until), p.Bytes)
}

func (v vaults) DeletePart(ctx context.Context, vault hearkeep.VaultID, id hearkeep.RecordingID, part hearkeep.Part) error {
	return v.change(ctx, "DELETE FROM parts WHERE vault = ? AND recording = ? AND part = ?", vault, id, part)
}

func (v vaults) DueParts(ctx context.Context, now time.Time, limit int) ([]store.DuePart, error) {
	return all(ctx, v.tx, func(row *sql.Rows) (d store.DuePart, err error) {
		return d, row.Scan(&d.Vault, &d.Recording, &d.Part)
	}, `SELECT vault, recording, part FROM parts WHERE until <= ? AND NOT EXISTS (
			SELECT 1 FROM restrictions r WHERE r.lifted = 0 AND r.vault = parts.vault AND CASE
				WHEN r.recording IS NOT NULL THEN r.recording = parts.recording
				WHEN r.binding IS NOT NULL THEN r.binding = (SELECT binding FROM recordings WHERE vault = parts.vault AND id = parts.recording)
				ELSE 1 END)
		ORDER BY until, vault, recording, part LIMIT ?`,
		millis(now), limit)
}

func (v vaults) HasBlob(ctx context.Context, blob string) (bool, error) {
	return value[bool](ctx, v.tx, "SELECT EXISTS (SELECT 1 FROM recordings WHERE blob = ? AND blob <> '')", blob)
}
