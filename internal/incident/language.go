package incident

import (
	"context"
	"fmt"

	"github.com/hearkeep/hearkeep"
	"github.com/hearkeep/hearkeep/internal/store"
)

// Language is what an account is written to in; empty where nobody chose it.
func (d *Desk) Language(ctx context.Context, account hearkeep.AccountID) (l hearkeep.Language, err error) {
	err = d.Store.View(ctx, func(tx *store.Tx) (err error) {
		l, err = tx.Incidents.Language(ctx, account)
		return err
	})
	if err != nil {
		return "", fmt.Errorf("incident: language of %s: %w", account, err)
	}
	return l, nil
}

// SetLanguage sets it; Invalid where nothing is written in l.
func (d *Desk) SetLanguage(ctx context.Context, account hearkeep.AccountID, l hearkeep.Language) error {
	if !l.Valid() {
		return hearkeep.Errorf(hearkeep.Invalid, "No letters are written in that language.").WithHint("Choose one of the list.")
	}
	if err := d.Store.Update(ctx, func(tx *store.Tx) error { return tx.Incidents.SetLanguage(ctx, account, l) }); err != nil {
		return fmt.Errorf("incident: language of %s: %w", account, err)
	}
	return nil
}
