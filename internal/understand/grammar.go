package understand

import (
	"fmt"
	"maps"
	"slices"
	"strings"
)

// maxGlued bounds the spellings of one glued piece, such as light[s].
const maxGlued = 256

// Grammar writes the whole set as one JSGF grammar, for a recogniser that
// hears only what it was told to expect, and the words it uses, sorted.
//
// Words hold a to z and apostrophes. Numbers are written as number words.
// What cannot be spoken so (a wildcard, digits, symbols, a list without
// values) contributes nothing, nor does a sentence that needs it. Rules and
// lists stay rules: the size is that of the source text. Skip words may
// stand before and after any sentence.
func (s *Sentences) Grammar() (jsgf string, words []string) {
	g := &grammar{lists: s.lists, done: map[any]string{}, names: map[string]int{}, words: map[string]bool{}}
	byIntent := map[string][]string{}
	for _, t := range s.templates {
		if t.context {
			continue
		}
		if text, ok := g.node(t.node); ok && text != "" {
			byIntent[t.intent] = append(byIntent[t.intent], text)
		}
	}
	var intents []string
	for _, name := range slices.Sorted(maps.Keys(byIntent)) {
		intents = append(intents, g.rule(name, strings.Join(byIntent[name], "\n  | ")))
	}
	var b strings.Builder
	b.WriteString("#JSGF V1.0;\ngrammar hearkeep;\n")
	if len(intents) > 0 {
		skip := g.skip(s.skip)
		fmt.Fprintf(&b, "public <hearkeep> = %s(%s)%s;\n", skip, strings.Join(intents, " | "), skip)
	}
	for _, r := range g.rules {
		b.WriteString(r)
	}
	return b.String(), slices.Sorted(maps.Keys(g.words))
}

// grammar is a JSGF text in the making.
type grammar struct {
	lists []*list
	done  map[any]string // *node, *list or a suffix set to its rule; "" contributes nothing
	names map[string]int // rule names in use
	rules []string
	words map[string]bool
}

// rule adds a rule under a free name near the one asked for.
func (g *grammar) rule(name, body string) string {
	name = strings.Map(func(r rune) rune {
		if r < 0x80 && isWord(r) {
			return r
		}
		return '_'
	}, name)
	g.names[name]++
	if n := g.names[name]; n > 1 {
		name = fmt.Sprintf("%s_%d", name, n)
		g.names[name]++
	}
	g.rules = append(g.rules, fmt.Sprintf("<%s> = %s;\n", name, body))
	return "<" + name + ">"
}

// skip is an optional skip word.
func (g *grammar) skip(skip []string) string {
	var say []string
	for _, w := range skip {
		if text, ok := g.say(w); ok && text != "" {
			say = append(say, text)
		}
	}
	if len(say) == 0 {
		return ""
	}
	return "[" + g.rule("skip", strings.Join(say, " | ")) + "]"
}

// node writes n, or reports that it cannot be spoken. An empty text is the
// empty sentence.
func (g *grammar) node(n *node) (string, bool) {
	switch n.kind {
	case literal:
		return g.say(n.text)
	case space:
		return "", true
	case listRef:
		return g.list(g.lists[n.list])
	case ruleRef:
		return g.once(n, "r_"+n.text, func() (string, bool) { return g.node(n.items[0]) })
	case alternative:
		return g.alternative(n.items)
	case permutation:
		return g.permutation(n)
	}
	var parts []string
	for _, group := range glued(n.items) {
		text, ok := g.group(group)
		if !ok {
			return "", false
		}
		if text != "" {
			parts = append(parts, text)
		}
	}
	return strings.Join(parts, " "), true
}

// once writes a rule the first time it is used.
func (g *grammar) once(key any, name string, body func() (string, bool)) (string, bool) {
	ref, ok := g.done[key]
	if !ok {
		if text, ok := body(); ok && text != "" {
			ref = g.rule(name, text)
		} else if ok {
			ref = " "
		}
		g.done[key] = ref
	}
	return strings.TrimSpace(ref), ref != ""
}

