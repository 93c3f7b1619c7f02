package incident

import (
	"context"
	"encoding/json"
	"errors"
	"slices"
	"time"

	"github.com/hearkeep/hearkeep"
	"github.com/hearkeep/hearkeep/internal/ledger"
	"github.com/hearkeep/hearkeep/internal/store"
)

// find is a run of one vault that a clause leads to.
type find struct {
	vault hearkeep.VaultID
	hearkeep.Run
	how   string
	at    time.Time
	entry int64
}

// search looks for what clauses name, in one transaction.
type search struct {
	ctx    context.Context
	tx     *store.Tx
	vaults map[hearkeep.VaultID]*lifetime
	lost   int
}

func (s *search) find(c Clause) ([]find, error) {
	switch {
	case !c.Archive.IsZero():
		return s.archive(c)
	case !c.Binding.IsZero():
		return s.kept(c)
	case !c.Account.IsZero():
		opened, err := s.openings(c, store.Opened{Account: c.Account, From: c.From, To: c.To})
		if err != nil {
			return nil, err
		}
		reach, err := s.reach(c)
		return append(opened, reach...), err
	}
	found, err := s.openings(c, store.Opened{Session: c.Session, Vault: c.Vault, From: c.From, To: c.To})
	if err == nil && c.Session != "" { // it stood in the body
		err = s.miss(c, hearkeep.AccountID{}, c.From, c.To)
	}
	return found, err
}

// openings are what the entries of openings and disclosures name. A body that
// is not what its leaf commits to was altered, and nothing in it is believed.
func (s *search) openings(c Clause, of store.Opened) (found []find, err error) {
	err = s.tx.Ledger.EachOpening(s.ctx, of, func(e store.LedgerEntry) error {
		var body struct {
			Vault hearkeep.VaultID `json:"vault"`
			Items []hearkeep.Run   `json:"items"`
		}
		if e.Body == nil || ledger.Leaf(e.Salt, e.Body) != e.Leaf || json.Unmarshal(e.Body, &body) != nil || body.Vault != e.Vault {
			if !c.Without {
				s.lost++
			}
			return nil
		}
		how := HowOpened
		if e.Kind == string(ledger.KindDisclosed) {
			how = HowHanded
		}
		for _, run := range body.Items {
			found = append(found, find{e.Vault, run, how, e.At, e.Seq})
		}
		return nil
	})
	return found, err
}

// miss counts entries without bodies that may fall under a clause.
func (s *search) miss(c Clause, account hearkeep.AccountID, from, to time.Time) error {
	if c.Without {
		return nil
	}
	n, err := s.tx.Ledger.OpeningsLost(s.ctx, account, from, to)
	s.lost += n
	return err
}

// archive is what an archive handed over. Its entries are of one moment: where
// one is found, all are.
func (s *search) archive(c Clause) ([]find, error) {
	found, err := s.openings(c, store.Opened{Archive: c.Archive})
	if err != nil || len(found) > 0 {
		return found, err
	}
	a, err := s.tx.Incidents.ArchiveByID(s.ctx, c.Archive)
	if err != nil && !errors.Is(err, store.ErrNotFound) {
		return nil, err
	}
	return nil, s.miss(c, a.Account, a.Made, time.Time{})
}

// kept is what a door kept that began in the window. When what is gone began
// is not known: it is named where it can have begun then. A number under which
// nothing was ever kept is not named.
func (s *search) kept(c Clause) ([]find, error) {
	b, err := s.tx.Vaults.Binding(s.ctx, c.Binding)
	if errors.Is(err, store.ErrNotFound) {
		return nil, nil
	}
	if err != nil {
		return nil, err
	}
	runs, err := s.begun(b, c)
	if err != nil {
		return nil, err
	}
	at := later(c.From.Truncate(tick), b.Created)
	found := make([]find, len(runs))
	for i, run := range runs {
		found[i] = find{b.Vault, run, HowKept, at, -1}
	}
	return found, nil
}

// begun are the runs of a door that began in the window of a clause, or the
// one number that it names.
func (s *search) begun(b store.Binding, c Clause) ([]hearkeep.Run, error) {
	gone, err := s.gone(b.Vault)
	if err != nil {
		return nil, err
	}
	if c.Number != 0 {
		return s.one(b, c.Number, gone[b.ID])
	}
	until := c.To
	if until.IsZero() {
		until = forever()
	}
	runs, err := s.tx.Incidents.NumbersBetween(s.ctx, b.Vault, b.ID, c.From, until)
	if err != nil || !b.Created.Before(until) {
		return runs, err
	}
	for _, t := range gone[b.ID] {
		if !t.At.Before(c.From.Truncate(tick)) {
			runs = append(runs, t.Run)
		}
	}
	return runs, nil
}

// one is the run of one number, where something was kept under it.
func (s *search) one(b store.Binding, n hearkeep.Number, gone []store.Tombstone) ([]hearkeep.Run, error) {
	run := []hearkeep.Run{{Binding: b.ID, From: n, To: n}}
	if slices.ContainsFunc(gone, func(t store.Tombstone) bool { return t.From <= n && n <= t.To }) {
		return run, nil
	}
	recs, err := s.tx.Vaults.RecordingsByNumber(s.ctx, b.Vault, b.ID, n-1, 1)
	if err != nil || len(recs) == 0 || recs[0].Number != n {
		return nil, err
	}
	return run, nil
}

// forever is later than anything that is kept.
func forever() time.Time { return time.UnixMilli(1 << 52) }

