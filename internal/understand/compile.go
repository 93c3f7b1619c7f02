package understand

import (
	"errors"
	"fmt"
	"maps"
	"slices"
	"strings"

	"github.com/hearkeep/hearkeep"
)

// node is an expr whose references are resolved. Nodes form a graph without
// cycles in which a rule's body stands once, however often it is used.
type node struct {
	kind  kind
	text  string // literal; name of a list or rule
	bare  string // literal less its apostrophes
	slot  string
	list  int // index into Sentences.lists
	items []*node
}

// list is what a {list} stands for: one of values, a number, or anything.
type list struct {
	name   string
	values []value
	begin  map[string][]int // values by the first two bytes they must begin with
	others []int            // values that can begin with anything
	number *span
	wild   bool
	word   *node // stands for the list in the matcher's memory
}

// value is one compiled Value.
type value struct {
	node *node
	out  string
	same bool // out is what was spoken
}

// Sources keep the file's name for errors.
type (
	source struct {
		file string
		line
	}
	sourceRows struct {
		file string
		rows
	}
	sourceBlock struct {
		file, intent string
		block
	}
)

// compiler gathers files and makes Sentences of them.
type compiler struct {
	rules  map[string]source
	rows   map[string]sourceRows
	blocks []sourceBlock
	skip   []string

	parsed map[string]*expr // by text
	top    *scope
	out    *Sentences
	index  map[string]int // of fragments
	needs  map[*node][][]string
}

// scope is where names are looked up: a block's own, then the global ones.
type scope struct {
	rules map[string]source
	lists map[string]sourceRows
	known map[string]*node // compiled rules
	index map[string]int   // compiled lists
	open  []string         // rules being compiled, to find cycles
}

func newCompiler() *compiler {
	return &compiler{rules: map[string]source{}, rows: map[string]sourceRows{},
		parsed: map[string]*expr{}, index: map[string]int{}, needs: map[*node][][]string{}}
}

func newScope(rules map[string]source, lists map[string]sourceRows) *scope {
	return &scope{rules: rules, lists: lists, known: map[string]*node{}, index: map[string]int{}}
}

// compile resolves every sentence. Rules and lists that no sentence uses are
// not looked at, except that With may replace any global list.
func (c *compiler) compile() (*Sentences, error) {
	c.top = newScope(c.rules, c.rows)
	c.out = &Sentences{global: c.top.index, skip: c.skip}
	slices.SortFunc(c.out.skip, func(a, b string) int { return len(b) - len(a) })
	for _, b := range c.blocks {
		if err := c.block(b); err != nil {
			return nil, err
		}
	}
	return c.out, nil
}

// block compiles the sentences of one block.
func (c *compiler) block(b sourceBlock) error {
	sc := c.top
	if len(b.Rules)+len(b.Lists) > 0 {
		rules, lists := map[string]source{}, map[string]sourceRows{}
		for name, text := range b.Rules {
			rules[name] = source{b.file, text}
		}
		for name, r := range b.Lists {
			lists[name] = sourceRows{b.file, r}
		}
		sc = newScope(rules, lists)
	}
	var fixed []hearkeep.Slot
	for _, name := range slices.Sorted(maps.Keys(b.Slots)) {
		fixed = append(fixed, hearkeep.Slot{Name: name, Value: hearkeep.NewWords(fmt.Sprint(b.Slots[name]))})
	}
	var keywords []string
	for _, k := range b.Keywords {
		keywords = append(keywords, fold(k))
	}
	for _, s := range b.Sentences {
		n, err := c.text(sc, source{b.file, s})
		if err != nil {
			return err
		}
		t := &template{intent: b.intent, text: s.text, node: n, fixed: fixed,
			keywords: keywords, context: len(b.Requires) > 0}
		for _, clause := range c.required(n) {
			t.require = append(t.require, c.fragments(clause))
		}
		c.out.templates = append(c.out.templates, t)
	}
	return nil
}

