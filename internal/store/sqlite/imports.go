package sqlite

import (
	"context"

	"github.com/hearkeep/hearkeep"
	"github.com/hearkeep/hearkeep/internal/store"
)

// imports implements store.Imports.
type imports struct{ *tx }

func (i imports) InsertImport(ctx context.Context, w store.Import) error {
	return i.put(ctx, "INSERT INTO imports (vault, generation, digest, recording) VALUES (?, ?, ?, ?)",
		w.Vault, w.Generation, w.Digest, w.Recording)
}

func (i imports) Imported(ctx context.Context, vault hearkeep.VaultID, n hearkeep.Generation, digest []byte) (id hearkeep.RecordingID, err error) {
	return value[hearkeep.RecordingID](ctx, i.tx, "SELECT recording FROM imports WHERE vault = ? AND generation = ? AND digest = ?",
		vault, n, digest)
}
