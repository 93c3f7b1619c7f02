package sqlite

import (
	"context"
	"database/sql"
	"time"

	"github.com/hearkeep/hearkeep"
	"github.com/hearkeep/hearkeep/internal/store"
)

// vaults implements store.Vaults; recordings.go and erasures.go hold the rest.
type vaults struct{ *tx }

func (v vaults) InsertVault(ctx context.Context, w store.Vault) error {
	return v.put(ctx, `INSERT INTO vaults (id, kind, label, retain_audio, retain_words, retain_turn, household, of_age, created)
		VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?)`,
		w.ID, w.Kind, w.Label, w.Retention.Audio, w.Retention.Words, w.Retention.Turn, w.Household, millis(w.OfAge), millis(w.Created))
}

func (v vaults) SetVault(ctx context.Context, w store.Vault) error {
	return v.change(ctx, "UPDATE vaults SET kind = ?, label = ?, household = ?, of_age = ? WHERE id = ?",
		w.Kind, w.Label, w.Household, millis(w.OfAge), w.ID)
}

const selectVault = "SELECT id, kind, label, retain_audio, retain_words, retain_turn, household, of_age, created FROM vaults "

func scanVault(row *sql.Rows) (w store.Vault, err error) {
	r := &w.Retention
	return w, row.Scan(&w.ID, &w.Kind, &w.Label, &r.Audio, &r.Words, &r.Turn, &w.Household, scanTime{&w.OfAge}, scanTime{&w.Created})
}

func (v vaults) Vault(ctx context.Context, id hearkeep.VaultID) (store.Vault, error) {
	return one(ctx, v.tx, scanVault, selectVault+"WHERE id = ?", id)
}

func (v vaults) AllVaults(ctx context.Context) ([]hearkeep.VaultID, error) {
	return all(ctx, v.tx, func(row *sql.Rows) (id hearkeep.VaultID, err error) {
		return id, row.Scan(&id)
	}, "SELECT id FROM vaults ORDER BY created, id")
}

func (v vaults) SetRetention(ctx context.Context, id hearkeep.VaultID, r store.Retention) error {
	return v.change(ctx, "UPDATE vaults SET retain_audio = ?, retain_words = ?, retain_turn = ? WHERE id = ?",
		r.Audio, r.Words, r.Turn, id)
}

func (v vaults) InsertGeneration(ctx context.Context, g store.Generation) error {
	return v.put(ctx, `INSERT INTO generations (vault, n, hpke_public, sign_public, keyholders, signature, roster, created)
		VALUES (?, ?, ?, ?, ?, ?, ?, ?)`,
		g.Vault, g.N, g.HPKEPublic, g.SignPublic, idBytes(g.Keyholders), g.Signature, g.Roster, millis(g.Created))
}

func (v vaults) Generations(ctx context.Context, vault hearkeep.VaultID) ([]store.Generation, error) {
	return all(ctx, v.tx, func(row *sql.Rows) (g store.Generation, err error) {
		return g, row.Scan(&g.Vault, &g.N, &g.HPKEPublic, &g.SignPublic, scanIDs(&g.Keyholders), &g.Signature, &g.Roster, scanTime{&g.Created})
	}, `SELECT vault, n, hpke_public, sign_public, keyholders, signature, roster, created FROM generations
		WHERE vault = ? ORDER BY n`, vault)
}

func (v vaults) InsertKeyholder(ctx context.Context, k store.Keyholder) error {
	return v.put(ctx, "INSERT INTO keyholders (vault, account, generation, wrap, pin) VALUES (?, ?, ?, ?, ?)",
		k.Vault, k.Account, k.Generation, k.Wrap, k.Pin)
}

func (v vaults) Keyholder(ctx context.Context, vault hearkeep.VaultID, account hearkeep.AccountID) ([]store.Keyholder, error) {
	held, err := all(ctx, v.tx, scanKeyholder, selectKeyholder+"WHERE vault = ? AND account = ? ORDER BY generation", vault, account)
	if err == nil && len(held) == 0 {
		err = store.ErrNotFound
	}
	return held, err
}

const selectKeyholder = "SELECT vault, account, generation, wrap, pin FROM keyholders "

func scanKeyholder(row *sql.Rows) (k store.Keyholder, err error) {
	return k, row.Scan(&k.Vault, &k.Account, &k.Generation, &k.Wrap, &k.Pin)
}