// text parses and resolves one template.
func (c *compiler) text(sc *scope, s source) (*node, error) {
	e, ok := c.parsed[s.text]
	if !ok {
		var err error
		if e, err = parseTemplate(s.text); err != nil {
			return nil, &placed{fmt.Errorf("%s:%d: %w", s.file, s.at, err)}
		}
		c.parsed[s.text] = e
	}
	n, err := c.resolve(sc, e)
	if err != nil && !errors.As(err, new(*placed)) {
		err = &placed{fmt.Errorf("%s:%d: %w", s.file, s.at, err)}
	}
	return n, err
}

// placed is an error that says its file and line already: the innermost
// place, a rule rather than the sentence that uses it, is where to look.
type placed struct{ error }

// resolve makes a node of e.
func (c *compiler) resolve(sc *scope, e *expr) (*node, error) {
	switch e.kind {
	case ruleRef:
		return c.rule(sc, e.text)
	case listRef:
		i, err := c.list(sc, e.text)
		return &node{kind: listRef, text: e.text, slot: e.slot, list: i}, err
	}
	n := &node{kind: e.kind, text: e.text, bare: e.bare}
	for _, item := range e.items {
		child, err := c.resolve(sc, item)
		if err != nil {
			return nil, err
		}
		n.items = append(n.items, child)
	}
	return n, nil
}

// rule returns a rule's one node in a scope. A global rule is shared by all
// scopes unless it reaches a name that the scope has its own meaning for.
func (c *compiler) rule(sc *scope, name string) (*node, error) {
	if n, ok := sc.known[name]; ok {
		return n, nil
	}
	s, own := sc.rules[name]
	if !own {
		var ok bool
		if s, ok = c.rules[name]; !ok {
			return nil, fmt.Errorf("no rule is named <%s>", name)
		}
	}
	if slices.Contains(sc.open, name) {
		return nil, fmt.Errorf("rule <%s> contains itself", name)
	}
	if len(sc.open) >= maxDepth {
		return nil, fmt.Errorf("rule <%s> stands more than %d rules deep", name, maxDepth)
	}
	if sc != c.top && !own && !c.reaches(s, sc, map[string]bool{}) {
		return c.rule(c.top, name)
	}
	sc.open = append(sc.open, name)
	body, err := c.text(sc, s)
	sc.open = sc.open[:len(sc.open)-1]
	if err != nil {
		return nil, err
	}
	n := &node{kind: ruleRef, text: name, items: []*node{body}}
	sc.known[name] = n
	return n, nil
}

// reaches reports whether a global rule leads to a name of the scope's own.
func (c *compiler) reaches(s source, sc *scope, seen map[string]bool) bool {
	e, ok := c.parsed[s.text]
	if !ok {
		var err error
		if e, err = parseTemplate(s.text); err != nil {
			return false // compiling it globally reports the error
		}
		c.parsed[s.text] = e
	}
	var walk func(*expr) bool
	walk = func(e *expr) bool {
		switch e.kind {
		case listRef:
			_, own := sc.lists[e.text]
			return own
		case ruleRef:
			if _, own := sc.rules[e.text]; own {
				return true
			}
			if seen[e.text] {
				return false
			}
			seen[e.text] = true
			return c.reaches(c.rules[e.text], sc, seen)
		}
		return slices.ContainsFunc(e.items, walk)
	}
	return walk(e)
}

// list returns the index of a list as the scope sees it. A list that no file
// gives is empty until With fills it: names come from the home.
func (c *compiler) list(sc *scope, name string) (int, error) {
	r, own := sc.lists[name]
	if !own {
		sc, r = c.top, c.rows[name]
	}
	if i, ok := sc.index[name]; ok {
		return i, nil
	}
	l, err := r.compile(name)
	if err != nil {
		return 0, err
	}
	c.out.lists = append(c.out.lists, l)
	sc.index[name] = len(c.out.lists) - 1
	return sc.index[name], nil
}

