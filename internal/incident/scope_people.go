package incident

import (
	"bytes"
	"cmp"
	"slices"
	"time"

	"github.com/hearkeep/hearkeep"
	"github.com/hearkeep/hearkeep/internal/store"
)

// lifetime is a vault's generations, ascending, which say who held it when.
// Their rows stay for good, after its last keyholder is gone as well.
type lifetime struct {
	generations []store.Generation
	same        bool // all generations have the same keyholders
	gone        map[hearkeep.BindingID][]store.Tombstone
	opens       map[hearkeep.AccountID]func(hearkeep.Generation) bool
}

func (s *search) life(vault hearkeep.VaultID) (*lifetime, error) {
	if l := s.vaults[vault]; l != nil {
		return l, nil
	}
	generations, err := s.tx.Vaults.Generations(s.ctx, vault)
	if err != nil {
		return nil, err
	}
	l := &lifetime{generations: generations, same: true, opens: map[hearkeep.AccountID]func(hearkeep.Generation) bool{}}
	for i := range generations {
		holders := generations[i].Keyholders
		slices.SortFunc(holders, compareIDs)
		l.same = l.same && slices.Equal(holders, generations[0].Keyholders)
	}
	s.vaults[vault] = l
	return l, nil
}

func compareIDs[Of any](a, b hearkeep.ID[Of]) int { return bytes.Compare(a[:], b[:]) }

// at is the generation that was current at a time: the last that was made by
// then, or the first.
func (l *lifetime) at(t time.Time) int {
	i, _ := slices.BinarySearchFunc(l.generations, t, func(g store.Generation, t time.Time) int {
		if g.Created.After(t) {
			return 1
		}
		return -1
	})
	return max(i-1, 0)
}

// tenure is a stretch of time in which an account held a vault.
type tenure struct{ from, to time.Time }

// heldBy is when an account held a vault.
func (l *lifetime) heldBy(account hearkeep.AccountID) (spans []tenure) {
	for i, g := range l.generations {
		if !slices.Contains(g.Keyholders, account) {
			continue
		}
		to := forever()
		if i+1 < len(l.generations) {
			to = l.generations[i+1].Created
		}
		if k := len(spans); k > 0 && spans[k-1].to.Equal(g.Created) {
			spans[k-1].to = to
		} else {
			spans = append(spans, tenure{g.Created, to})
		}
	}
	return spans
}

// holders are the accounts that held a vault in any of some generations,
// ascending.
func (l *lifetime) holders(generations []store.Generation) (accounts []hearkeep.AccountID) {
	for _, g := range generations {
		accounts = append(accounts, g.Keyholders...)
	}
	slices.SortFunc(accounts, compareIDs)
	return slices.Compact(accounts)
}

// keeper is a run of a door that the same people held when it was kept.
type keeper struct {
	hearkeep.Run
	accounts   []hearkeep.AccountID
	generation hearkeep.Generation // that it is sealed to; zero of what is gone
}

// people turns finds into those of each person: who held the vault when it
// happened and had the keys that it is sealed to, and whoever held it when the
// recording was kept, also where they left it since or have no account any more. When a recording that is gone was
// kept is not known: it counts for all who held the vault from when its door
// was bound until it went.
func (s *search) people(found []find) ([]store.Affected, error) {
	slices.SortFunc(found, func(a, b find) int {
		return cmp.Or(compareIDs(a.vault, b.vault), compareIDs(a.Binding, b.Binding))
	})
	var rows []store.Affected
	for len(found) > 0 {
		n := slices.IndexFunc(found, func(f find) bool { return f.vault != found[0].vault || f.Binding != found[0].Binding })
		if n < 0 {
			n = len(found)
		}
		of, err := s.peopleOf(found[:n])
		if err != nil {
			return nil, err
		}
		rows, found = append(rows, of...), found[n:]
	}
	slices.SortFunc(rows, func(a, b store.Affected) int {
		return cmp.Or(compareIDs(a.Account, b.Account), compareIDs(a.Vault, b.Vault), compareIDs(a.Binding, b.Binding), cmp.Compare(a.From, b.From))
	})
	return rows, nil
}