func (v vaults) Keyholders(ctx context.Context, vault hearkeep.VaultID, n hearkeep.Generation) ([]store.Keyholder, error) {
	return all(ctx, v.tx, scanKeyholder, selectKeyholder+"WHERE vault = ? AND generation = ? ORDER BY account", vault, n)
}

func (v vaults) SetKeyholder(ctx context.Context, k store.Keyholder) error {
	return v.change(ctx, "UPDATE keyholders SET wrap = ?, pin = ? WHERE vault = ? AND account = ? AND generation = ?",
		k.Wrap, k.Pin, k.Vault, k.Account, k.Generation)
}

func (v vaults) DeleteKeyholder(ctx context.Context, vault hearkeep.VaultID, account hearkeep.AccountID) error {
	return v.put(ctx, "DELETE FROM keyholders WHERE vault = ? AND account = ?", vault, account)
}

func (v vaults) VaultsIn(ctx context.Context, house hearkeep.HouseholdID) ([]store.Vault, error) {
	return all(ctx, v.tx, scanVault, selectVault+"WHERE household = ? ORDER BY created, id", house)
}

func (v vaults) VaultsOf(ctx context.Context, account hearkeep.AccountID) ([]store.Vault, error) {
	return all(ctx, v.tx, scanVault,
		selectVault+"WHERE id IN (SELECT vault FROM keyholders WHERE account = ?) ORDER BY created, id", account)
}

func (v vaults) InsertBinding(ctx context.Context, b store.Binding) error {
	return v.put(ctx, `INSERT INTO bindings (id, vault, generation, source, label, rule, signature, pin, next, created, ended)
		VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)`,
		b.ID, b.Vault, b.Generation, b.Source, b.Label, b.Rule, b.Signature, b.Pin, max(b.Next, 1),
		millis(b.Created), millis(b.Ended))
}

const selectBinding = "SELECT id, vault, generation, source, label, rule, signature, pin, next, created, ended FROM bindings "

func scanBinding(row *sql.Rows) (b store.Binding, err error) {
	return b, row.Scan(&b.ID, &b.Vault, &b.Generation, &b.Source, &b.Label, &b.Rule, &b.Signature, &b.Pin, &b.Next,
		scanTime{&b.Created}, scanTime{&b.Ended})
}

func (v vaults) Binding(ctx context.Context, id hearkeep.BindingID) (store.Binding, error) {
	return one(ctx, v.tx, scanBinding, selectBinding+"WHERE id = ?", id)
}

func (v vaults) Bindings(ctx context.Context, vault hearkeep.VaultID) ([]store.Binding, error) {
	return all(ctx, v.tx, scanBinding, selectBinding+"WHERE vault = ? ORDER BY created, id", vault)
}

func (v vaults) BindingsOfSource(ctx context.Context, source hearkeep.Source) ([]store.Binding, error) {
	return all(ctx, v.tx, scanBinding, selectBinding+"WHERE source = ? AND ended = 0 ORDER BY created, id", source)
}

func (v vaults) SetPin(ctx context.Context, vault hearkeep.VaultID, id hearkeep.BindingID, pin []byte) error {
	return v.change(ctx, "UPDATE bindings SET pin = ? WHERE vault = ? AND id = ?", pin, vault, id)
}

func (v vaults) SetBinding(ctx context.Context, b store.Binding) error {
	return v.change(ctx, "UPDATE bindings SET generation = ?, label = ?, rule = ?, signature = ?, pin = ? WHERE vault = ? AND id = ?",
		b.Generation, b.Label, b.Rule, b.Signature, b.Pin, b.Vault, b.ID)
}

func (v vaults) EndBinding(ctx context.Context, vault hearkeep.VaultID, id hearkeep.BindingID, at time.Time) error {
	return v.change(ctx, "UPDATE bindings SET ended = ? WHERE vault = ? AND id = ?", millis(at), vault, id)
}

func (v vaults) HandOut(ctx context.Context, vault hearkeep.VaultID, id hearkeep.BindingID) (hearkeep.Number, error) {
	if !v.write {
		return 0, errReadOnly
	}
	return value[hearkeep.Number](ctx, v.tx,
		"UPDATE bindings SET next = next + 1 WHERE vault = ? AND id = ? RETURNING next - 1", vault, id)
}