// compile makes a list of what a file says.
func (r sourceRows) compile(name string) (*list, error) {
	switch {
	case r.Wildcard:
		return &list{name: name, wild: true, word: &node{}}, nil
	case r.Range != nil:
		if err := r.Range.check(); err != nil {
			return nil, fmt.Errorf("%s: list {%s}: %w", r.file, name, err)
		}
		return &list{name: name, number: r.Range, word: &node{}}, nil
	}
	values := make([]Value, len(r.Values))
	for i, v := range r.Values {
		values[i].In = v.In.text
		if v.Out != nil {
			values[i].Out = fmt.Sprint(v.Out)
		}
	}
	l, err := newTextList(name, values)
	if err != nil {
		return nil, fmt.Errorf("%s: %w", r.file, err)
	}
	return l, nil
}

// newTextList compiles values. They are templates without lists and rules.
func newTextList(name string, values []Value) (*list, error) {
	l := &list{name: name, begin: map[string][]int{}, word: &node{}}
	c := newCompiler()
	c.top, c.out = newScope(nil, nil), &Sentences{}
	for i, v := range values {
		e, err := parseTemplate(v.In)
		if err != nil {
			return nil, fmt.Errorf("list {%s}, value %d: %w", name, i+1, err)
		}
		n, err := c.resolve(c.top, e)
		if err != nil || len(c.out.lists) > 0 {
			return nil, fmt.Errorf("list {%s}, value %d: a value holds no list and no rule", name, i+1)
		}
		if !spoken(n) {
			continue // a name of punctuation only can not be said
		}
		l.values = append(l.values, value{node: n, out: v.Out, same: v.Out == ""})
		if start := leading(n); len(start) >= 2 {
			l.begin[start[:2]] = append(l.begin[start[:2]], len(l.values)-1)
		} else {
			l.others = append(l.others, len(l.values)-1)
		}
	}
	return l, nil
}

// spoken reports whether any literal stands below n.
func spoken(n *node) bool {
	return n.kind == literal || slices.ContainsFunc(n.items, spoken)
}

// leading is the literal that n begins with whatever is chosen, up to its
// first apostrophe, or "".
func leading(n *node) string {
	switch {
	case n.kind == literal:
		head, _, _ := strings.Cut(n.text, "'")
		return head
	case n.kind == sequence && len(n.items) > 0:
		return leading(n.items[0])
	}
	return ""
}

// required returns rows of literals; of each row, one must stand in any text
// that n matches. Lists are left out: With may change them.
func (c *compiler) required(n *node) [][]string {
	switch {
	case n.kind == literal && n.bare != n.text:
		return [][]string{{n.text, n.bare}}
	case n.kind == literal:
		return [][]string{{n.text}}
	}
	rows, ok := c.needs[n]
	if !ok {
		rows = c.requiredOf(n)
		c.needs[n] = rows
	}
	return rows
}

// A few short rows refuse nearly as much as all of them.
const (
	maxRows = 6
	maxRow  = 32 // literals
)

func (c *compiler) requiredOf(n *node) [][]string {
	shorter := func(a, b []string) int { return len(a) - len(b) }
	switch n.kind {
	case sequence, permutation, ruleRef:
		var all [][]string
		for _, item := range n.items {
			all = append(all, c.required(item)...)
		}
		slices.SortStableFunc(all, shorter)
		return all[:min(len(all), maxRows)]
	case alternative:
		var union []string
		for _, item := range n.items {
			rows := c.required(item)
			if len(rows) == 0 {
				return nil
			}
			union = append(union, slices.MinFunc(rows, shorter)...)
		}
		slices.Sort(union)
		if union = slices.Compact(union); len(union) <= maxRow {
			return [][]string{union}
		}
	}
	return nil
}

// fragments numbers literals, each once.
func (c *compiler) fragments(literals []string) []int {
	ids := make([]int, len(literals))
	for i, l := range literals {
		id, ok := c.index[l]
		if !ok {
			id = len(c.out.fragments)
			c.index[l] = id
			c.out.fragments = append(c.out.fragments, l)
		}
		ids[i] = id
	}
	return ids
}
