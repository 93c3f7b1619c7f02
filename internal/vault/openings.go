package vault

import (
	"context"

	"github.com/hearkeep/hearkeep/internal/ledger"
)

// Openings calls fn with the ledger's entries about this vault, the oldest
// first: who opened, released, erased or changed what (A5).
func (r *Room) Openings(ctx context.Context, fn func(ledger.Recorded) error) error {
	if err := r.keyholder(); err != nil {
		return err
	}
	for next := int64(0); ; {
		entries, err := r.keep.ledger.Entries(ctx, r.vault.ID, next, 500)
		if err != nil || len(entries) == 0 {
			return err
		}
		for _, e := range entries {
			if err := fn(e); err != nil {
				return err
			}
			next = e.Seq + 1
		}
	}
}
