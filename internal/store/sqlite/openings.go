package sqlite

import (
	"context"
	"math"
	"time"

	"github.com/hearkeep/hearkeep"
	"github.com/hearkeep/hearkeep/internal/store"
)

// window is [from, to) in milliseconds, where a zero end is open.
func window(from, to time.Time) (since, until int64) {
	since, until = math.MinInt64, math.MaxInt64
	if !from.IsZero() {
		since = millis(from)
	}
	if !to.IsZero() {
		until = millis(to)
	}
	return since, until
}

func (l ledger) EachOpening(ctx context.Context, of store.Opened, fn func(store.LedgerEntry) error) error {
	since, until := window(of.From, of.To)
	switch {
	case !of.Archive.IsZero():
		return each(ctx, l.tx, scanEntry, fn, selectEntry+`WHERE kind = 'disclosed' AND json_valid(CAST(body AS TEXT))
			AND CAST(body AS TEXT) ->> '$.archive' = ?`, of.Archive.String())
	case of.Session != "":
		return each(ctx, l.tx, scanEntry, fn, selectEntry+`WHERE kind IN ('opened', 'disclosed') AND json_valid(CAST(body AS TEXT))
			AND CAST(body AS TEXT) ->> '$.session' = ? AND +at >= ? AND +at < ?`, of.Session, since, until)
	case !of.Account.IsZero():
		return each(ctx, l.tx, scanEntry, fn, selectEntry+`INDEXED BY ledger_by_account WHERE account = ?
			AND kind IN ('opened', 'disclosed') AND at >= ? AND at < ?`, of.Account, since, until)
	case !of.Vault.IsZero():
		return each(ctx, l.tx, scanEntry, fn, selectEntry+`INDEXED BY ledger_by_vault WHERE vault = ?
			AND kind IN ('opened', 'disclosed') AND at >= ? AND at < ?`, of.Vault, since, until)
	}
	return each(ctx, l.tx, scanEntry, fn, selectEntry+`INDEXED BY ledger_openings
		WHERE kind IN ('opened', 'disclosed') AND at >= ? AND at < ?`, since, until)
}

func (l ledger) OpeningsLost(ctx context.Context, account hearkeep.AccountID, from, to time.Time) (int, error) {
	since, until := window(from, to)
	if account.IsZero() {
		return value[int](ctx, l.tx, `SELECT count(*) FROM ledger_entries INDEXED BY ledger_openings_lost
			WHERE kind IN ('opened', 'disclosed') AND body IS NULL AND at >= ? AND at < ?`, since, until)
	}
	return value[int](ctx, l.tx, `SELECT count(*) FROM ledger_entries INDEXED BY ledger_openings_lost
		WHERE kind IN ('opened', 'disclosed') AND body IS NULL AND at >= ? AND at < ? AND account = ?`, since, until, account)
}

func (l ledger) KeyChanges(ctx context.Context, account hearkeep.AccountID) ([]store.LedgerEntry, error) {
	return all(ctx, l.tx, scanEntry, selectEntry+`INDEXED BY ledger_key_changes
		WHERE account = ? AND kind = 'keys-changed' AND vault IS NOT NULL ORDER BY seq`, account)
}
