package incident

import (
	"bytes"
	"cmp"
	"context"
	"crypto/sha256"
	"encoding/binary"
	"errors"
	"fmt"
	"log/slog"
	"slices"
	"time"

	"github.com/hearkeep/hearkeep"
	"github.com/hearkeep/hearkeep/internal/ledger"
	"github.com/hearkeep/hearkeep/internal/seal"
	"github.com/hearkeep/hearkeep/internal/store"
)

// WhatAltered is the report of Hearkeep's own that the desk's rows were changed
// behind its back.
const WhatAltered = "a case was altered"

// Fault is something about a case that is not what was stored.
type Fault struct {
	Incident hearkeep.IncidentID // zero where a report belongs to none
	What     string
}

// String names the case and what is wrong with it.
func (f Fault) String() string { return fmt.Sprintf("case %s: %s", f.Incident, f.What) }

// stands is what a case's row says, as it lies in its file too: whoever can
// write rows, and has no house key, changes it in one place only.
type stands struct {
	What     string                 `json:"what"`
	State    hearkeep.IncidentState `json:"state"`
	Phase    int                    `json:"phase,omitempty"`
	AwareAt  time.Time              `json:"aware"`
	Due      time.Time              `json:"due"`
	Alarmed  int                    `json:"alarmed"`
	TellBy   time.Time              `json:"tell,omitzero"`
	Notify   string                 `json:"notify,omitempty"`
	Closed   time.Time              `json:"closed,omitzero"`
	Affected []byte                 `json:"affected,omitempty"` // a hash of who is
}

func standsOf(row store.Incident, affected []byte) stands {
	return stands{row.What, row.State, row.Phase, row.AwareAt.UTC(), row.Due.UTC(), row.Alarmed, row.TellBy.UTC(), row.Notify, row.Closed.UTC(), affected}
}

// as puts what stands into a row.
func (s stands) as(row store.Incident) store.Incident {
	row.What, row.State, row.Phase, row.AwareAt, row.Due = s.What, s.State, s.Phase, s.AwareAt, s.Due
	row.Alarmed, row.TellBy, row.Notify, row.Closed = s.Alarmed, s.TellBy, s.Notify, s.Closed
	return row
}

func (s stands) equal(o stands) bool {
	return s.What == o.What && s.State == o.State && s.Phase == o.Phase && s.AwareAt.Equal(o.AwareAt) && s.Due.Equal(o.Due) &&
		s.Alarmed == o.Alarmed && s.TellBy.Equal(o.TellBy) && s.Notify == o.Notify && s.Closed.Equal(o.Closed)
}

// affectedHash is a hash of who is affected by what, however its runs are cut
// by who was told of which.
func affectedHash(rows []store.Affected) []byte {
	if len(rows) == 0 {
		return nil
	}
	rows = slices.Clone(rows)
	slices.SortFunc(rows, func(a, b store.Affected) int {
		return cmp.Or(bytes.Compare(a.Account[:], b.Account[:]), bytes.Compare(a.Vault[:], b.Vault[:]), bytes.Compare(a.Binding[:], b.Binding[:]),
			cmp.Compare(a.How, b.How), cmp.Compare(a.From, b.From))
	})
	h := sha256.New()
	for i, a := range rows {
		if i > 0 && continues(rows[i-1], a) {
			continue
		}
		for next := i + 1; next < len(rows) && continues(rows[next-1], rows[next]); next++ {
			a.To = rows[next].To
		}
		h.Write(a.Account[:])
		h.Write(a.Vault[:])
		h.Write(a.Binding[:])
		for _, n := range []uint64{uint64(a.From), uint64(a.To), uint64(a.Entry), uint64(a.At.UnixMilli()), uint64(len(a.How))} {
			h.Write(binary.BigEndian.AppendUint64(nil, n))
		}
		h.Write([]byte(a.How))
	}
	return h.Sum(nil)
}

