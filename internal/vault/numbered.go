package vault

import (
	"context"
	"fmt"
	"time"

	"github.com/hearkeep/hearkeep"
	"github.com/hearkeep/hearkeep/internal/store"
)

// Numbered is a recording as its number leads to it: where it is and when it
// began, and nothing that was said.
type Numbered struct {
	ID      hearkeep.RecordingID
	Binding hearkeep.BindingID
	Number  hearkeep.Number
	Start   time.Time
}

// Numbered returns the first limit recordings that still stand under some
// numbers of this vault's doors, in their order, of the generations that this
// Room opens. What was erased, expired or never this vault's is left out. It
// opens nothing.
func (r *Room) Numbered(ctx context.Context, runs []hearkeep.Run, limit int) (out []Numbered, err error) {
	err = r.keep.store.View(ctx, func(tx *store.Tx) error {
		out = nil
		for _, run := range runs {
			for next := run.From; next <= run.To && len(out) < limit; {
				// Above after: numbers begin at 1, and a run at 0 is nobody's.
				rows, err := tx.Vaults.RecordingsByNumber(ctx, r.vault.ID, run.Binding, max(next, 1)-1, limit-len(out))
				if err != nil {
					return err
				}
				for _, row := range rows {
					if next = row.Number + 1; row.Number <= run.To && r.span.Holds(row.Generation) {
						out = append(out, Numbered{row.ID, row.Binding, row.Number, row.Start})
					}
				}
				if len(rows) == 0 {
					break
				}
			}
		}
		return nil
	})
	if err != nil {
		return nil, fmt.Errorf("vault: numbers of %s: %w", r.vault.ID, err)
	}
	return out, nil
}

// Place is where a recording of this vault stands in the ledger: its door and
// its number there. It opens nothing.
func (r *Room) Place(ctx context.Context, id hearkeep.RecordingID) (Numbered, error) {
	rec, err := r.recording(ctx, id)
	if err != nil {
		return Numbered{}, err
	}
	return Numbered{rec.ID, rec.Binding, rec.Number, rec.Start}, nil
}
