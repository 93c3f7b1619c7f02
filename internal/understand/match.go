package understand

import (
	"math/bits"
	"slices"
	"strings"

	"github.com/hearkeep/hearkeep"
)

// maxWork bounds the steps of one match, each a fraction of a microsecond.
// With the complete English sentences of the intents project the longest of
// that project's own test sentences takes a hundredth of it.
const maxWork = 1 << 18

// Match returns what a text means. Of several templates that fit, the one
// wins that leaves the fewest bytes to wildcards, then the one that came
// first. A text that fits none is tried again without the words that may be
// skipped. The second result is false where nothing fits.
func (s *Sentences) Match(text hearkeep.Words) (Match, bool) {
	folded := fold(text.Reveal())
	if folded == "" || len(folded) > MaxText {
		return Match{}, false
	}
	if m, ok := s.match(folded); ok {
		return m, true
	}
	if shorter := s.skipped(folded); shorter != folded && shorter != "" {
		return s.match(shorter)
	}
	return Match{}, false
}

// skipped removes every skip word from folded text.
func (s *Sentences) skipped(folded string) string {
	padded := " " + folded + " "
	for _, w := range s.skip {
		for strings.Contains(padded, " "+w+" ") {
			padded = strings.ReplaceAll(padded, " "+w+" ", " ")
		}
	}
	return strings.TrimSpace(padded)
}

// match looks for the best template for folded text.
func (s *Sentences) match(folded string) (Match, bool) {
	m := matcher{text: folded, lists: s.lists, work: maxWork,
		ends: map[place]positions{}, best: map[reach]*parse{}, nums: map[int][]number{}}
	has := make([]bool, len(s.fragments))
	for i, f := range s.fragments {
		has[i] = strings.Contains(folded, f)
	}
	words := strings.Fields(folded)
	var winner *template
	var found *parse
	for _, t := range s.templates {
		if t.context || !t.possible(has, words) {
			continue
		}
		p := m.parse(t.node, 0, len(folded))
		if m.work <= 0 {
			return Match{}, false
		}
		if p != nil && (found == nil || p.wild < found.wild) {
			winner, found = t, p
		}
	}
	if winner == nil || m.work <= 0 {
		return Match{}, false
	}
	slots := slices.Concat(found.slots.list(nil), winner.fixed)
	return Match{Intent: winner.intent, Slots: slots, Template: winner.text}, true
}

// possible refuses most templates before they are walked.
func (t *template) possible(has []bool, words []string) bool {
	for _, row := range t.require {
		if !slices.ContainsFunc(row, func(i int) bool { return has[i] }) {
			return false
		}
	}
	return len(t.keywords) == 0 ||
		slices.ContainsFunc(t.keywords, func(k string) bool { return slices.Contains(words, k) })
}

// positions is a set of positions in a text.
type positions [(MaxText + 1) / 64]uint64

func (p *positions) add(i int)      { p[i/64] |= 1 << (i % 64) }
func (p *positions) has(i int) bool { return p[i/64]&(1<<(i%64)) != 0 }
func (p *positions) or(o *positions) {
	for i := range p {
		p[i] |= o[i]
	}
}

// each calls fn with the positions in ascending order.
func (p *positions) each(fn func(int)) {
	for i, word := range p {
		for ; word != 0; word &= word - 1 {
			fn(i*64 + bits.TrailingZeros64(word))
		}
	}
}

// place is a node at a position; reach is a node over a stretch, less the
// items of a permutation that are chosen already.
type (
	place struct {
		node *node
		at   int
	}
	reach struct {
		node     *node
		from, to int
		chosen   int // a bit for each item
	}
)

// matcher holds what is known of one text.
type matcher struct {
	text  string
	lists []*list
	work  int
	ends  map[place]positions
	best  map[reach]*parse
	nums  map[int][]number
}

// from returns every position at which n can end when it begins at a position.
func (m *matcher) from(n *node, at int) (ends positions) {
	if m.work--; m.work <= 0 {
		return positions{}
	}
	switch n.kind {
	case literal:
		if strings.HasPrefix(m.text[at:], n.text) {
			ends.add(at + len(n.text))
		} else if n.bare != n.text && strings.HasPrefix(m.text[at:], n.bare) {
			ends.add(at + len(n.bare))
		}
		return ends
	case space:
		if at < len(m.text) && m.text[at] == ' ' {
			ends.add(at + 1)
		}
		if at == 0 || at == len(m.text) || m.text[at-1] == ' ' {
			ends.add(at)
		}
		return ends
	case ruleRef:
		return m.from(n.items[0], at)
	}
	key := place{n, at}
	if n.kind == listRef {
		key.node = m.lists[n.list].word // slots do not matter here
	}
	if known, ok := m.ends[key]; ok {
		return known
	}
	switch n.kind {
	case sequence:
		ends.add(at)
		for _, item := range n.items {
			ends = m.step(item, ends)
		}
	case alternative:
		for _, item := range n.items {
			e := m.from(item, at)
			ends.or(&e)
		}
	case permutation:
		sets := m.orders(n, at)
		ends = sets[len(sets)-1]
	case listRef:
		ends = m.listEnds(m.lists[n.list], at)
	}
	m.ends[key] = ends
	return ends
}

// step moves a whole set of positions over one item.
func (m *matcher) step(item *node, begin positions) (ends positions) {
	begin.each(func(at int) {
		e := m.from(item, at)
		ends.or(&e)
	})
	return ends
}

// between is the space that parts the items of a permutation.
var between = &node{kind: space}

// orders returns, for every subset of a permutation's items, where they can
// end in any order: 2^n sets instead of n! sequences.
func (m *matcher) orders(n *node, at int) []positions {
	sets := make([]positions, 1<<len(n.items))
	sets[0].add(at)
	for chosen := range sets {
		for i, item := range n.items {
			if chosen&(1<<i) != 0 {
				continue
			}
			begin := sets[chosen]
			if chosen != 0 {
				begin = m.step(between, begin)
			}
			e := m.step(item, begin)
			sets[chosen|1<<i].or(&e)
		}
	}
	return sets
}

// listEnds returns where values of a list that begin at a position can end.
func (m *matcher) listEnds(l *list, at int) (ends positions) {
	switch {
	case l.wild:
		if at >= len(m.text) || m.text[at] == ' ' || at > 0 && m.text[at-1] != ' ' {
			return ends
		}
		for i := at + 1; i <= len(m.text); i++ {
			if m.text[i-1] != ' ' && (i == len(m.text) || !isAlnum(m.text[i])) {
				ends.add(i)
			}
		}
	case l.number != nil:
		for _, n := range m.numbers(at) {
			if _, ok := l.number.value(n.tenths); ok {
				ends.add(n.end)
			}
		}
	default:
		l.candidates(m.text[at:], func(v *value) {
			e := m.from(v.node, at)
			ends.or(&e)
		})
	}
	return ends
}

// candidates calls fn with the values that text may begin with.
func (l *list) candidates(text string, fn func(*value)) {
	if len(text) >= 2 {
		for _, i := range l.begin[text[:2]] {
			fn(&l.values[i])
		}
	}
	for _, i := range l.others {
		fn(&l.values[i])
	}
}

func (m *matcher) numbers(at int) []number {
	found, ok := m.nums[at]
	if !ok {
		found = numbersAt(m.text, at)
		m.nums[at] = found
	}
	return found
}