func continues(a, b store.Affected) bool {
	return a.Account == b.Account && a.Vault == b.Vault && a.Binding == b.Binding && a.How == b.How && a.Entry == b.Entry && a.At.Equal(b.At) && a.To+1 == b.From
}

// Check compares cases, their steps, their texts and who is affected with the
// ledger and with what lies sealed, and returns what differs: a step that is
// not in the ledger or was taken out, a text that was exchanged, a clock that
// was put off, somebody who was taken off the list. The ledger itself is
// checked by room ledger.
func (d *Desk) Check(ctx context.Context) (faults []Fault, err error) {
	err = d.Store.View(ctx, func(tx *store.Tx) error {
		k := &checking{desk: d, tx: tx, entries: map[int64]*ledger.Entry{}, told: map[tellingKey]bool{}}
		err := k.run(ctx)
		faults = k.faults
		return err
	})
	if err != nil {
		return nil, fmt.Errorf("incident: check: %w", err)
	}
	return faults, nil
}

type checking struct {
	desk    *Desk
	tx      *store.Tx
	entries map[int64]*ledger.Entry // of steps; nil of those that lost their bodies
	told    map[tellingKey]bool
	faults  []Fault
}

// tellingKey is that somebody was told of a case at a time, in milliseconds, as
// the ledger has it.
type tellingKey struct {
	incident hearkeep.IncidentID
	account  hearkeep.AccountID
	at       int64
}

// toldAsSaid reports whether the ledger says what a row says of when its
// person was told.
func (k *checking) toldAsSaid(a store.Affected) bool {
	return a.Told.IsZero() || k.told[tellingKey{a.Incident, a.Account, a.Told.UnixMilli()}]
}

func (k *checking) fault(id hearkeep.IncidentID, format string, args ...any) {
	k.faults = append(k.faults, Fault{id, fmt.Sprintf(format, args...)})
}

func (k *checking) run(ctx context.Context) error {
	if err := k.read(ctx); err != nil {
		return err
	}
	for at := (store.IncidentCursor{}); ; {
		rows, err := k.tx.Incidents.Incidents(ctx, at, 100)
		if err != nil {
			return err
		}
		for _, row := range rows {
			if err := k.one(ctx, row); err != nil {
				return err
			}
			at = store.IncidentCursor{AwareAt: row.AwareAt, ID: row.ID}
		}
		if len(rows) < 100 {
			break
		}
	}
	for seq, e := range k.entries { // those that no step named
		if e != nil && e.Incident != nil {
			k.fault(*e.Incident, "entry %d of the ledger says %q, and no step does", seq, e.Purpose)
		}
	}
	return k.reports(ctx)
}

// read reads the entries of steps. Those that name a person belong to the step
// that told them.
func (k *checking) read(ctx context.Context) error {
	rows, err := k.tx.Ledger.EntriesOfKind(ctx, string(ledger.KindIncident))
	if err != nil {
		return err
	}
	for _, row := range rows {
		if row.Body == nil {
			k.entries[row.Seq] = nil
			continue
		}
		e, err := ledger.ParseBody(row.Body)
		if err != nil {
			return fmt.Errorf("entry %d: %w", row.Seq, err)
		}
		switch {
		case e.Account == nil:
			k.entries[row.Seq] = &e
		case e.Incident != nil && e.Purpose == StepTold:
			k.told[tellingKey{*e.Incident, *e.Account, e.At.UnixMilli()}] = true
		}
	}
	return nil
}