// peopleOf is people for finds of one door.
func (s *search) peopleOf(found []find) ([]store.Affected, error) {
	life, err := s.life(found[0].vault)
	if err != nil {
		return nil, err
	}
	if len(life.generations) == 0 { // a vault that is not here
		s.lost += len(found)
		return nil, nil
	}
	theirs := map[hearkeep.AccountID][]find{}
	if life.same {
		for _, account := range life.generations[0].Keyholders {
			theirs[account] = found
		}
	} else {
		keepers, err := s.keepers(life, found[0].vault, found[0].Binding)
		if err != nil {
			return nil, err
		}
		for _, f := range found {
			if err := s.split(life, keepers, f, theirs); err != nil {
				return nil, err
			}
		}
	}
	var rows []store.Affected
	for account, finds := range theirs {
		for _, f := range gravest(finds) {
			rows = append(rows, store.Affected{Account: account, Vault: f.vault, Run: f.Run, How: f.how, Entry: f.entry, At: f.at})
		}
	}
	return rows, nil
}

// split gives a find to the people of each part of it.
func (s *search) split(life *lifetime, keepers []keeper, f find, theirs map[hearkeep.AccountID][]find) error {
	give := func(accounts []hearkeep.AccountID, from, to hearkeep.Number) {
		part := f
		part.From, part.To = from, to
		for _, account := range accounts {
			theirs[account] = append(theirs[account], part)
		}
	}
	var then []hearkeep.AccountID // who held the vault when it happened
	if f.how != HowKept {
		then = life.generations[life.at(f.at)].Keyholders
	}
	next := f.From
	for _, k := range overlapping(keepers, f.Run) {
		from, to := max(f.From, k.From), min(f.To, k.To)
		if next < from {
			give(then, next, from-1)
		}
		next = to + 1
		give(k.accounts, from, to)
		for _, account := range then {
			opens := func(hearkeep.Generation) bool { return true }
			if k.generation != 0 {
				var err error
				if opens, err = s.opens(life, f.vault, account); err != nil {
					return err
				}
			}
			if opens(k.generation) {
				give([]hearkeep.AccountID{account}, from, to)
			}
		}
	}
	if next <= f.To {
		give(then, next, f.To)
	}
	return nil
}

// keepers says, for what stands of a door and for what is gone, who held the
// vault when it was kept, ascending.
func (s *search) keepers(life *lifetime, vault hearkeep.VaultID, binding hearkeep.BindingID) (all []keeper, err error) {
	b, err := s.tx.Vaults.Binding(s.ctx, binding)
	if err != nil {
		return nil, err
	}
	var last hearkeep.Generation
	err = s.recordings(vault, binding, func(r store.Recording) {
		if k := len(all) - 1; k >= 0 && all[k].To+1 == r.Number && last == r.Generation {
			all[k].To = r.Number
			return
		}
		i, there := slices.BinarySearchFunc(life.generations, r.Generation, func(g store.Generation, n hearkeep.Generation) int { return cmp.Compare(g.N, n) })
		if last = r.Generation; there {
			all = append(all, keeper{hearkeep.Run{Binding: binding, From: r.Number, To: r.Number}, life.generations[i].Keyholders, r.Generation})
		}
	})
	if err != nil {
		return nil, err
	}
	gone, err := s.gone(vault)
	if err != nil {
		return nil, err
	}
	for _, t := range gone[binding] {
		first := life.at(b.Created)
		all = append(all, keeper{t.Run, life.holders(life.generations[first : max(first, life.at(t.At))+1]), 0})
	}
	slices.SortFunc(all, func(a, b keeper) int { return cmp.Compare(a.From, b.From) })
	return all, nil
}

// overlapping are those of ascending runs that share a number with another.
func overlapping(all []keeper, run hearkeep.Run) []keeper {
	from, _ := slices.BinarySearchFunc(all, run.From, func(o keeper, n hearkeep.Number) int { return cmp.Compare(o.To, n) })
	to := from
	for to < len(all) && all[to].From <= run.To {
		to++
	}
	return all[from:to]
}
