package incident

import (
	"context"
	"errors"
	"slices"

	"github.com/hearkeep/hearkeep"
	"github.com/hearkeep/hearkeep/internal/ledger"
	"github.com/hearkeep/hearkeep/internal/store"
)

// freeze stops releases and expiry of what a report showed, and tells those
// who hold it. What this case froze already stays as it is. An archive that is
// reported is handed over no more as long as the report is open (room rights).
func (c *docket) freeze(ctx context.Context, r store.Report, found evidence) (bool, error) {
	if found.none() {
		return false, nil
	}
	there, err := c.tx.Incidents.FrozenBy(ctx, c.ID)
	if err != nil {
		return false, err
	}
	var vaults []hearkeep.VaultID
	n := 0
	for _, w := range c.concerned(ctx, found) {
		if slices.ContainsFunc(there, func(o store.Restriction) bool { return covers(o, w) }) {
			continue
		}
		w.ID, w.Report, w.At = hearkeep.NewID[hearkeep.RestrictionID](), r.ID, c.now
		err := c.tx.Rights.InsertRestriction(ctx, w)
		if errors.Is(err, store.ErrNotFound) && !w.Binding.IsZero() { // the door is gone; what it kept may not be
			w.Binding = hearkeep.BindingID{}
			err = c.tx.Rights.InsertRestriction(ctx, w)
		}
		if errors.Is(err, store.ErrNotFound) {
			continue // the vault is gone
		}
		if err != nil {
			return false, err
		}
		n++
		there = append(there, w)
		if err := c.frozenEntry(ctx, w, "report"); err != nil {
			return false, err
		}
		if !slices.Contains(vaults, w.Vault) {
			vaults = append(vaults, w.Vault)
		}
	}
	if n > 0 {
		if err := c.step(ctx, StepFrozen, noted{by: hearkeep.RoleSystem, entry: ledger.Entry{Report: &r.ID, Count: n}}); err != nil {
			return false, err
		}
	}
	for _, v := range vaults {
		err := c.desk.tellHolders(ctx, c.tx, v, r.Account, func(l hearkeep.Language) hearkeep.Letter { return c.desk.letterFrozen(l, c.now) })
		if err != nil {
			return false, err
		}
	}
	return len(there) > 0 || !found.archive.IsZero(), nil
}

// concerned is what is to be frozen: the recording, the door, or what an
// archive handed over, by door.
func (c *docket) concerned(ctx context.Context, found evidence) []store.Restriction {
	switch {
	case !found.recording.IsZero():
		return []store.Restriction{{Vault: found.vault, Recording: found.recording}}
	case !found.binding.IsZero():
		return []store.Restriction{{Vault: found.vault, Binding: found.binding}}
	}
	handed, err := affected(ctx, c.tx, found.clauses)
	if err != nil {
		c.desk.Log.Error("what an archive handed over is not known, so it is not frozen", "case", c.ID, "archive", found.archive, "err", err)
		return nil
	}
	var list []store.Restriction
	for _, a := range handed.Affected {
		w := store.Restriction{Vault: a.Vault, Binding: a.Binding}
		if !slices.Contains(list, w) {
			list = append(list, w)
		}
	}
	return list
}

// covers reports whether what o freezes includes what w would.
func covers(o, w store.Restriction) bool {
	if o.Vault != w.Vault {
		return false
	}
	whole := o.Binding.IsZero() && o.Recording.IsZero()
	return whole || o.Binding == w.Binding && o.Recording == w.Recording
}

// frozenEntry writes into the ledger that something was frozen, or freed. It
// names the vault, and not who reported.
func (c *docket) frozenEntry(ctx context.Context, w store.Restriction, purpose string) error {
	e := ledger.Entry{Kind: ledger.KindRestricted, Role: hearkeep.RoleSystem, Vault: &w.Vault, Purpose: purpose, Incident: &c.ID, At: c.now}
	if !w.Binding.IsZero() {
		e.Binding = &w.Binding
	}
	_, err := c.desk.Ledger.Append(ctx, c.tx, e)
	return err
}

// thaw frees what this case froze, and nothing else.
func (c *docket) thaw(ctx context.Context) (int, error) {
	rows, err := c.tx.Incidents.FrozenBy(ctx, c.ID)
	if err != nil {
		return 0, err
	}
	for _, w := range rows {
		if err := c.tx.Rights.LiftRestriction(ctx, w.Vault, w.ID, c.now); err != nil {
			return 0, err
		}
		if err := c.frozenEntry(ctx, w, "lifted: the case is closed"); err != nil {
			return 0, err
		}
	}
	return len(rows), nil
}
