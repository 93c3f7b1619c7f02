package incident

import (
	"context"
	"time"

	"github.com/hearkeep/hearkeep"
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
	Steps      []StepView
	Letters    []store.Communication // the delivery log
	Recipients []RecipientView
}

// Reported is a report as the operator sees it.
type Reported struct {
	store.Report
	About string
	Reach string
}

// StepView is a step with what was written about it.
type StepView struct {
	store.Step
	Text string // reasons, or a line about what was done
	// Document is what StepNotified froze, as its caller wrote it; nil elsewhere.
	Document []byte
}

// RecipientView is whoever was asked to delete what is another's.
type RecipientView struct {
	store.Recipient
	Reach    string
	Attested string // their name and what they attest, as they wrote it
}

// Cases lists cases, newest first, strictly before a place.
func (d *Desk) Cases(ctx context.Context, before store.IncidentCursor, limit int) ([]Summary, error) {
	return nil, errNotYet
}

// Case returns one; NotFound where there is none.
func (d *Desk) Case(ctx context.Context, id hearkeep.IncidentID) (Case, error) {
	return Case{}, errNotYet
}

// Widen adds a cause to what is looked for, with reasons, and computes anew.
func (d *Desk) Widen(ctx context.Context, id hearkeep.IncidentID, c Clause) error { return errNotYet }

// Narrow takes what a clause finds out of a case again, with reasons.
func (d *Desk) Narrow(ctx context.Context, id hearkeep.IncidentID, c Clause) error { return errNotYet }

// Assess keeps the scored, reasoned form (B4), and computes anew what it says.
func (d *Desk) Assess(ctx context.Context, id hearkeep.IncidentID, a Assessment) error {
	return errNotYet
}

// Decide records whether the authority is notified, with reasons (B4).
func (d *Desk) Decide(ctx context.Context, id hearkeep.IncidentID, notify bool, reasons string) error {
	return errNotYet
}

// Hold keeps the people from being told for now, with reasons.
func (d *Desk) Hold(ctx context.Context, id hearkeep.IncidentID, reasons string) error {
	return errNotYet
}

// Offer records what was offered to the people to make good; they see it.
func (d *Desk) Offer(ctx context.Context, id hearkeep.IncidentID, text string) error {
	return errNotYet
}

// Notified notes that a phase of the notification was handed to the authority,
// and freezes that document (B3), sealed in its step: a papers.Document as JSON,
// which this room keeps and does not read. Made late, it needs its reasons
// (Art. 33(1)).
func (d *Desk) Notified(ctx context.Context, id hearkeep.IncidentID, reference, late string, document []byte) error {
	return errNotYet
}

// Close ends a case with what was concluded (Art. 33(5)). What it froze is
// freed.
func (d *Desk) Close(ctx context.Context, id hearkeep.IncidentID, conclusion string) error {
	return errNotYet
}

// Expire runs the clocks: takes up new reports, tells people whose hour is
// over, raises the alarms at 24, 12, 3 and 0 hours, brings the delivery log up
// to date.
func (d *Desk) Expire(ctx context.Context, now time.Time) error { return errNotYet }
