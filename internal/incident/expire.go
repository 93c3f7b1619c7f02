package incident

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"sync"
	"time"

	"github.com/hearkeep/hearkeep"
	"github.com/hearkeep/hearkeep/internal/ledger"
	"github.com/hearkeep/hearkeep/internal/notify"
	"github.com/hearkeep/hearkeep/internal/store"
)

// Bounds of one run of Expire.
const (
	maxTaken = 200   // reports that are taken up
	maxOpen  = 10000 // cases whose clocks are looked at
)

// alarms are the hours before a notification is due at which the operator is
// told, the last one first.
func alarms() []int { return []int{0, 3, 12, 24} }

// alarmAt is the alarm that is due for a case now, in hours before Due; -1 for
// none. Of several that were missed it is the last.
func alarmAt(row store.Incident, now time.Time) int {
	if row.Phase > 0 || row.Notify == "no" || !row.Closed.IsZero() {
		return -1
	}
	for _, hours := range alarms() {
		if now.Before(row.Due.Add(-time.Duration(hours) * time.Hour)) {
			continue
		}
		if row.Alarmed >= 0 && row.Alarmed <= hours {
			return -1
		}
		return hours
	}
	return -1
}

// Expire runs the clocks: takes up new reports, tells people whose hour is
// over, raises the alarms at 24, 12, 3 and 0 hours, brings the delivery log up
// to date, removes what others wrote of cases long closed. What fails for one case keeps no other from its turn.
func (d *Desk) Expire(ctx context.Context, now time.Time) error {
	failed := []error{d.lookAtRows(ctx, now), d.forget(ctx, now), d.takeUpNew(ctx)}
	var open []store.Incident
	err := d.Store.View(ctx, func(tx *store.Tx) (err error) {
		open, err = tx.Incidents.OpenIncidents(ctx, maxOpen)
		return err
	})
	if err != nil {
		return fmt.Errorf("incident: open cases: %w", errors.Join(append(failed, err)...))
	}
	for _, row := range open {
		if !row.TellBy.IsZero() && !now.Before(row.TellBy) {
			failed = append(failed, d.tellInTime(ctx, row.ID))
		}
		if alarmAt(row, now) >= 0 {
			failed = append(failed, d.alarm(ctx, row.ID, now))
		}
	}
	return errors.Join(append(failed, d.followLetters(ctx, now))...)
}

// lookEvery is how often the rows of cases are compared with the ledger.
const lookEvery = time.Hour

// looked is when that was done last.
type looked struct {
	mu sync.Mutex
	at time.Time
}

func (l *looked) due(now time.Time) bool {
	l.mu.Lock()
	defer l.mu.Unlock()
	if now.Sub(l.at).Abs() < lookEvery {
		return false
	}
	l.at = now
	return true
}

// lookAtRows opens a report where cases are not what was stored.
func (d *Desk) lookAtRows(ctx context.Context, now time.Time) error {
	if !d.looked.due(now) {
		return nil
	}
	faults, err := d.Check(ctx)
	if err != nil || len(faults) == 0 {
		return err
	}
	for _, f := range faults {
		d.Log.Error("a case is not what was stored", "case", f.Incident, "what", f.What)
	}
	err = d.Store.Update(ctx, func(tx *store.Tx) error {
		for _, f := range faults {
			if err := d.putBack(ctx, tx, f.Incident); err != nil {
				return err
			}
		}
		return d.report(ctx, tx, stamp(), store.Report{What: WhatAltered})
	})
	if err != nil {
		return fmt.Errorf("incident: report what was altered: %w", err)
	}
	return nil
}

// putBack puts a case's row, and who is affected, back to what lies sealed: so
// that no clock stands still for being altered. Steps and texts are not made
// up again; that they differ stays to be seen.
func (d *Desk) putBack(ctx context.Context, tx *store.Tx, id hearkeep.IncidentID) error {
	row, err := tx.Incidents.Incident(ctx, id)
	if errors.Is(err, store.ErrNotFound) {
		return nil
	}
	if err != nil {
		return err
	}
	f, err := d.openFile(row)
	if err != nil {
		return nil // it is a fault that Check has found
	}
	if err := tx.Incidents.SetIncident(ctx, f.Stands.as(row)); err != nil {
		return err
	}
	there, err := tx.Incidents.Affected(ctx, id)
	if err != nil {
		return err
	}
	if bytes.Equal(affectedHash(there), f.Stands.Affected) {
		if !f.Stands.Closed.IsZero() {
			return nil
		}
		return d.tellAfterAll(ctx, tx, id, there)
	}
	scope, err := affected(ctx, tx, f.Clauses)
	if err != nil || !bytes.Equal(affectedHash(scope.Affected), f.Stands.Affected) {
		return err // more is known by now: whoever widens or narrows it computes it anew
	}
	return tx.Incidents.SetAffected(ctx, id, scope.Affected)
}