// alternative writes the items that can be spoken.
func (g *grammar) alternative(items []*node) (string, bool) {
	var texts []string
	empty := false
	for _, item := range items {
		text, ok := g.node(item)
		if ok && text == "" {
			empty = true
		} else if ok && !slices.Contains(texts, text) {
			texts = append(texts, text)
		}
	}
	return either(texts, empty)
}

// either brackets alternatives; empty says that none may stand too.
func either(texts []string, empty bool) (string, bool) {
	switch {
	case len(texts) == 0:
		return "", empty
	case empty:
		return "[" + strings.Join(texts, " | ") + "]", true
	case len(texts) == 1:
		return texts[0], true
	}
	return "(" + strings.Join(texts, " | ") + ")", true
}

// permutation writes a rule for each set of items still to come: JSGF has no
// free order.
func (g *grammar) permutation(n *node) (string, bool) {
	type rest struct {
		n    *node
		left int
	}
	heads := make([]string, len(n.items))
	for i, item := range n.items {
		var ok bool
		if heads[i], ok = g.once(item, "p", func() (string, bool) { return g.node(item) }); !ok {
			return "", false
		}
	}
	var write func(left int) (string, bool)
	write = func(left int) (string, bool) {
		return g.once(rest{n, left}, "p", func() (string, bool) {
			var texts []string
			for i, head := range heads {
				if left&(1<<i) == 0 {
					continue
				}
				if tail := left &^ (1 << i); tail != 0 {
					after, ok := write(tail)
					if !ok {
						return "", false
					}
					head = strings.TrimSpace(head + " " + after)
				}
				texts = append(texts, head)
			}
			return either(slices.DeleteFunc(texts, func(t string) bool { return t == "" }), slices.Contains(texts, ""))
		})
	}
	return write(1<<len(n.items) - 1)
}

// list writes a list as a rule of its own.
func (g *grammar) list(l *list) (string, bool) {
	if l.wild {
		return "", false
	}
	return g.once(l, "l_"+l.name, func() (string, bool) {
		if l.number != nil {
			return g.span(l.number), true
		}
		var items []*node
		for _, v := range l.values {
			items = append(items, v.node)
		}
		return g.alternative(items)
	})
}

// say writes words, noting them, if letters and apostrophes can.
func (g *grammar) say(text string) (string, bool) {
	for _, w := range strings.Fields(text) {
		if !sayable(w) {
			return "", false
		}
	}
	for _, w := range strings.Fields(text) {
		g.words[w] = true
	}
	return text, true
}

func sayable(word string) bool {
	letters := 0
	for _, r := range word {
		if r >= 'a' && r <= 'z' {
			letters++
		} else if r != '\'' {
			return false
		}
	}
	return letters > 0
}

// glued parts items at their spaces: what stands in one group may form words
// together.
func glued(items []*node) [][]*node {
	var groups [][]*node
	open := false
	for _, item := range items {
		if item.kind == space {
			open = false
			continue
		}
		if !open {
			groups = append(groups, nil)
			open = true
		}
		groups[len(groups)-1] = append(groups[len(groups)-1], item)
	}
	return groups
}

// group writes items that stand without space between them, by spelling out
// their combinations. References stay references where they form words of
// their own, and are spelled out where they do not.
func (g *grammar) group(items []*node) (string, bool) {
	if len(items) == 1 {
		return g.node(items[0])
	}
	texts, empty, broken := g.spell(items, false)
	if broken {
		if more, e, _ := g.spell(items, true); more != nil {
			texts, empty = more, empty || e
		}
	}
	return either(texts, empty)
}

