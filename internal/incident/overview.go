package incident

import (
	"context"
	"errors"
	"fmt"

	"github.com/hearkeep/hearkeep"
	"github.com/hearkeep/hearkeep/internal/store"
)

// Overview is what the operator's first page says of the desk.
type Overview struct {
	Open    []Summary      // open cases, the soonest due first
	More    int            // open cases beyond those
	Waiting []store.Report // reports that are in no case yet, the oldest first
}

// Overview returns at most a number of open cases, and of waiting reports.
func (d *Desk) Overview(ctx context.Context, limit int) (o Overview, err error) {
	var open []store.Incident
	err = d.Store.View(ctx, func(tx *store.Tx) error {
		if open, err = tx.Incidents.OpenIncidents(ctx, limit); err != nil {
			return err
		}
		all, err := tx.Incidents.CountOpenIncidents(ctx)
		if err != nil {
			return err
		}
		o.More = all - len(open)
		o.Waiting, err = tx.Incidents.NewReports(ctx, limit)
		return err
	})
	if err != nil {
		return Overview{}, fmt.Errorf("incident: overview: %w", err)
	}
	for _, row := range open {
		c, err := d.Case(ctx, row.ID)
		if hearkeep.CodeOf(err) == hearkeep.NotFound || errors.Is(err, store.ErrNotFound) {
			continue // it is gone since
		}
		if err != nil {
			return Overview{}, err
		}
		o.Open = append(o.Open, c.Summary)
	}
	return o, nil
}
