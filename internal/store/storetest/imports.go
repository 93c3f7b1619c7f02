package storetest

import (
	"testing"

	"github.com/hearkeep/hearkeep"
	"github.com/hearkeep/hearkeep/internal/store"
)

// importRows are of one vault and generation, and go with their recording.
func importRows(t *testing.T, open Opener) {
	st, _ := open(t)
	ctx := t.Context()
	v, other := NewVault(t, st), NewVault(t, st)
	rec, _ := keep(t, st, v, 1, noon)
	row := store.Import{Vault: v.ID, Generation: 1, Digest: bytesOf(32), Recording: rec.ID}
	find := func(what string, vault hearkeep.VaultID, n hearkeep.Generation, want error) {
		t.Helper()
		view(t, st, func(tx *store.Tx) error {
			got, err := tx.Imports.Imported(ctx, vault, n, row.Digest)
			wantErr(t, what, err, want)
			if want == nil {
				equal(t, what, got, rec.ID)
			}
			return nil
		})
	}
	find("before", v.ID, 1, store.ErrNotFound)
	update(t, st, func(tx *store.Tx) error {
		return tx.Imports.InsertImport(ctx, row)
	})
	find("the file", v.ID, 1, nil)
	find("of another generation", v.ID, 2, store.ErrNotFound)
	find("of another vault", other.ID, 1, store.ErrNotFound)
	update(t, st, func(tx *store.Tx) error {
		wantErr(t, "the file twice", tx.Imports.InsertImport(ctx, row), store.ErrExists)
		foreign := row
		foreign.Vault = other.ID
		wantErr(t, "another vault's recording", tx.Imports.InsertImport(ctx, foreign), store.ErrNotFound)
		return tx.Vaults.DeleteRecording(ctx, v.ID, rec.ID)
	})
	find("after its recording is gone", v.ID, 1, store.ErrNotFound)
}
