package incident

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/hearkeep/hearkeep"
	"github.com/hearkeep/hearkeep/internal/seal"
	"github.com/hearkeep/hearkeep/internal/store"
)

// WrittenFor is for how long after a case is closed what others wrote to the
// desk stays: their addresses, what they reported, what they attested. The
// case, its steps and its clocks stay for good (Art. 33(5)).
const WrittenFor = 90 * 24 * time.Hour

// casesAtOnce is how many cases are looked at in one transaction.
const casesAtOnce = 100

// forget removes what others wrote of the cases whose time for that is over.
func (d *Desk) forget(ctx context.Context, now time.Time) error {
	if !d.forgot.due(now) {
		return nil
	}
	var failed []error
	for at := (store.IncidentCursor{}); ; {
		var rows []store.Incident
		err := d.Store.View(ctx, func(tx *store.Tx) (err error) {
			rows, err = tx.Incidents.Incidents(ctx, at, casesAtOnce)
			return err
		})
		if err != nil {
			return fmt.Errorf("incident: cases long closed: %w", errors.Join(append(failed, err)...))
		}
		for _, row := range rows {
			at = store.IncidentCursor{AwareAt: row.AwareAt, ID: row.ID}
			if row.Closed.IsZero() || now.Sub(row.Closed) < WrittenFor {
				continue
			}
			if err := d.forgetIn(ctx, row.ID); err != nil {
				failed = append(failed, fmt.Errorf("incident: forget what others wrote of %s: %w", row.ID, err))
			}
		}
		if len(rows) < casesAtOnce {
			return errors.Join(failed...)
		}
	}
}

// forgetIn removes what others wrote of one case, where anything is left.
func (d *Desk) forgetIn(ctx context.Context, id hearkeep.IncidentID) error {
	var reports []store.Report
	var recipients []store.Recipient
	err := d.Store.View(ctx, func(tx *store.Tx) (err error) {
		reports, recipients, err = d.written(ctx, tx, id)
		return err
	})
	if err != nil || len(reports)+len(recipients) == 0 {
		return err
	}
	return d.Store.Update(ctx, func(tx *store.Tx) error {
		reports, recipients, err := d.written(ctx, tx, id)
		for _, r := range reports {
			err = errors.Join(err, tx.Incidents.SetReport(ctx, r))
		}
		for _, r := range recipients {
			err = errors.Join(err, tx.Incidents.SetRecipient(ctx, r))
		}
		return err
	})
}

// written are the rows of a case in which others wrote something, without it.
// Why a letter was entered late, and which account was asked, are the
// operator's, and stay; a text that was altered goes with the others.
func (d *Desk) written(ctx context.Context, tx *store.Tx, id hearkeep.IncidentID) (reports []store.Report, recipients []store.Recipient, err error) {
	all, err := tx.Incidents.ReportsIn(ctx, id)
	if err != nil {
		return nil, nil, err
	}
	for _, r := range all {
		var w wrote
		read := d.unseal(seal.HouseReport, r.ID, r.Sealed, &w)
		left := wrote{Late: w.Late}
		if read == nil && w == left {
			continue
		}
		r.Sealed = nil
		if left != (wrote{}) {
			if r.Sealed, err = d.seal(seal.HouseReport, r.ID, left); err != nil {
				return nil, nil, err
			}
		}
		reports = append(reports, r)
	}
	asked, err := tx.Incidents.Recipients(ctx, id)
	if err != nil {
		return nil, nil, err
	}
	for _, r := range asked {
		var a askedOf
		read := d.unseal(seal.HouseRecipient, r.ID, r.Sealed, &a)
		left := askedOf{Account: a.Account, Language: a.Language}
		if read == nil && a == left {
			continue
		}
		if r.Sealed, err = d.seal(seal.HouseRecipient, r.ID, left); err != nil {
			return nil, nil, err
		}
		recipients = append(recipients, r)
	}
	return reports, recipients, nil
}
