package sqlite

import (
	"context"
	"database/sql"
	"time"

	"github.com/hearkeep/hearkeep"
	"github.com/hearkeep/hearkeep/internal/store"
)

// rights implements store.Rights.
type rights struct{ *tx }

func (r rights) InsertRequest(ctx context.Context, q store.Request) error {
	return r.put(ctx, `INSERT INTO requests (id, account, kind, state, via, binding, received, due, extended, reason, reminded, ended, answer, mac)
		VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)`,
		q.ID, q.Account, q.Kind, q.State, q.Via, q.Binding, millis(q.Received), millis(q.Due), millis(q.Extended), q.Reason,
		millis(q.Reminded), millis(q.Ended), q.Answer, q.MAC)
}

const selectRequest = "SELECT id, account, kind, state, via, binding, received, due, extended, reason, reminded, ended, answer, mac FROM requests "

func scanRequest(row *sql.Rows) (q store.Request, err error) {
	return q, row.Scan(&q.ID, &q.Account, &q.Kind, &q.State, &q.Via, &q.Binding, scanTime{&q.Received}, scanTime{&q.Due},
		scanTime{&q.Extended}, &q.Reason, scanTime{&q.Reminded}, scanTime{&q.Ended}, &q.Answer, &q.MAC)
}

func (r rights) Request(ctx context.Context, account hearkeep.AccountID, id hearkeep.RequestID) (store.Request, error) {
	return one(ctx, r.tx, scanRequest, selectRequest+"WHERE id = ? AND account = ?", id, account)
}

func (r rights) Requests(ctx context.Context, account hearkeep.AccountID, limit int) ([]store.Request, error) {
	return all(ctx, r.tx, scanRequest, selectRequest+"WHERE account = ? ORDER BY received DESC, id DESC LIMIT ?", account, limit)
}

func (r rights) SetRequest(ctx context.Context, q store.Request) error {
	return r.change(ctx, `UPDATE requests SET state = ?, due = ?, extended = ?, reason = ?, reminded = ?, ended = ?, answer = ?
		WHERE id = ? AND account = ?`,
		q.State, millis(q.Due), millis(q.Extended), q.Reason, millis(q.Reminded), millis(q.Ended), q.Answer, q.ID, q.Account)
}

func (r rights) OpenRequests(ctx context.Context, after store.RequestCursor, limit int) ([]store.Request, error) {
	return all(ctx, r.tx, scanRequest, selectRequest+"WHERE ended = 0 AND (due, id) > (?, ?) ORDER BY due, id LIMIT ?",
		millis(after.Due), after.ID[:], limit)
}

func (r rights) CountRequests(ctx context.Context) ([]store.RequestCount, error) {
	return all(ctx, r.tx, func(row *sql.Rows) (c store.RequestCount, err error) {
		return c, row.Scan(&c.Kind, &c.State, &c.N)
	}, "SELECT kind, state, count(*) FROM requests GROUP BY kind, state ORDER BY kind, state")
}

func (r rights) InsertArchive(ctx context.Context, a store.Archive) error {
	return r.put(ctx, `INSERT INTO archives (id, request, account, sealed, state, count, bytes, hash, made, ended)
		VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?)`,
		a.ID, a.Request, a.Account, a.Sealed, a.State, a.Count, a.Bytes, a.Hash[:], millis(a.Made), millis(a.Ended))
}

const selectArchive = "SELECT id, request, account, sealed, state, count, bytes, hash, made, ended FROM archives "

func scanArchive(row *sql.Rows) (a store.Archive, err error) {
	return a, row.Scan(&a.ID, &a.Request, &a.Account, &a.Sealed, &a.State, &a.Count, &a.Bytes, scanHash{&a.Hash},
		scanTime{&a.Made}, scanTime{&a.Ended})
}

func (r rights) Archive(ctx context.Context, account hearkeep.AccountID, id hearkeep.ArchiveID) (store.Archive, error) {
	return one(ctx, r.tx, scanArchive, selectArchive+"WHERE id = ? AND account = ?", id, account)
}

func (r rights) Archives(ctx context.Context, account hearkeep.AccountID, limit int) ([]store.Archive, error) {
	return all(ctx, r.tx, scanArchive, selectArchive+"WHERE account = ? ORDER BY made DESC, id DESC LIMIT ?", account, limit)
}

func (r rights) SetArchive(ctx context.Context, a store.Archive) error {
	return r.change(ctx, "UPDATE archives SET state = ?, count = ?, bytes = ?, hash = ?, ended = ? WHERE id = ? AND account = ?",
		a.State, a.Count, a.Bytes, a.Hash[:], millis(a.Ended), a.ID, a.Account)
}

func (r rights) InsertRestriction(ctx context.Context, w store.Restriction) error {
	return r.change(ctx, `INSERT INTO restrictions (id, vault, binding, recording, account, request, report, at, lifted)
		SELECT ?, ?, ?, ?, ?, ?, ?, ?, ?
		WHERE (? IS NULL OR EXISTS (SELECT 1 FROM bindings WHERE vault = ? AND id = ?))
		AND (? IS NULL OR EXISTS (SELECT 1 FROM recordings WHERE vault = ? AND id = ?))`,
		w.ID, w.Vault, w.Binding, w.Recording, w.Account, w.Request, w.Report, millis(w.At), millis(w.Lifted),
		w.Binding, w.Vault, w.Binding, w.Recording, w.Vault, w.Recording)
}

