package incident

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"slices"

	"github.com/hearkeep/hearkeep"
	"github.com/hearkeep/hearkeep/internal/ledger"
	"github.com/hearkeep/hearkeep/internal/store"
)

// looseCases is how many reports by form that name nothing open a case of
// their own; more join the newest, so that a flood of them buries no other.
const looseCases = 100

// takeUp puts a stored report into the open case about the same thing, or into
// a new one, and computes who is affected.
func (d *Desk) takeUp(ctx context.Context, tx *store.Tx, r *store.Report, found evidence) (*docket, error) {
	c, err := d.caseFor(ctx, tx, *r)
	if err != nil {
		return nil, err
	}
	r.Incident = c.ID
	if err := tx.Incidents.SetReport(ctx, *r); err != nil {
		return nil, err
	}
	if !own(*r) { // of its own, whoever noticed has written that
		if err := d.reported(ctx, tx, *r); err != nil {
			return nil, err
		}
	}
	kind := StepJoined
	if len(c.steps) == 0 {
		kind = StepOpened
	}
	if err := c.step(ctx, kind, noted{by: roleOf(r.Via), text: r.What, entry: ledger.Entry{Report: &r.ID}}); err != nil {
		return nil, err
	}
	if due := r.At.Add(d.Clock); due.Before(c.Due) { // it came before the one that opened the case (B1)
		c.Due = due
	}
	for _, clause := range found.clauses {
		if !slices.Contains(c.file.Clauses, clause) {
			c.file.Clauses = append(c.file.Clauses, clause)
		}
	}
	if len(found.clauses) > 0 {
		if err := c.compute(ctx); err != nil {
			return nil, err
		}
	}
	return c, nil
}

// caseFor is the open case about the same thing as a report, or a new one,
// which is stored and has no step yet.
func (d *Desk) caseFor(ctx context.Context, tx *store.Tx, r store.Report) (*docket, error) {
	id, err := d.sameCase(ctx, tx, r)
	if err == nil && !id.IsZero() {
		c, err := d.hold(ctx, tx, id)
		if err == nil && c.Closed.IsZero() || err != nil && !errors.Is(err, errAltered) {
			return c, err
		}
	}
	if err != nil && !errors.Is(err, store.ErrNotFound) {
		return nil, err
	}
	c := &docket{desk: d, tx: tx, now: stamp(), Incident: store.Incident{
		ID: hearkeep.NewID[hearkeep.IncidentID](), What: r.What, State: hearkeep.IncidentOpen, AwareAt: r.At,
		Due: r.At.Add(d.Clock), TellBy: r.At.Add(d.TellWithin), Alarmed: -1,
	}}
	return c, tx.Incidents.InsertIncident(ctx, c.Incident)
}

// sameCase is the open case that a report joins; zero, or ErrNotFound, for none.
func (d *Desk) sameCase(ctx context.Context, tx *store.Tx, r store.Report) (hearkeep.IncidentID, error) {
	if concerns(r) || own(r) || r.Via == hearkeep.ReportVoice {
		return tx.Incidents.CaseAbout(ctx, r)
	}
	if r.Via != hearkeep.ReportForm {
		return hearkeep.IncidentID{}, nil
	}
	n, newest, err := tx.Incidents.LooseReports(ctx)
	if err != nil || n <= looseCases { // r is among them
		return hearkeep.IncidentID{}, err
	}
	return newest, nil
}

// reported writes a report into the ledger. What its reporter did not show to
// be theirs is not in it, and of a vault it stands with the account alone:
// others who hold that need not learn who reported.
func (d *Desk) reported(ctx context.Context, tx *store.Tx, r store.Report) error {
	e := ledger.Entry{Kind: ledger.KindReported, Role: roleOf(r.Via), Purpose: r.What, Report: &r.ID, Incident: &r.Incident, At: r.Answered}
	if !r.Account.IsZero() {
		e.Account = &r.Account
	}
	if !r.Archive.IsZero() {
		e.Archive = &r.Archive
	}
	if r.Via == hearkeep.ReportVoice {
		e.Vault, e.Binding = &r.Vault, &r.Binding
	}
	_, err := d.Ledger.Append(ctx, tx, e)
	return err
}

// own reports whether a report is Hearkeep's own.
func own(r store.Report) bool { return r.Via == hearkeep.ReportSelf || r.Via == "" }

// roleOf is as whom a reporter stands in the ledger.
func roleOf(via hearkeep.ReportVia) hearkeep.Role {
	switch via {
	case hearkeep.ReportPortal:
		return hearkeep.RoleKeyholder
	case hearkeep.ReportVoice:
		return hearkeep.RoleDevice
	case hearkeep.ReportMail:
		return hearkeep.RoleOperator
	case hearkeep.ReportForm, hearkeep.ReportSelf:
	}
	return hearkeep.RoleSystem
}

// compute works out anew who is affected.
func (c *docket) compute(ctx context.Context) error {
	scope, err := affected(ctx, c.tx, c.file.Clauses)
	if err != nil {
		return err
	}
	return c.keep(ctx, scope)
}

// keep stores who is affected. Whoever is new is told within TellWithin, unless
// that is held.
func (c *docket) keep(ctx context.Context, scope Scope) error {
	was, err := c.tx.Incidents.Affected(ctx, c.ID)
	if err != nil {
		return err
	}
	if err := c.tx.Incidents.SetAffected(ctx, c.ID, scope.Affected); err != nil {
		return err
	}
	c.file.Lost = scope.Lost
	size := Size{len(people(scope.Affected)), Items(scope.Affected)}
	text := counted(size.People, "person", "people") + ", " + counted(size.Items, "recording", "recordings")
	if scope.Lost > 0 {
		text += fmt.Sprintf("; %d entries of the ledger have lost what they said", scope.Lost)
	}
	if err := c.step(ctx, StepScoped, noted{by: hearkeep.RoleSystem, text: text, entry: ledger.Entry{Count: size.Items}}); err != nil {
		return err
	}
	// A time that runs is not put off: whoever adds to a case makes nobody wait.
	over := c.TellBy.IsZero() || c.TellBy.Before(c.now) && len(was) == 0
	if len(c.steps) > 2 && over && !c.waits() && adds(was, scope.Affected) {
		c.TellBy = c.now.Add(c.desk.TellWithin)
	}
	return nil
}

// adds reports whether somebody is affected of whom, or of whose recordings,
// nothing was known.
func adds(was, is []store.Affected) bool {
	type door struct {
		account hearkeep.AccountID
		vault   hearkeep.VaultID
		binding hearkeep.BindingID
	}
	known := map[door][]hearkeep.Run{}
	for _, o := range was {
		at := door{o.Account, o.Vault, o.Binding}
		known[at] = append(known[at], o.Run)
	}
	for _, runs := range known { // each as far as any that began before it
		slices.SortFunc(runs, func(a, b hearkeep.Run) int { return cmp.Compare(a.From, b.From) })
		for i := 1; i < len(runs); i++ {
			runs[i].To = max(runs[i].To, runs[i-1].To)
		}
	}
	return slices.ContainsFunc(store.KeepTold(was, is), func(a store.Affected) bool {
		runs := known[door{a.Account, a.Vault, a.Binding}]
		after, _ := slices.BinarySearchFunc(runs, a.From+1, func(r hearkeep.Run, n hearkeep.Number) int { return cmp.Compare(r.From, n) })
		return a.Told.IsZero() && (after == 0 || runs[after-1].To < a.To)
	})
}
