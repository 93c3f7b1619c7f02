package sqlite

import (
	"context"
	"database/sql"
	"time"

	"github.com/hearkeep/hearkeep"
	"github.com/hearkeep/hearkeep/internal/store"
)

func (v vaults) PutDeparture(ctx context.Context, d store.Departure) error {
	return v.put(ctx, `INSERT INTO departures (vault, account, by, at) VALUES (?, ?, ?, ?)
		ON CONFLICT (vault, account) DO NOTHING`, d.Vault, d.Account, d.By, millis(d.At))
}

func (v vaults) Departures(ctx context.Context, vault hearkeep.VaultID) ([]store.Departure, error) {
	return all(ctx, v.tx, func(row *sql.Rows) (d store.Departure, err error) {
		return d, row.Scan(&d.Vault, &d.Account, &d.By, scanTime{&d.At})
	}, "SELECT vault, account, by, at FROM departures WHERE vault = ? ORDER BY at, account", vault)
}

func (v vaults) DeleteDeparture(ctx context.Context, vault hearkeep.VaultID, account hearkeep.AccountID) error {
	return v.put(ctx, "DELETE FROM departures WHERE vault = ? AND account = ?", vault, account)
}

func (v vaults) InsertAPIToken(ctx context.Context, t store.APIToken) error {
	return v.put(ctx, `INSERT INTO api_tokens (id, account, vault, generation, write, name, wrap, created, expires, used)
		VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?)`,
		t.ID, t.Account, t.Vault, t.Generation, t.Write, t.Name, t.Wrap, millis(t.Created), millis(t.Expires), millis(t.Used))
}

const selectAPIToken = "SELECT id, account, vault, generation, write, name, wrap, created, expires, used FROM api_tokens "

func scanAPIToken(row *sql.Rows) (t store.APIToken, err error) {
	return t, row.Scan(&t.ID, &t.Account, &t.Vault, &t.Generation, &t.Write, &t.Name, &t.Wrap,
		scanTime{&t.Created}, scanTime{&t.Expires}, scanTime{&t.Used})
}

func (v vaults) APIToken(ctx context.Context, id hearkeep.TokenID) (store.APIToken, error) {
	return one(ctx, v.tx, scanAPIToken, selectAPIToken+"WHERE id = ?", id)
}

func (v vaults) APITokens(ctx context.Context, account hearkeep.AccountID) ([]store.APIToken, error) {
	return all(ctx, v.tx, scanAPIToken, selectAPIToken+"WHERE account = ? ORDER BY created, id", account)
}

func (v vaults) TouchAPIToken(ctx context.Context, id hearkeep.TokenID, used time.Time) error {
	return v.change(ctx, "UPDATE api_tokens SET used = ? WHERE id = ?", millis(used), id)
}

func (v vaults) DeleteAPIToken(ctx context.Context, account hearkeep.AccountID, id hearkeep.TokenID) error {
	return v.change(ctx, "DELETE FROM api_tokens WHERE account = ? AND id = ?", account, id)
}

func (v vaults) DeleteAPITokensOf(ctx context.Context, vault hearkeep.VaultID) (int, error) {
	n, err := v.exec(ctx, "DELETE FROM api_tokens WHERE vault = ?", vault)
	return int(n), err
}

func (v vaults) ExpireAPITokens(ctx context.Context, now time.Time) (int, error) {
	n, err := v.exec(ctx, "DELETE FROM api_tokens WHERE expires <= ?", millis(now))
	return int(n), err
}
