package incident

import (
	"context"
	"time"

	"github.com/hearkeep/hearkeep"
	"github.com/hearkeep/hearkeep/internal/notify"
	"github.com/hearkeep/hearkeep/internal/seal"
	"github.com/hearkeep/hearkeep/internal/store"
)

// Close ends a case with what was concluded (Art. 33(5)). What it froze is
// freed. The people must be told, or that must be held with reasons; where
// nobody is affected, the conclusion says also why the authority is not
// notified.
func (d *Desk) Close(ctx context.Context, id hearkeep.IncidentID, conclusion string) error {
	conclusion, err := reason(conclusion, "Say what was concluded.")
	if err != nil {
		return err
	}
	return d.change(ctx, id, "close", func(c *docket) error {
		rows, err := c.tx.Incidents.Affected(ctx, id)
		if err != nil {
			return err
		}
		if err := c.mayClose(ctx, rows, conclusion); err != nil {
			return err
		}
		freed, err := c.thaw(ctx)
		if err != nil {
			return err
		}
		if err := c.closeReports(ctx, freed > 0); err != nil {
			return err
		}
		c.file.Conclusion = conclusion
		c.State, c.Closed, c.TellBy = hearkeep.IncidentClosed, c.now, time.Time{}
		return c.step(ctx, StepClosed, noted{by: hearkeep.RoleOperator, text: conclusion})
	})
}

// mayClose fails where something is still to be done in a case.
func (c *docket) mayClose(ctx context.Context, rows []store.Affected, conclusion string) error {
	switch n := untold(rows); {
	case n > 0 && !c.waits():
		return hearkeep.Errorf(hearkeep.Conflict, "%d of the people whom this concerns are not told yet.", n).
			WithHint("Tell them, or hold that with reasons; or narrow whom it concerns.")
	case c.Notify == "" && len(rows) == 0:
		return c.decide(ctx, false, conclusion)
	case c.Notify == "":
		return hearkeep.Errorf(hearkeep.Conflict, "It is not decided whether the authority is notified.").WithHint("Decide that first, with reasons.")
	case c.Notify == "yes" && c.Phase == 0:
		return hearkeep.Errorf(hearkeep.Conflict, "The authority is to be notified, and was not.").WithHint("Note that it was, or decide anew, with reasons.")
	}
	return nil
}

// closeReports closes the reports of a case, and tells those who made them.
func (c *docket) closeReports(ctx context.Context, freed bool) error {
	rows, err := c.tx.Incidents.ReportsIn(ctx, c.ID)
	if err != nil {
		return err
	}
	for _, r := range rows {
		if !r.Closed.IsZero() {
			continue
		}
		if err := c.tx.Incidents.CloseReport(ctx, r.ID, c.now); err != nil {
			return err
		}
		if err := c.answer(ctx, r, freed); err != nil {
			return err
		}
	}
	return nil
}

// answer tells the maker of a report that its case is closed.
func (c *docket) answer(ctx context.Context, r store.Report, freed bool) error {
	d := c.desk
	switch {
	case own(r):
		return nil
	case !r.Account.IsZero():
		return d.Letters.Tell(ctx, c.tx, r.Account, d.letterClosed(r.Language.Or(), r.At, freed, ""))
	case r.Via == hearkeep.ReportVoice:
		return d.tellHolders(ctx, c.tx, r.Vault, hearkeep.AccountID{}, func(l hearkeep.Language) hearkeep.Letter { return d.letterClosed(l, r.At, freed, "") })
	}
	var w wrote
	if d.unseal(seal.HouseReport, r.ID, r.Sealed, &w) != nil || w.Reach == "" || !d.Letters.Can(notify.Email) {
		return nil // Check says that it was altered
	}
	_, err := d.Letters.Write(ctx, c.tx, w.Reach, d.letterClosed(r.Language.Or(), r.At, false, d.linkTo(w.Secret)))
	return err
}
