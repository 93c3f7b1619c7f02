package store

import (
	"context"

	"github.com/hearkeep/hearkeep"
)

// Imports is the rows of what people brought from other providers: which file
// became which recording, so that each is kept once. A row goes with its
// recording.
type Imports interface {
	// InsertImport fails with ErrExists where the vault has the digest of that
	// generation, and with ErrNotFound where it has not the recording.
	InsertImport(ctx context.Context, i Import) error
	// Imported returns the recording that a file became; ErrNotFound where the
	// vault does not know it, or not any more.
	Imported(ctx context.Context, vault hearkeep.VaultID, n hearkeep.Generation, digest []byte) (hearkeep.RecordingID, error)
}

// Import is one file that became a recording.
type Import struct {
	Vault      hearkeep.VaultID
	Generation hearkeep.Generation
	Digest     []byte // a MAC under that generation's key: it says nothing of the file
	Recording  hearkeep.RecordingID
}
