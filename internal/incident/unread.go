package incident

import (
	"context"
	"fmt"
	"slices"
	"time"

	"github.com/hearkeep/hearkeep"
	"github.com/hearkeep/hearkeep/internal/store"
)

// How a notice that its person opened stands in the delivery log, beside the
// letters about it.
const (
	kindNotice = "notice"
	stateRead  = "read"
)

// Unread lists the cases that an account was told of and whose notice it has
// not opened since it was last told, the oldest told first. It is asked with
// every page, and reads the account's rows alone.
func (d *Desk) Unread(ctx context.Context, account hearkeep.AccountID) (ids []hearkeep.IncidentID, err error) {
	err = d.Store.View(ctx, func(tx *store.Tx) error {
		log, err := tx.Incidents.CommunicationsTo(ctx, account)
		if err != nil {
			return err
		}
		seen, told := map[hearkeep.IncidentID]time.Time{}, toldOf(log)
		for _, c := range log {
			if c.Kind == kindNotice && c.Ended.After(seen[c.Incident]) {
				seen[c.Incident] = c.Ended
			}
		}
		for id, at := range told {
			if seen[id].Before(at) {
				ids = append(ids, id)
			}
		}
		slices.SortFunc(ids, func(a, b hearkeep.IncidentID) int { return told[a].Compare(told[b]) })
		return nil
	})
	if err != nil {
		return nil, fmt.Errorf("incident: unread notices of %s: %w", account, err)
	}
	return ids, nil
}

// Read notes in the delivery log that an account's notice of a case was
// opened by who is signed in. NotFound where it was told of no such case.
func (d *Desk) Read(ctx context.Context, id hearkeep.IncidentID, account hearkeep.AccountID, now time.Time) error {
	err := d.Store.Update(ctx, func(tx *store.Tx) error {
		log, err := tx.Incidents.CommunicationsTo(ctx, account)
		if err != nil {
			return err
		}
		log = slices.DeleteFunc(log, func(c store.Communication) bool { return c.Incident != id })
		if len(toldOf(log)) == 0 {
			return store.ErrNotFound
		}
		if err := showPage(ctx, tx, log, account, now); err != nil {
			return err
		}
		row := store.Communication{Incident: id, Account: account, Kind: kindNotice, Topic: "your recordings", State: stateRead, At: now, Ended: now}
		if slices.ContainsFunc(log, func(c store.Communication) bool {
			return c.Account == account && c.Kind == kindNotice
		}) {
			return tx.Incidents.SetCommunication(ctx, row)
		}
		return tx.Incidents.InsertCommunication(ctx, row)
	})
	if err != nil {
		return fmt.Errorf("incident: notice of %s to %s: %w", id, account, err)
	}
	return nil
}
