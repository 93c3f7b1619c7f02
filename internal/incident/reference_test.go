package incident

import (
	"encoding/json"
	"math"
	"slices"
	"time"

	"github.com/hearkeep/hearkeep"
	"github.com/hearkeep/hearkeep/internal/ledger"
	"github.com/hearkeep/hearkeep/internal/store"
)

// The reference is who is affected as it is defined, recording by recording
// and person by person: no runs, no indexes, no rows.

// sighting is that a clause finds one recording.
type sighting struct {
	how   string
	at    time.Time
	entry int64
}

// reference is what affected must return.
func (h *history) reference(clauses []Clause) Scope {
	var s Scope
	for _, c := range clauses {
		s.Lost += h.lost(c)
	}
	for _, v := range h.vaults {
		for _, it := range v.items {
			seen := h.sightings(it, clauses)
			if len(seen) == 0 {
				continue
			}
			for _, who := range h.accounts {
				var mine []sighting
				for _, f := range seen {
					if it.concerns(who, f) {
						mine = append(mine, f)
					}
				}
				if len(mine) > 0 {
					worst := slices.MinFunc(mine, graver)
					s.Affected = append(s.Affected, store.Affected{
						Account: who, Vault: v.id, Run: hearkeep.Run{Binding: it.door, From: it.number, To: it.number},
						How: worst.how, At: worst.at, Entry: worst.entry,
					})
				}
			}
		}
	}
	slices.SortFunc(s.Affected, func(a, b store.Affected) int {
		key := func(r store.Affected) []byte {
			return slices.Concat(r.Account[:], r.Vault[:], r.Binding[:], []byte{byte(r.From >> 8), byte(r.From)})
		}
		return slices.Compare(key(a), key(b))
	})
	s.Affected = packed(s.Affected)
	return s
}

// graver orders sightings of one recording: handed over, opened, within reach,
// kept wrongly; of those alike the earlier, and then the earlier entry.
func graver(a, b sighting) int {
	rank := map[string]int{HowHanded: 1, HowOpened: 2, HowReach: 3, HowKept: 4}
	if rank[a.how] != rank[b.how] {
		return rank[a.how] - rank[b.how]
	}
	if c := a.at.Compare(b.at); c != 0 {
		return c
	}
	return int(a.entry - b.entry)
}

// packed writes neighbours as runs: what was handed over, by entry; the rest
// with the first time and entry of the run.
func packed(rows []store.Affected) (out []store.Affected) {
	for _, r := range rows {
		if k := len(out) - 1; k >= 0 {
			l := &out[k]
			if l.Account == r.Account && l.Vault == r.Vault && l.Binding == r.Binding && l.To+1 == r.From && l.How == r.How &&
				(r.How != HowHanded || l.Entry == r.Entry) {
				l.To = r.To
				if r.At.Before(l.At) || r.At.Equal(l.At) && r.Entry < l.Entry {
					l.At, l.Entry = r.At, r.Entry
				}
				continue
			}
		}
		out = append(out, r)
	}
	return out
}

// sightings are all ways in which clauses find a recording; none where one
// takes it out.
func (h *history) sightings(it *item, clauses []Clause) (all []sighting) {
	for _, c := range clauses {
		if !c.Without {
			all = append(all, h.finds(it, c)...)
		}
	}
	for _, c := range clauses {
		if !c.Without {
			continue
		}
		if len(h.finds(it, c)) > 0 {
			return nil
		}
		for _, f := range all {
			if c.Vault == it.vault.id && inWindow(f.at, c) {
				return nil
			}
		}
	}
	return all
}

func inWindow(at time.Time, c Clause) bool {
	return (c.From.IsZero() || !at.Before(c.From)) && (c.To.IsZero() || at.Before(c.To))
}

func (h *history) finds(it *item, c Clause) (all []sighting) {
	for _, row := range h.entries {
		var e ledger.Entry
		if row.Body == nil || json.Unmarshal(row.Body, &e) != nil || row.Vault != it.vault.id {
			continue
		}
		if e.Kind != ledger.KindOpened && e.Kind != ledger.KindDisclosed {
			continue
		}
		if !slices.ContainsFunc(e.Items, func(r hearkeep.Run) bool {
			return r.Binding == it.door && r.From <= it.number && it.number <= r.To
		}) {
			continue
		}
		var is bool
		switch {
		case !c.Archive.IsZero():
			is = e.Archive != nil && *e.Archive == c.Archive && e.Kind == ledger.KindDisclosed
		case c.Session != "":
			is = e.Session == c.Session && inWindow(e.At, c)
		case !c.Account.IsZero():
			is = *e.Account == c.Account && inWindow(e.At, c)
		case !c.Binding.IsZero():
		case !c.Vault.IsZero():
			is = *e.Vault == c.Vault && inWindow(e.At, c)
		default:
			is = inWindow(e.At, c)
		}
		if is {
			how := HowOpened
			if e.Kind == ledger.KindDisclosed {
				how = HowHanded
			}
			all = append(all, sighting{how, row.At, row.Seq})
		}
	}
	if it.failed {
		return all
	}
	if c.Binding == it.door {
		here := inWindow(it.start, c)
		if !it.gone.IsZero() { // when it began is not known any more
			here = !it.gone.Before(c.From) && (c.To.IsZero() || it.bound.Before(c.To))
		}
		if c.Number != 0 {
			here = it.number == c.Number
		}
		if here {
			at := it.bound
			if c.From.After(at) {
				at = c.From
			}
			all = append(all, sighting{HowKept, at, -1})
		}
	}
	if !c.Account.IsZero() {
		all = append(all, h.reach(it, c)...)
	}
	return all
}

