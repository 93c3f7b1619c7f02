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

// Steps of a case, as they stand in its list and in the ledger.
const (
	StepOpened       = "opened"
	StepJoined       = "joined" // another report of the same thing
	StepAcknowledged = "acknowledged"
	StepFrozen       = "frozen"
	StepScoped       = "scoped" // who is affected was computed
	StepWidened      = "widened"
	StepNarrowed     = "narrowed"
	StepAssessed     = "assessed"
	StepDecided      = "decided"
	StepHeld         = "held" // telling the people waits, with reasons (Art. 34(4), a request of the police)
	StepTold         = "told" // the people
	StepAsked        = "asked to delete"
	StepAttested     = "attested"
	StepOffered      = "offered"
	StepNotified     = "notified" // the authority: a phase of the notification was made
	StepAlarmed      = "alarmed"
	StepClosed       = "closed"
)

// The rows that a case is shown with, for pages, which read no store.
type (
	Affected = store.Affected
	Sent     = store.Communication
	Cursor   = store.IncidentCursor
)

// Summary is a case in the list.
type Summary struct {
	ID       hearkeep.IncidentID
	What     string
	State    hearkeep.IncidentState
	AwareAt  time.Time
	Due      time.Time
	TellBy   time.Time
	Phase    int
	Notify   string // "", "yes", "no": whether the authority is notified (B4)
	Reports  int
	People   int
	Items    int // recordings
	Severity Level
	Closed   time.Time
}

// Case is a case as the operator sees it: ids, counts and times; no name and
// no content but what the operator or a reporter wrote to the desk.
type Case struct {
	Summary
	Reports    []Reported
	Clauses    []Clause
	Affected   []store.Affected
	Lost       int // Scope.Lost, when it was computed last: the case is not whole where it is not zero
	Assessment Assessment
	Offer      string // what was offered to the people to make good
	Conclusion string
	Steps      []StepView
	Letters    []store.Communication // the delivery log
	Recipients []RecipientView
}

// Reported is a report as the operator sees it.
type Reported struct {
	store.Report
	About string
	Reach string
	Named string // what they named, where that led to nothing here
	Late  string // why a letter was entered long after it arrived
}

// StepView is a step with what was written about it.
type StepView struct {
	store.Step
	Text string // reasons, or a line about what was done
	// Document is what StepNotified froze, as its caller wrote it; nil elsewhere.
	Document []byte
}

// Cases lists cases, newest first, strictly before a place.
func (d *Desk) Cases(ctx context.Context, before store.IncidentCursor, limit int) (list []Summary, err error) {
	err = d.Store.View(ctx, func(tx *store.Tx) error {
		rows, err := tx.Incidents.Incidents(ctx, before, limit)
		if err != nil {
			return err
		}
		for _, row := range rows {
			c, err := d.view(ctx, tx, row)
			if err != nil {
				return err
			}
			list = append(list, c.Summary)
		}
		return nil
	})
	if err != nil {
		return nil, fmt.Errorf("incident: cases: %w", err)
	}
	return list, nil
}

// Case returns one; NotFound where there is none. What was altered of it reads
// as such, and Check says more. Until it is assessed, its Assessment has no
// Level, and is what the rows say (see Preset).
func (d *Desk) Case(ctx context.Context, id hearkeep.IncidentID) (c Case, err error) {
	err = d.Store.View(ctx, func(tx *store.Tx) error {
		row, err := tx.Incidents.Incident(ctx, id)
		if errors.Is(err, store.ErrNotFound) {
			return errNoCase(err)
		}
		if err != nil {
			return err
		}
		if c, err = d.view(ctx, tx, row); err != nil || c.Assessment.Level != "" {
			return err
		}
		c.Assessment, err = presetOf(ctx, tx, row, c.Clauses, c.Affected)
		return err
	})
	if err != nil {
		return Case{}, fmt.Errorf("incident: case %s: %w", id, err)
	}
	return c, nil
}

// altered stands for a text that is not what was stored.
const altered = "(altered: see hearkeep doctor)"

// view is all of a case, as its operator sees it.
func (d *Desk) view(ctx context.Context, tx *store.Tx, row store.Incident) (c Case, err error) {
	c.Summary = Summary{
		ID: row.ID, What: row.What, State: row.State, AwareAt: row.AwareAt, Due: row.Due, TellBy: row.TellBy, Phase: row.Phase, Notify: row.Notify, Closed: row.Closed,
	}
	f, err := d.openFile(row)
	if err != nil {
		d.Log.Error("a case is not what was stored", "case", row.ID, "err", err)
		f = file{Conclusion: altered}
	}
	c.Clauses, c.Lost, c.Offer, c.Conclusion = f.Clauses, f.Lost, f.Offer, f.Conclusion
	reports, err := tx.Incidents.ReportsIn(ctx, row.ID)
	if err != nil {
		return Case{}, err
	}
	for _, r := range reports {
		c.Reports = append(c.Reports, d.readReport(r))
	}
	if c.Affected, err = tx.Incidents.Affected(ctx, row.ID); err != nil {
		return Case{}, err
	}
	steps, err := tx.Incidents.Steps(ctx, row.ID)
	if err != nil {
		return Case{}, err
	}
	for _, s := range steps {
		c.Steps = append(c.Steps, d.readStep(s))
	}
	if c.Letters, err = tx.Incidents.Communications(ctx, row.ID); err != nil {
		return Case{}, err
	}
	recipients, err := tx.Incidents.Recipients(ctx, row.ID)
	if err != nil {
		return Case{}, err
	}
	for _, r := range recipients {
		c.Recipients = append(c.Recipients, d.readRecipient(r))
	}
	size := Size{len(people(c.Affected)), Items(c.Affected)}
	c.Summary.Reports, c.People, c.Items = len(reports), size.People, size.Items
	if f.Assessment != nil {
		c.Assessment = *f.Assessment
	} else if c.Assessment.SealedOnly, err = sealedOnly(ctx, tx, f.Clauses); err != nil {
		return Case{}, err
	}
	c.Severity = c.Assessment.Level
	return c, nil
}

func (d *Desk) readReport(r store.Report) Reported {
	var w wrote
	if err := d.unseal(seal.HouseReport, r.ID, r.Sealed, &w); err != nil {
		d.Log.Error("a report is not what was stored", "report", r.ID, "err", err)
		return Reported{Report: r, About: altered}
	}
	return Reported{Report: r, About: w.About, Reach: w.Reach, Named: w.Receipt, Late: w.Late}
}

func (d *Desk) readStep(s store.Step) StepView {
	w, err := d.openStep(s)
	if err != nil {
		d.Log.Error("a step of a case is not what was stored", "case", s.Incident, "step", s.N, "err", err)
		w = written{Text: altered}
	}
	return StepView{Step: s, Text: w.Text, Document: w.Document}
}
