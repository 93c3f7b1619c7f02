package understand

import "github.com/hearkeep/hearkeep"

// parse is the best way in which a node covers a stretch of text.
type parse struct {
	wild  int // bytes left to wildcards
	slots *rope
}

// rope joins slots without copying them.
type rope struct {
	left, right *rope
	slot        hearkeep.Slot
}

func (r *rope) list(to []hearkeep.Slot) []hearkeep.Slot {
	switch {
	case r == nil:
		return to
	case r.left == nil && r.right == nil:
		return append(to, r.slot)
	}
	return r.right.list(r.left.list(to))
}

func concat(a, b *rope) *rope {
	switch {
	case a == nil:
		return b
	case b == nil:
		return a
	}
	return &rope{left: a, right: b}
}

// then is p followed by o.
func (p *parse) then(o *parse) *parse {
	return &parse{p.wild + o.wild, concat(p.slots, o.slots)}
}

// better reports whether p is to be preferred to o, which was found first.
func (p *parse) better(o *parse) bool { return p != nil && (o == nil || p.wild < o.wild) }

// parse returns the best way in which n covers a stretch, or nil. Fewer bytes
// of wildcards are better, then what the template names first.
func (m *matcher) parse(n *node, from, to int) *parse {
	if ends := m.from(n, from); m.work <= 0 || !ends.has(to) {
		return nil
	}
	switch n.kind {
	case literal, space:
		return &parse{}
	case ruleRef:
		return m.parse(n.items[0], from, to)
	}
	key := reach{node: n, from: from, to: to}
	if known, ok := m.best[key]; ok {
		return known
	}
	var p *parse
	switch n.kind {
	case sequence:
		p = m.chain(n.items, from, to)
	case alternative:
		for _, item := range n.items {
			if q := m.parse(item, from, to); q.better(p) {
				p = q
			}
		}
	case permutation:
		p = m.ordered(n, 0, from, to)
	case listRef:
		p = m.slot(n, from, to)
	}
	m.best[key] = p
	return p
}

// chain covers a stretch with items one after the other. It works from the
// left, keeping the best parse for every position an item can end at.
func (m *matcher) chain(items []*node, from, to int) *parse {
	best := map[int]*parse{from: {}}
	var begins positions
	begins.add(from)
	for _, item := range items {
		next := map[int]*parse{}
		var reached positions
		begins.each(func(at int) {
			ends := m.from(item, at)
			ends.each(func(end int) {
				if m.work--; m.work <= 0 || end > to {
					return
				}
				if q := m.parse(item, at, end); q != nil {
					if q = best[at].then(q); q.better(next[end]) {
						next[end] = q
						reached.add(end)
					}
				}
			})
		})
		best, begins = next, reached
	}
	return best[to]
}

// ordered covers a stretch with the items of a permutation not yet chosen.
func (m *matcher) ordered(n *node, chosen, from, to int) *parse {
	if chosen == 1<<len(n.items)-1 {
		if from == to {
			return &parse{}
		}
		return nil
	}
	key := reach{n, from, to, chosen}
	if known, ok := m.best[key]; ok {
		return known
	}
	var best *parse
	for i, item := range n.items {
		if chosen&(1<<i) != 0 {
			continue
		}
		begins := positions{}
		begins.add(from)
		if chosen != 0 {
			begins = m.from(between, from)
		}
		begins.each(func(at int) {
			ends := m.from(item, at)
			ends.each(func(end int) {
				if m.work--; m.work <= 0 || end > to {
					return
				}
				rest := m.ordered(n, chosen|1<<i, end, to)
				if rest == nil {
					return
				}
				if head := m.parse(item, at, end); head != nil {
					if q := head.then(rest); q.better(best) {
						best = q
					}
				}
			})
		})
	}
	m.best[key] = best
	return best
}

// slot covers a stretch with one value of a list.
func (m *matcher) slot(n *node, from, to int) *parse {
	l := m.lists[n.list]
	spoken := m.text[from:to]
	out, wild, found := spoken, 0, false
	switch {
	case l.wild:
		wild, found = len(spoken), true
	case l.number != nil:
		for _, num := range m.numbers(from) {
			if v, ok := l.number.value(num.tenths); ok && num.end == to {
				out, found = v, true
			}
		}
	default:
		l.candidates(m.text[from:], func(v *value) {
			if ends := m.from(v.node, from); !found && ends.has(to) {
				found = true
				if !v.same {
					out = v.out
				}
			}
		})
	}
	if !found {
		return nil
	}
	return &parse{wild, &rope{slot: hearkeep.Slot{Name: n.slot,
		Spoken: hearkeep.NewWords(spoken), Value: hearkeep.NewWords(out)}}}
}