// reach is whether an account could open a recording in the window, once for
// each time that it held the vault.
func (h *history) reach(it *item, c Clause) (all []sighting) {
	v := it.vault
	for i, g := range v.generations {
		if !slices.Contains(g.Keyholders, c.Account) || i > 0 && slices.Contains(v.generations[i-1].Keyholders, c.Account) {
			continue // not the begin of a time
		}
		from, to := g.Created, time.UnixMilli(math.MaxInt64/2)
		for _, next := range v.generations[i+1:] {
			if !slices.Contains(next.Keyholders, c.Account) {
				to = next.Created
				break
			}
		}
		entry := int64(-1)
		for _, row := range h.entries {
			if row.Kind == string(ledger.KindKeys) && row.Vault == v.id && row.Account == c.Account && !row.At.Before(from) && row.At.Before(to) {
				entry = row.Seq
				break
			}
		}
		if c.From.After(from) {
			from = c.From
		}
		if !c.To.IsZero() && c.To.Before(to) {
			to = c.To
		}
		if !from.Before(to) {
			continue
		}
		if it.gone.IsZero() && it.kept.Before(to) && v.opens(c.Account, it.generation) ||
			!it.gone.IsZero() && !it.gone.Before(from) && it.bound.Before(to) {
			all = append(all, sighting{HowReach, from, entry})
		}
	}
	return all
}

// opens reports whether an account had a generation's keys, as far as is known.
func (v *homeVault) opens(who hearkeep.AccountID, n hearkeep.Generation) bool {
	past, holds := v.past[who]
	if holds && n >= past {
		return true
	}
	for _, g := range v.generations {
		if slices.Contains(g.Keyholders, who) && (g.N == n || g.N > n && !holds) {
			return true
		}
	}
	return false
}

// concerns reports whether a sighting of a recording concerns somebody.
func (it *item) concerns(who hearkeep.AccountID, f sighting) bool {
	holds := func(at time.Time) bool {
		current := it.vault.generations[0]
		for _, g := range it.vault.generations {
			if !g.Created.After(at) {
				current = g
			}
		}
		return slices.Contains(current.Keyholders, who)
	}
	if f.how != HowKept && holds(f.at) && (!it.gone.IsZero() || it.vault.opens(who, it.generation)) {
		return true
	}
	switch {
	case it.failed:
		return false
	case it.gone.IsZero():
		return slices.Contains(it.vault.generations[it.generation-1].Keyholders, who)
	}
	for _, g := range it.vault.generations { // while the door was bound, until it went
		if g.Created.After(it.bound) && !g.Created.After(it.gone) && slices.Contains(g.Keyholders, who) {
			return true
		}
	}
	return holds(it.bound)
}

// lost counts the entries without bodies that may fall under a clause.
func (h *history) lost(c Clause) (n int) {
	if c.Without || !c.Binding.IsZero() {
		return 0
	}
	var of hearkeep.AccountID
	if !c.Archive.IsZero() {
		for _, e := range h.entries {
			if e.Body != nil && e.Kind == string(ledger.KindDisclosed) {
				var body ledger.Entry
				if json.Unmarshal(e.Body, &body); *body.Archive == c.Archive {
					return 0
				}
			}
		}
		for _, a := range h.archives {
			if a.ID == c.Archive {
				c.From, of = a.Made, a.Account
			}
		}
	}
	for _, e := range h.entries {
		if e.Body != nil || e.Kind != string(ledger.KindOpened) && e.Kind != string(ledger.KindDisclosed) || !inWindow(e.At, c) {
			continue
		}
		switch {
		case !c.Account.IsZero() && e.Account != c.Account, !c.Vault.IsZero() && e.Vault != c.Vault, !of.IsZero() && e.Account != of:
		default:
			n++
		}
	}
	return n
}