const selectRestriction = "SELECT id, vault, binding, recording, account, request, report, at, lifted FROM restrictions "

func scanRestriction(row *sql.Rows) (w store.Restriction, err error) {
	return w, row.Scan(&w.ID, &w.Vault, &w.Binding, &w.Recording, &w.Account, &w.Request, &w.Report, scanTime{&w.At}, scanTime{&w.Lifted})
}

func (r rights) Restrictions(ctx context.Context, vault hearkeep.VaultID) ([]store.Restriction, error) {
	return all(ctx, r.tx, scanRestriction, selectRestriction+"WHERE vault = ? AND lifted = 0 ORDER BY at, id", vault)
}

func (r rights) LiftRestriction(ctx context.Context, vault hearkeep.VaultID, id hearkeep.RestrictionID, at time.Time) error {
	return r.change(ctx, "UPDATE restrictions SET lifted = ? WHERE id = ? AND vault = ? AND lifted = 0", millis(at), id, vault)
}

func (r rights) CountRestrictions(ctx context.Context) (int, error) {
	return value[int](ctx, r.tx, "SELECT count(*) FROM restrictions WHERE lifted = 0")
}

func (r rights) InsertClaim(ctx context.Context, c store.Claim) error {
	return r.put(ctx, `INSERT INTO claims (id, hash, sealed, since, until, vault, binding, state, count, due, made, ended)
		VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)`,
		c.ID, c.Hash[:], c.Sealed, millis(c.From), millis(c.To), c.Vault, c.Binding, c.State, c.Count, millis(c.Due), millis(c.Made), millis(c.Ended))
}

const selectClaim = "SELECT id, hash, sealed, since, until, vault, binding, state, count, due, made, ended FROM claims "

func scanClaim(row *sql.Rows) (c store.Claim, err error) {
	return c, row.Scan(&c.ID, scanHash{&c.Hash}, &c.Sealed, scanTime{&c.From}, scanTime{&c.To}, &c.Vault, &c.Binding, &c.State,
		&c.Count, scanTime{&c.Due}, scanTime{&c.Made}, scanTime{&c.Ended})
}

func (r rights) Claim(ctx context.Context, id hearkeep.ClaimID) (store.Claim, error) {
	return one(ctx, r.tx, scanClaim, selectClaim+"WHERE id = ?", id)
}

func (r rights) ClaimByHash(ctx context.Context, hash [32]byte) (store.Claim, error) {
	return one(ctx, r.tx, scanClaim, selectClaim+"WHERE hash = ?", hash[:])
}

func (r rights) SetClaim(ctx context.Context, c store.Claim) error {
	return r.change(ctx, "UPDATE claims SET sealed = ?, state = ?, count = ?, ended = ? WHERE id = ?",
		c.Sealed, c.State, c.Count, millis(c.Ended), c.ID)
}

func (r rights) BindingNumbered(ctx context.Context, number [5]byte) (store.Binding, error) {
	var from, to hearkeep.BindingID
	copy(from[:], number[:])
	copy(to[:], number[:])
	for i := len(number); i < len(to); i++ {
		to[i] = 0xff
	}
	found, err := all(ctx, r.tx, scanBinding, selectBinding+"WHERE id BETWEEN ? AND ? LIMIT 2", from[:], to[:])
	if err == nil && len(found) != 1 {
		err = store.ErrNotFound
	}
	if err != nil {
		return store.Binding{}, err
	}
	return found[0], nil
}

func (r rights) ClaimsOf(ctx context.Context, vault hearkeep.VaultID) ([]store.Claim, error) {
	return all(ctx, r.tx, scanClaim, selectClaim+"WHERE vault = ? ORDER BY made, id", vault)
}

func (r rights) OpenClaims(ctx context.Context, limit int) ([]store.Claim, error) {
	return all(ctx, r.tx, scanClaim, selectClaim+"WHERE ended = 0 ORDER BY due, id LIMIT ?", limit)
}

func (r rights) ExpireClaims(ctx context.Context, before time.Time) (int, error) {
	n, err := r.exec(ctx, "DELETE FROM claims WHERE ended > 0 AND ended < ?", millis(before))
	return int(n), err
}

// inWindow walks through a window of a vault's time, which is as long as a day
// at most, rather than through all that a door ever kept: + keeps the door's
// own index out of it.
const inWindow = "WHERE vault = ? AND start >= ? AND start < ? AND +binding = ?"

func (r rights) CountBetween(ctx context.Context, vault hearkeep.VaultID, binding hearkeep.BindingID, from, to time.Time) (int, error) {
	return value[int](ctx, r.tx, "SELECT count(*) FROM recordings "+inWindow, vault, millis(from), millis(to), binding)
}

func (r rights) RecordingsBetween(ctx context.Context, vault hearkeep.VaultID, binding hearkeep.BindingID, from, to time.Time, limit int) ([]store.Recording, error) {
	return all(ctx, r.tx, scanRecording, selectRecording+inWindow+" ORDER BY start, id LIMIT ?", vault, millis(from), millis(to), binding, limit)
}