// tellAfterAll takes back that people were told of an open case of whom the
// ledger does not say so, and lets them be told.
func (d *Desk) tellAfterAll(ctx context.Context, tx *store.Tx, id hearkeep.IncidentID, there []store.Affected) error {
	k := &checking{desk: d, tx: tx, entries: map[int64]*ledger.Entry{}, told: map[tellingKey]bool{}}
	if err := k.read(ctx); err != nil {
		return err
	}
	n := 0
	for i, a := range there {
		if !k.toldAsSaid(a) {
			there[i].Told = time.Time{}
			n++
		}
	}
	if n == 0 {
		return nil
	}
	if err := tx.Incidents.SetAffected(ctx, id, nil); err != nil { // or it would keep what it says of who was told
		return err
	}
	if err := tx.Incidents.SetAffected(ctx, id, there); err != nil {
		return err
	}
	c, err := d.hold(ctx, tx, id)
	if err != nil || !c.TellBy.IsZero() || c.waits() {
		return err
	}
	c.TellBy = c.now
	return c.save(ctx)
}

// tellInTime tells the people of a case whose hour is over (C6). Where nobody
// is affected, it waits for whom the operator finds.
func (d *Desk) tellInTime(ctx context.Context, id hearkeep.IncidentID) error {
	n := 0
	err := d.Store.View(ctx, func(tx *store.Tx) error {
		rows, err := tx.Incidents.Affected(ctx, id)
		n = untold(rows)
		return err
	})
	if err != nil || n == 0 {
		return err
	}
	return d.tell(ctx, id, hearkeep.RoleSystem)
}

// takeUpNew takes up the reports that other rooms wrote, and what somebody
// took out of its case behind the desk's back. They freeze nothing:
// what was noticed is in nobody's wrong hands by that.
func (d *Desk) takeUpNew(ctx context.Context) error {
	var fresh []store.Report
	err := d.Store.View(ctx, func(tx *store.Tx) (err error) {
		fresh, err = tx.Incidents.NewReports(ctx, maxTaken)
		return err
	})
	if err != nil {
		return fmt.Errorf("incident: new reports: %w", err)
	}
	var failed []error
	for _, r := range fresh {
		err := d.Store.Update(ctx, func(tx *store.Tx) error { return d.takeUpOne(ctx, tx, r.ID) })
		if err != nil {
			failed = append(failed, fmt.Errorf("incident: take up report %s: %w", r.ID, err))
		}
	}
	return errors.Join(failed...)
}

func (d *Desk) takeUpOne(ctx context.Context, tx *store.Tx, id hearkeep.ReportID) error {
	r, err := tx.Incidents.Report(ctx, id)
	if err != nil || !r.Incident.IsZero() || !r.Closed.IsZero() { // taken up, or closed, since
		return err
	}
	if r.Answered.IsZero() {
		r.Answered = stamp()
	}
	clauses, err := drawn(ctx, tx, r)
	if err != nil {
		return err
	}
	c, err := d.takeUp(ctx, tx, &r, evidence{clauses: clauses})
	if err != nil {
		return err
	}
	return c.save(ctx)
}

// alarm writes down that a case's time runs out, and tells the operator.
func (d *Desk) alarm(ctx context.Context, id hearkeep.IncidentID, now time.Time) error {
	return d.change(ctx, id, "alarm", func(c *docket) error {
		hours := alarmAt(c.Incident, now)
		if hours < 0 {
			return nil
		}
		c.Alarmed = hours
		text := fmt.Sprintf("%d hours left", hours)
		if hours == 0 {
			text = "the time is over"
		}
		d.Log.Error("the clock of a case runs out: the authority was not notified", "case", id, "hours", hours, "due", c.Due)
		if d.AlarmTo != "" && d.Letters.Can(notify.Email) {
			if _, err := d.Letters.Write(ctx, c.tx, d.AlarmTo, d.letterAlarm(c.Incident, hours)); err != nil {
				return err
			}
		}
		return c.step(ctx, StepAlarmed, noted{by: hearkeep.RoleSystem, text: text, entry: ledger.Entry{Count: hours}})
	})
}

// letterAlarm tells the operator that a clock runs out. It names the case and
// nobody.
func (d *Desk) letterAlarm(row store.Incident, hours int) hearkeep.Letter {
	l := hearkeep.Letter{Topic: "case alarm", Subject: fmt.Sprintf("A case is due in %d hours", hours)}
	if hours == 0 {
		l.Subject = "The time of a case is over"
	}
	l.Text = fmt.Sprintf("The case %s is about: %s.\nThe authority is to be notified by %s, unless it is decided, with reasons, that it need not be. Neither is written down.\n\n%s/operator\n",
		row.ID, row.What, row.Due.In(d.Zone).Format("Monday, 2 January 2006, 15:04 MST"), d.Origin)
	return l
}
