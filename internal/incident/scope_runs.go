package incident

import (
	"cmp"
	"container/heap"
	"slices"

	"github.com/hearkeep/hearkeep"
)

// gravest lays finds of one door over each other: of each number, the gravest
// remains, and of those the first. It returns ascending runs, none of which
// overlap.
func gravest(found []find) []find {
	found = slices.Clone(found)
	slices.SortFunc(found, func(a, b find) int { return cmp.Compare(a.From, b.From) })
	bounds := make([]hearkeep.Number, 0, 2*len(found))
	for _, f := range found {
		bounds = append(bounds, f.From, f.To+1)
	}
	slices.Sort(bounds)
	bounds = slices.Compact(bounds)
	var out []find
	var over overlay
	for i := 0; i+1 < len(bounds); i++ {
		from, to := bounds[i], bounds[i+1]-1
		for len(found) > 0 && found[0].From == from {
			heap.Push(&over, found[0])
			found = found[1:]
		}
		for len(over) > 0 && over[0].To < from {
			heap.Pop(&over)
		}
		if len(over) == 0 {
			continue
		}
		f := over[0]
		f.From, f.To = from, to
		if k := len(out) - 1; k >= 0 && joins(out[k], f) {
			out[k].To = to
			if f.before(out[k]) {
				out[k].at, out[k].entry = f.at, f.entry
			}
			continue
		}
		out = append(out, f)
	}
	return out
}

// joins reports whether b goes on where a ends. What was handed over stays
// apart by entry, so that each archive is told from the others; else a run has
// the time of the first.
func joins(a, b find) bool {
	return a.To+1 == b.From && a.how == b.how && (a.entry == b.entry || a.how != HowHanded)
}

// before reports whether f is graver than g, or as grave and earlier.
func (f find) before(g find) bool {
	return cmp.Or(cmp.Compare(gravity(f.how), gravity(g.how)), f.at.Compare(g.at), cmp.Compare(f.entry, g.entry)) < 0
}

// overlay is a heap of the finds that cover a number, the gravest first.
type overlay []find

func (o overlay) Len() int           { return len(o) }
func (o overlay) Less(i, j int) bool { return o[i].before(o[j]) }
func (o overlay) Swap(i, j int)      { o[i], o[j] = o[j], o[i] }
func (o *overlay) Push(f any)        { *o = append(*o, f.(find)) }
func (o *overlay) Pop() any {
	last := len(*o) - 1
	f := (*o)[last]
	*o = (*o)[:last]
	return f
}

// less takes what some finds name out of others.
func less(found, without []find) []find {
	if len(without) == 0 {
		return found
	}
	type door struct {
		vault   hearkeep.VaultID
		binding hearkeep.BindingID
	}
	cuts := map[door][]hearkeep.Run{}
	for _, f := range without {
		at := door{f.vault, f.Binding}
		cuts[at] = append(cuts[at], f.Run)
	}
	for at, runs := range cuts {
		cuts[at] = union(runs)
	}
	var left []find
	for _, f := range found {
		out := cuts[door{f.vault, f.Binding}]
		i, _ := slices.BinarySearchFunc(out, f.From, func(r hearkeep.Run, n hearkeep.Number) int { return cmp.Compare(r.To, n) })
		for ; i < len(out) && out[i].From <= f.To; i++ {
			if before := f; out[i].From > f.From {
				before.To = out[i].From - 1
				left = append(left, before)
			}
			f.From = out[i].To + 1
		}
		if f.From <= f.To {
			left = append(left, f)
		}
	}
	return left
}

// union returns ascending runs that do not touch.
func union(runs []hearkeep.Run) []hearkeep.Run {
	slices.SortFunc(runs, func(a, b hearkeep.Run) int { return cmp.Compare(a.From, b.From) })
	out := runs[:0]
	for _, run := range runs {
		if k := len(out) - 1; k >= 0 && run.From <= out[k].To+1 {
			out[k].To = max(out[k].To, run.To)
			continue
		}
		out = append(out, run)
	}
	return out
}