// spell writes every combination that consists of whole words. broken says
// that a reference was part of a word.
func (g *grammar) spell(items []*node, deep bool) (texts []string, empty, broken bool) {
	for _, c := range g.combine(items, deep) {
		fields, fine := strings.Fields(c), true
		for i, f := range fields {
			if strings.HasPrefix(f, "<") && strings.Count(f, "<") == 1 && strings.HasSuffix(f, ">") || sayable(f) {
				continue
			}
			fine = false
			broken = broken || strings.Contains(fields[i], "<")
		}
		if !fine {
			continue
		}
		if len(fields) == 0 {
			empty = true
			continue
		}
		for _, f := range fields {
			if f[0] != '<' {
				g.words[f] = true
			}
		}
		if text := strings.Join(fields, " "); !slices.Contains(texts, text) {
			texts = append(texts, text)
		}
	}
	return texts, empty, broken
}

// combine concatenates every choice of items; nil where they are too many.
func (g *grammar) combine(items []*node, deep bool) []string {
	all := []string{""}
	for _, item := range items {
		var next []string
		for _, tail := range g.choices(item, deep) {
			for _, head := range all {
				next = append(next, head+tail)
			}
			if len(next) > maxGlued {
				return nil
			}
		}
		all = next
	}
	return all
}

// choices is every text of one item.
func (g *grammar) choices(n *node, deep bool) []string {
	switch n.kind {
	case literal:
		return []string{n.text}
	case space:
		return []string{" "}
	case sequence:
		return g.combine(n.items, deep)
	case alternative:
		var all []string
		for _, item := range n.items {
			if all = append(all, g.choices(item, deep)...); len(all) > maxGlued {
				return nil
			}
		}
		return all
	case ruleRef:
		if deep {
			return g.choices(n.items[0], deep)
		}
	case listRef:
		if l := g.lists[n.list]; deep && !l.wild && l.number == nil {
			var all []string
			for _, v := range l.values {
				if all = append(all, g.choices(v.node, deep)...); len(all) > maxGlued {
					return nil
				}
			}
			return all
		}
	}
	if ref, ok := g.node(n); ok && strings.HasPrefix(ref, "<") {
		return []string{ref}
	}
	return nil
}

// span writes a range as number words. Fractions are left to digits.
func (g *grammar) span(s *span) string {
	var phrases [][]string
	for n := s.From; n <= s.To; n += s.Step {
		for _, said := range numberPhrases(n) {
			phrases = append(phrases, strings.Fields(said))
		}
	}
	return g.factor(phrases)
}

// factor writes phrases so that words with the same continuations share them:
// (twenty | thirty) [one | two]. It is exact and keeps the order.
func (g *grammar) factor(phrases [][]string) string {
	var order []string
	tails := map[string][][]string{}
	for _, p := range phrases {
		if _, ok := tails[p[0]]; !ok {
			order = append(order, p[0])
		}
		tails[p[0]] = append(tails[p[0]], p[1:])
		g.words[p[0]] = true
	}
	var suffixes []string
	heads := map[string][]string{}
	for _, word := range order {
		empty := false
		var longer [][]string
		for _, t := range tails[word] {
			if len(t) == 0 {
				empty = true
			} else {
				longer = append(longer, t)
			}
		}
		suffix := ""
		if longer != nil {
			suffix = g.shared(g.factor(longer), empty)
		}
		if _, ok := heads[suffix]; !ok {
			suffixes = append(suffixes, suffix)
		}
		heads[suffix] = append(heads[suffix], word)
	}
	var parts []string
	for _, suffix := range suffixes {
		words := strings.Join(heads[suffix], " | ")
		if suffix != "" {
			if len(heads[suffix]) > 1 {
				words = "(" + words + ")"
			}
			words += " " + suffix
		}
		parts = append(parts, words)
	}
	return strings.Join(parts, " | ")
}

// shared makes a rule of a suffix that many numbers have.
func (g *grammar) shared(body string, empty bool) string {
	ref, _ := g.once("n "+body, "n", func() (string, bool) { return body, true })
	if empty {
		return "[" + ref + "]"
	}
	return ref
}
