package understand

import (
	"math/rand/v2"
	"strings"
)

// Sample is one sentence made from the templates.
type Sample struct {
	Text   string // as it would be spoken: numbers are words
	Intent string
}

// Sample makes n random sentences, for tests of what hears or understands
// them. Every intent is as likely as any other, and so is every choice in its
// templates. Wildcards, lists without values and sentences that need a context
// are passed over; fewer than n come back where hardly anything is left.
func (s *Sentences) Sample(rng *rand.Rand, n int) []Sample {
	byIntent := map[string][]*template{}
	var intents []string
	for _, t := range s.templates {
		if t.context || !s.sayable(t.node, map[*node]bool{}) {
			continue
		}
		if byIntent[t.intent] == nil {
			intents = append(intents, t.intent)
		}
		byIntent[t.intent] = append(byIntent[t.intent], t)
	}
	var samples []Sample
	for tries := 0; len(samples) < n && len(intents) > 0 && tries < 20*n; tries++ {
		intent := intents[rng.IntN(len(intents))]
		templates := byIntent[intent]
		p := sampler{rng: rng, lists: s.lists, left: MaxText}
		p.node(templates[rng.IntN(len(templates))].node)
		text := strings.Join(strings.Fields(p.text.String()), " ")
		if !p.failed && text != "" && fold(text) == text {
			samples = append(samples, Sample{text, intent})
		}
	}
	return samples
}

// sayable reports whether something can be made of n.
func (s *Sentences) sayable(n *node, known map[*node]bool) bool {
	if ok, seen := known[n]; seen {
		return ok
	}
	ok := n.kind != alternative
	for _, item := range n.items {
		if n.kind == alternative {
			ok = ok || s.sayable(item, known)
		} else {
			ok = ok && s.sayable(item, known)
		}
	}
	if n.kind == listRef {
		l := s.lists[n.list]
		ok = l.number != nil || len(l.values) > 0
	}
	known[n] = ok
	return ok
}

// sampler writes one sentence. failed says that it led to nothing.
type sampler struct {
	rng    *rand.Rand
	lists  []*list
	text   strings.Builder
	left   int // bytes and steps, so that no graph of rules grows without end
	failed bool
}

func (p *sampler) node(n *node) {
	if p.left--; p.left <= 0 || p.failed {
		p.failed = true
		return
	}
	switch n.kind {
	case literal:
		p.left -= len(n.text)
		p.text.WriteString(n.text)
	case space:
		p.text.WriteByte(' ')
	case alternative:
		p.node(n.items[p.rng.IntN(len(n.items))])
	case permutation:
		for i, k := range p.rng.Perm(len(n.items)) {
			if i > 0 {
				p.text.WriteByte(' ')
			}
			p.node(n.items[k])
		}
	case listRef:
		p.list(p.lists[n.list])
	default:
		for _, item := range n.items {
			p.node(item)
		}
	}
}

func (p *sampler) list(l *list) {
	switch {
	case l.number != nil:
		steps := (l.number.To-l.number.From)/l.number.Step + 1
		said := numberPhrases(l.number.From + p.rng.Int64N(steps)*l.number.Step)
		p.text.WriteString(said[p.rng.IntN(len(said))])
	case len(l.values) > 0:
		p.node(l.values[p.rng.IntN(len(l.values))].node)
	default:
		p.failed = true
	}
}