// one checks a case.
func (k *checking) one(ctx context.Context, row store.Incident) error {
	steps, err := k.tx.Incidents.Steps(ctx, row.ID)
	if err != nil {
		return err
	}
	for i, s := range steps {
		k.step(s, i)
	}
	f, err := k.desk.openFile(row)
	if err != nil {
		k.fault(row.ID, "what was written about it was altered")
		return nil
	}
	affected, err := k.tx.Incidents.Affected(ctx, row.ID)
	if err != nil {
		return err
	}
	switch {
	case f.N != len(steps):
		k.fault(row.ID, "it has %d steps, and was last written with %d", len(steps), f.N)
	case !f.Stands.equal(standsOf(row, nil)):
		k.fault(row.ID, "its state, or its clock, was altered")
	}
	if !bytes.Equal(f.Stands.Affected, affectedHash(affected)) {
		k.fault(row.ID, "who is affected was altered")
	}
	// While a case is open, no entry loses its body.
	if f.Stands.Closed.IsZero() && slices.ContainsFunc(affected, func(a store.Affected) bool { return !k.toldAsSaid(a) }) {
		k.fault(row.ID, "somebody was told of it whom nobody told")
	}
	reports, err := k.tx.Incidents.ReportsIn(ctx, row.ID)
	for _, r := range reports {
		if k.desk.unseal(seal.HouseReport, r.ID, r.Sealed, &wrote{}) != nil {
			k.fault(row.ID, "report %s was altered", r.ID)
		}
	}
	return err
}

// step checks one, and takes its entry off the list.
func (k *checking) step(s store.Step, i int) {
	e, ok := k.entries[s.Entry]
	delete(k.entries, s.Entry)
	switch {
	case s.N != i+1:
		k.fault(s.Incident, "step %d is missing", i+1)
	case !ok:
		k.fault(s.Incident, "step %d, %q, is not in the ledger", s.N, s.Kind)
	case e == nil: // it lost its body to its time
	case e.Incident == nil || *e.Incident != s.Incident || e.Purpose != s.Kind || e.Role != s.By || !e.At.Equal(s.At):
		k.fault(s.Incident, "step %d, %q, is not what entry %d of the ledger says", s.N, s.Kind, s.Entry)
	}
	if _, err := k.desk.openStep(s); err != nil {
		k.fault(s.Incident, "what was written at step %d, %q, was altered", s.N, s.Kind)
	}
}

// reports checks that what the ledger says was reported is there.
func (k *checking) reports(ctx context.Context) error {
	rows, err := k.tx.Ledger.EntriesOfKind(ctx, string(ledger.KindReported))
	if err != nil {
		return err
	}
	for _, row := range rows {
		if row.Body == nil {
			continue
		}
		e, err := ledger.ParseBody(row.Body)
		if err != nil {
			return fmt.Errorf("entry %d: %w", row.Seq, err)
		}
		if e.Report == nil {
			continue
		}
		r, err := k.tx.Incidents.Report(ctx, *e.Report)
		switch {
		case errors.Is(err, store.ErrNotFound):
			k.fault(hearkeep.IncidentID{}, "report %s, of entry %d of the ledger, is missing", *e.Report, row.Seq)
		case err != nil:
			return err
		case e.Incident != nil && r.Incident != *e.Incident:
			k.fault(*e.Incident, "report %s was taken out of it", r.ID)
		}
	}
	return nil
}

// Looked is what a look at a stopped keep, or beside a running one, finds.
type Looked struct {
	Open    int       // cases
	Due     time.Time // of the soonest that the authority may have to be told of; zero for none
	Waiting int       // reports that are in no case yet
	Faults  []Fault
}

// Look reads the cases of a store without a Desk, and changes nothing.
func Look(ctx context.Context, st store.Store, house seal.HouseKey) (l Looked, err error) {
	d := &Desk{Config: Config{Store: st, House: house, Log: slog.New(slog.DiscardHandler)}}
	err = st.View(ctx, func(tx *store.Tx) error {
		open, err := tx.Incidents.OpenIncidents(ctx, maxOpen)
		if err != nil {
			return err
		}
		l.Open = len(open)
		for _, row := range open {
			if row.Phase == 0 && row.Notify != "no" && (l.Due.IsZero() || row.Due.Before(l.Due)) {
				l.Due = row.Due
			}
		}
		waiting, err := tx.Incidents.NewReports(ctx, maxTaken)
		l.Waiting = len(waiting)
		return err
	})
	if err != nil {
		return Looked{}, fmt.Errorf("incident: look: %w", err)
	}
	l.Faults, err = d.Check(ctx)
	return l, err
}
