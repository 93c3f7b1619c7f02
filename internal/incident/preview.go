package incident

import (
	"context"
	"fmt"
	"slices"

	"github.com/hearkeep/hearkeep"
	"github.com/hearkeep/hearkeep/internal/store"
)

// Preview is what a clause would change, before it is kept.
type Preview struct {
	Before, After Size
	Joining       int // people who would be affected and are not
	Leaving       int // people who are affected and would not be
	Lost          int // Scope.Lost, then
}

// Size is how much is affected.
type Size struct {
	People int
	Items  int // recordings, each once however many hold it
}

// Preview computes what Widen, or Narrow where the clause is Without, would
// make of a case. It keeps nothing.
func (d *Desk) Preview(ctx context.Context, id hearkeep.IncidentID, c Clause) (p Preview, err error) {
	if err := c.check(); err != nil {
		return p, err
	}
	now, err := d.Case(ctx, id)
	if err != nil {
		return p, err
	}
	err = d.Store.View(ctx, func(tx *store.Tx) error {
		then, err := affected(ctx, tx, append(slices.Clip(now.Clauses), c))
		p = compare(now.Affected, then.Affected)
		p.Lost = then.Lost
		return err
	})
	if err != nil {
		return Preview{}, fmt.Errorf("incident: preview of case %s: %w", id, err)
	}
	return p, nil
}

func compare(before, after []store.Affected) (p Preview) {
	was, is := people(before), people(after)
	p.Before, p.After = Size{len(was), Items(before)}, Size{len(is), Items(after)}
	for account := range is {
		if !was[account] {
			p.Joining++
		}
	}
	for account := range was {
		if !is[account] {
			p.Leaving++
		}
	}
	return p
}

func people(rows []store.Affected) map[hearkeep.AccountID]bool {
	all := map[hearkeep.AccountID]bool{}
	for _, row := range rows {
		all[row.Account] = true
	}
	return all
}

// Items counts recordings: those of several keyholders once.
func Items(rows []store.Affected) (n int) {
	type place struct {
		vault   hearkeep.VaultID
		binding hearkeep.BindingID
	}
	of := map[place][]hearkeep.Run{}
	for _, row := range rows {
		at := place{row.Vault, row.Binding}
		of[at] = append(of[at], row.Run)
	}
	for _, runs := range of {
		slices.SortFunc(runs, func(a, b hearkeep.Run) int { return int(a.From) - int(b.From) })
		next := uint64(0)
		for _, r := range runs {
			if from := max(uint64(r.From), next); from <= uint64(r.To) {
				n += int(uint64(r.To) - from + 1)
				next = uint64(r.To) + 1
			}
		}
	}
	return n
}
