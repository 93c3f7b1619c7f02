package incident

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"time"

	"github.com/hearkeep/hearkeep"
	"github.com/hearkeep/hearkeep/internal/ledger"
	"github.com/hearkeep/hearkeep/internal/seal"
	"github.com/hearkeep/hearkeep/internal/store"
)

// errAltered says that a row of the desk is not what was stored.
var errAltered = errors.New("incident: the row is not what was stored")

// file is what lies sealed in a case's row.
type file struct {
	Clauses    []Clause    `json:"clauses,omitempty"`
	Lost       int         `json:"lost,omitempty"` // Scope.Lost
	Assessment *Assessment `json:"assessment,omitempty"`
	Offer      string      `json:"offer,omitempty"`
	Conclusion string      `json:"conclusion,omitempty"`
	// N is the step with which it was last written, so that an older file of
	// the same case, put back, is told from it.
	N      int    `json:"n"`
	Stands stands `json:"stands"`
}

// written is what lies sealed in a step's row. Kind and N tell it from the
// text of another step of the same case.
type written struct {
	Kind     string `json:"kind"`
	N        int    `json:"n"`
	Text     string `json:"text,omitempty"`
	Document []byte `json:"document,omitempty"`
}

// docket is a case in a transaction.
type docket struct {
	desk *Desk
	tx   *store.Tx
	store.Incident
	file  file
	steps []store.Step
	now   time.Time
}

// hold reads a case, in tx. NotFound where there is none.
func (d *Desk) hold(ctx context.Context, tx *store.Tx, id hearkeep.IncidentID) (*docket, error) {
	row, err := tx.Incidents.Incident(ctx, id)
	if errors.Is(err, store.ErrNotFound) {
		return nil, errNoCase(err)
	}
	if err != nil {
		return nil, err
	}
	c := &docket{desk: d, tx: tx, Incident: row, now: stamp()}
	if c.file, err = d.openFile(row); err != nil {
		return nil, err
	}
	if !c.file.Stands.equal(standsOf(row, nil)) {
		d.Log.Error("a case's row was altered; what lies sealed counts", "case", id)
		c.Incident = c.file.Stands.as(row)
	}
	c.steps, err = tx.Incidents.Steps(ctx, id)
	return c, err
}

// change does something to a case that is open, in a transaction of its own.
func (d *Desk) change(ctx context.Context, id hearkeep.IncidentID, what string, fn func(*docket) error) error {
	err := d.Store.Update(ctx, func(tx *store.Tx) error {
		c, err := d.hold(ctx, tx, id)
		if err != nil {
			return err
		}
		if !c.Closed.IsZero() {
			return hearkeep.Errorf(hearkeep.Conflict, "This case is closed.").WithHint("Enter a report to open another.")
		}
		if err := fn(c); err != nil {
			return err
		}
		return c.save(ctx)
	})
	if err != nil {
		return fmt.Errorf("incident: %s %s: %w", what, id, err)
	}
	return nil
}

// save stores what was changed of a case.
func (c *docket) save(ctx context.Context) (err error) {
	rows, err := c.tx.Incidents.Affected(ctx, c.ID)
	if err != nil {
		return err
	}
	c.file.N, c.file.Stands = len(c.steps), standsOf(c.Incident, affectedHash(rows))
	if c.Sealed, err = c.desk.seal(seal.HouseIncident, c.ID, c.file); err != nil {
		return err
	}
	return c.tx.Incidents.SetIncident(ctx, c.Incident)
}

// noted is what is kept with a step besides its kind.
type noted struct {
	by       hearkeep.Role
	text     string
	document []byte
	entry    ledger.Entry // Kind, Role, Purpose and Incident are the step's own
}

// step adds a step: a row and its entry in the ledger.
func (c *docket) step(ctx context.Context, kind string, n noted) error {
	e := n.entry
	e.Kind, e.Role, e.Purpose, e.Incident, e.At = ledger.KindIncident, n.by, kind, &c.ID, c.now
	seq, err := c.desk.Ledger.Append(ctx, c.tx, e)
	if err != nil {
		return err
	}
	row := store.Step{Incident: c.ID, N: len(c.steps) + 1, Kind: kind, By: n.by, Entry: seq, At: c.now}
	if n.text != "" || n.document != nil {
		if row.Sealed, err = c.desk.seal(seal.HouseIncident, c.ID, written{kind, row.N, n.text, n.document}); err != nil {
			return err
		}
	}
	c.steps = append(c.steps, row)
	return c.tx.Incidents.InsertStep(ctx, row)
}

// last is the newest step of some kinds; false for none.
func (c *docket) last(kinds ...string) (store.Step, bool) { return lastOf(c.steps, kinds...) }

func lastOf(steps []store.Step, kinds ...string) (last store.Step, ok bool) {
	for _, s := range steps {
		for _, k := range kinds {
			if s.Kind == k {
				last, ok = s, true
			}
		}
	}
	return last, ok
}

// waits reports whether the operator holds the people from being told.
func (c *docket) waits() bool {
	s, ok := c.last(StepHeld, StepTold)
	return ok && s.Kind == StepHeld
}

// seal seals what is written to the desk, bound to the id of its row.
func (d *Desk) seal(p seal.HousePurpose, id [16]byte, v any) ([]byte, error) {
	plain, err := json.Marshal(v)
	if err != nil {
		return nil, errors.New("incident: a text cannot be written") // the cause would quote it
	}
	return seal.SealHouse(d.House, p, id, plain)
}

// unseal reads what seal wrote. Nothing there is no error.
func (d *Desk) unseal(p seal.HousePurpose, id [16]byte, sealed []byte, v any) error {
	if sealed == nil {
		return nil
	}
	plain, err := seal.OpenHouse(d.House, p, id, sealed)
	if err == nil && json.Unmarshal(plain, v) != nil {
		err = seal.ErrFormat // the cause would quote it
	}
	if err != nil {
		return fmt.Errorf("%w: %w", errAltered, err)
	}
	return nil
}

func (d *Desk) openFile(row store.Incident) (f file, err error) {
	if row.Sealed == nil {
		return file{}, errAltered
	}
	var kind struct{ Kind string }
	if err := d.unseal(seal.HouseIncident, row.ID, row.Sealed, &kind); err != nil {
		return file{}, err
	}
	if kind.Kind != "" { // a step's text in the place of the case's
		return file{}, errAltered
	}
	return f, d.unseal(seal.HouseIncident, row.ID, row.Sealed, &f)
}

// openStep returns what was written about a step.
func (d *Desk) openStep(s store.Step) (w written, err error) {
	if s.Sealed == nil {
		return w, nil
	}
	if err := d.unseal(seal.HouseIncident, s.Incident, s.Sealed, &w); err != nil {
		return written{}, err
	}
	if w.Kind != s.Kind || w.N != s.N {
		return written{}, errAltered
	}
	return w, nil
}

// stamp is the time as it is stored.
func stamp() time.Time { return time.Now().UTC().Truncate(tick) }

func errNoCase(err error) error {
	return hearkeep.Errorf(hearkeep.NotFound, "There is no such case.").Because(err)
}
