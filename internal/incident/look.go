package incident

import (
	"context"
	"errors"
	"fmt"
	"slices"

	"github.com/hearkeep/hearkeep"
	"github.com/hearkeep/hearkeep/internal/ledger"
	"github.com/hearkeep/hearkeep/internal/store"
)

// Widen adds a cause to what is looked for, with reasons, and computes anew.
func (d *Desk) Widen(ctx context.Context, id hearkeep.IncidentID, c Clause) error {
	c.Without = false
	return d.look(ctx, id, c, StepWidened)
}

// Narrow takes what a clause finds out of a case again, with reasons.
func (d *Desk) Narrow(ctx context.Context, id hearkeep.IncidentID, c Clause) error {
	c.Without = true
	return d.look(ctx, id, c, StepNarrowed)
}

// maxClauses of one case.
const maxClauses = 50

// maxLooks is how often who is affected is computed while others write, before
// it is computed while they wait.
const maxLooks = 3

// errOvertaken says that something happened while it was computed who is
// affected, by which the result may be another.
var errOvertaken = errors.New("incident: something happened meanwhile")

// look adds a clause. To look through years of a ledger takes minutes, in
// which everybody else would wait to write: so it is done first, beside them,
// and kept where what happened since cannot have changed it.
func (d *Desk) look(ctx context.Context, id hearkeep.IncidentID, clause Clause, kind string) (err error) {
	if clause.Reason, err = reason(clause.Reason, "Say why."); err != nil {
		return err
	}
	if err := clause.check(); err != nil {
		return err
	}
	for n := 1; ; n++ {
		var seen *sight
		if err := d.Store.View(ctx, func(tx *store.Tx) (err error) {
			seen, err = d.see(ctx, tx, id, clause)
			return err
		}); err != nil {
			return fmt.Errorf("incident: %s %s: %w", kind, id, err)
		}
		err := d.change(ctx, id, kind, func(c *docket) error {
			if len(c.file.Clauses) >= maxClauses {
				return hearkeep.Errorf(hearkeep.TooMany, "This case looks for %d causes, which is as many as there can be.", maxClauses)
			}
			c.file.Clauses = append(c.file.Clauses, clause)
			holds, err := seen.holds(ctx, c)
			if err != nil {
				return err
			}
			if !holds && seen != nil && n < maxLooks {
				return errOvertaken
			}
			if err := c.step(ctx, kind, noted{by: hearkeep.RoleOperator, text: clause.Reason}); err != nil {
				return err
			}
			if holds {
				return c.keep(ctx, seen.scope)
			}
			return c.compute(ctx)
		})
		if !errors.Is(err, errOvertaken) {
			return err
		}
	}
}

// sight is who is affected as it was computed when the ledger had so many
// entries.
type sight struct {
	clauses []Clause
	scope   Scope
	size    int64
}

// see computes who is affected by a case with one more clause. It is nil for a
// case that takes no more.
func (d *Desk) see(ctx context.Context, tx *store.Tx, id hearkeep.IncidentID, clause Clause) (*sight, error) {
	c, err := d.hold(ctx, tx, id)
	if err != nil || !c.Closed.IsZero() || len(c.file.Clauses) >= maxClauses {
		return nil, err
	}
	s := &sight{clauses: append(slices.Clip(c.file.Clauses), clause)}
	if s.size, err = tx.Ledger.Size(ctx); err != nil {
		return nil, err
	}
	s.scope, err = affected(ctx, tx, s.clauses)
	return s, err
}

// maxSince is how many entries that came since are looked at.
const maxSince = 10_000

// holds reports whether a case is still looked through for the same, and no
// entry that came since may fall under that, or changes who holds a vault. What
// else came, came after.
func (s *sight) holds(ctx context.Context, c *docket) (bool, error) {
	if s == nil || len(s.clauses) != len(c.file.Clauses) { // they only grow
		return false, nil
	}
	since, err := c.tx.Ledger.Entries(ctx, hearkeep.VaultID{}, s.size, maxSince)
	if err != nil || len(since) == maxSince {
		return false, err
	}
	return !slices.ContainsFunc(since, func(e store.LedgerEntry) bool {
		switch ledger.Kind(e.Kind) {
		case ledger.KindKeys:
			return !e.Vault.IsZero()
		case ledger.KindOpened, ledger.KindDisclosed:
			return slices.ContainsFunc(s.clauses, func(c Clause) bool { return c.within(e.At) })
		}
		return false
	}), nil
}

// check refuses a clause that names more than one thing, or everything ever.
func (c Clause) check() error {
	named := 0
	for _, is := range []bool{!c.Archive.IsZero(), c.Session != "", !c.Account.IsZero(), !c.Binding.IsZero(), !c.Vault.IsZero()} {
		if is {
			named++
		}
	}
	switch {
	case named > 1:
		return hearkeep.Errorf(hearkeep.Invalid, "A cause names one thing.").WithHint("Add one for each.")
	case named == 0 && (c.From.IsZero() || c.To.IsZero()):
		return hearkeep.Errorf(hearkeep.Invalid, "A window of time has a begin and an end.")
	case !c.From.IsZero() && !c.To.IsZero() && !c.From.Before(c.To):
		return hearkeep.Errorf(hearkeep.Invalid, "The end comes after the begin.")
	case !c.Archive.IsZero() && (!c.From.IsZero() || !c.To.IsZero()):
		return hearkeep.Errorf(hearkeep.Invalid, "An archive is looked for as a whole, without times.")
	}
	return nil
}