func later(a, b time.Time) time.Time {
	if a.After(b) {
		return a
	}
	return b
}

// reach is what an account could open in the window: of each vault that it
// held then, what stood there at some moment of that, and was sealed to keys
// that the account had.
func (s *search) reach(c Clause) ([]find, error) {
	changes, err := s.tx.Ledger.KeyChanges(s.ctx, c.Account)
	if err != nil {
		return nil, err
	}
	held, err := s.tx.Vaults.VaultsOf(s.ctx, c.Account)
	if err != nil {
		return nil, err
	}
	var vaults []hearkeep.VaultID
	for _, e := range changes {
		vaults = append(vaults, e.Vault)
	}
	for _, v := range held {
		vaults = append(vaults, v.ID)
	}
	slices.SortFunc(vaults, func(a, b hearkeep.VaultID) int { return slices.Compare(a[:], b[:]) })
	var found []find
	for _, vault := range slices.Compact(vaults) {
		of, err := s.reachOf(c, vault, changes)
		if err != nil {
			return nil, err
		}
		found = append(found, of...)
	}
	return found, nil
}

func (s *search) reachOf(c Clause, vault hearkeep.VaultID, changes []store.LedgerEntry) ([]find, error) {
	life, err := s.life(vault)
	if err != nil {
		return nil, err
	}
	opens, err := s.opens(life, vault, c.Account)
	if err != nil {
		return nil, err
	}
	var found []find
	for _, h := range life.heldBy(c.Account) {
		from, to := h.from, h.to
		if !c.From.IsZero() {
			from = later(from, c.From.Truncate(tick))
		}
		if !c.To.IsZero() && c.To.Truncate(tick).Before(to) {
			to = c.To.Truncate(tick)
		}
		if !from.Before(to) {
			continue
		}
		entry := int64(-1)
		if at := slices.IndexFunc(changes, func(e store.LedgerEntry) bool {
			return e.Vault == vault && !e.At.Before(h.from) && e.At.Before(h.to)
		}); at >= 0 {
			entry = changes[at].Seq
		}
		runs, err := s.standing(vault, from, to, opens)
		if err != nil {
			return nil, err
		}
		for _, run := range runs {
			found = append(found, find{vault, run, HowReach, from, entry})
		}
	}
	return found, nil
}

// opens returns which generations' keys an account had. Of one that holds the
// vault no more, it is not known what of the past it was given: all of it.
func (s *search) opens(life *lifetime, vault hearkeep.VaultID, account hearkeep.AccountID) (func(hearkeep.Generation) bool, error) {
	if known := life.opens[account]; known != nil {
		return known, nil
	}
	rows, err := s.tx.Vaults.Keyholder(s.ctx, vault, account)
	if err != nil && !errors.Is(err, store.ErrNotFound) {
		return nil, err
	}
	last := hearkeep.Generation(0)
	has := map[hearkeep.Generation]bool{}
	for _, g := range life.generations {
		if slices.Contains(g.Keyholders, account) {
			has[g.N], last = true, g.N
		}
	}
	for _, r := range rows {
		has[r.Generation] = true
	}
	life.opens[account] = func(n hearkeep.Generation) bool { return has[n] || len(rows) == 0 && n < last }
	return life.opens[account], nil
}

// standing lists what stood in a vault at some moment of [from, to), as far as
// can be known, and was sealed to some generations.
func (s *search) standing(vault hearkeep.VaultID, from, to time.Time, opens func(hearkeep.Generation) bool) ([]hearkeep.Run, error) {
	doors, err := s.tx.Vaults.Bindings(s.ctx, vault)
	if err != nil {
		return nil, err
	}
	gone, err := s.gone(vault)
	if err != nil {
		return nil, err
	}
	var runs []hearkeep.Run
	for _, b := range doors {
		var numbers []hearkeep.Number
		err := s.recordings(vault, b.ID, func(r store.Recording) {
			if r.Kept.Before(to) && opens(r.Generation) {
				numbers = append(numbers, r.Number)
			}
		})
		if err != nil {
			return nil, err
		}
		runs = append(runs, hearkeep.Runs(b.ID, numbers)...)
		for _, t := range gone[b.ID] {
			if !t.At.Before(from) && b.Created.Before(to) {
				runs = append(runs, t.Run)
			}
		}
	}
	return runs, nil
}

// recordings calls fn with what stands of a door, by number.
func (s *search) recordings(vault hearkeep.VaultID, binding hearkeep.BindingID, fn func(store.Recording)) error {
	const page = 5000
	for after := hearkeep.Number(0); ; {
		recs, err := s.tx.Vaults.RecordingsByNumber(s.ctx, vault, binding, after, page)
		if err != nil {
			return err
		}
		for _, r := range recs {
			fn(r)
			after = r.Number
		}
		if len(recs) < page {
			return nil
		}
	}
}

// gone returns what of a vault was kept and is no more, by its door.
func (s *search) gone(vault hearkeep.VaultID) (map[hearkeep.BindingID][]store.Tombstone, error) {
	life, err := s.life(vault)
	if err != nil || life.gone != nil {
		return life.gone, err
	}
	all, err := s.tx.Vaults.Tombstones(s.ctx, vault)
	if err != nil {
		return nil, err
	}
	life.gone = map[hearkeep.BindingID][]store.Tombstone{}
	for _, t := range all {
		if t.Outcome != hearkeep.OutcomeFailed {
			life.gone[t.Binding] = append(life.gone[t.Binding], t)
		}
	}
	return life.gone, nil
}
