package understand

import (
	"fmt"
	"strings"
)

// Limits of one template, far above any that people write.
const (
	maxTemplate    = 16 << 10 // bytes
	maxDepth       = 64       // brackets within brackets
	maxPermutation = 8        // items whose order is free
)

// kind tells the forms of an expression apart.
type kind uint8

const (
	literal     kind = iota // text without white space
	space                   // white space, or a place where a word ends
	sequence                // items, one after the other
	alternative             // one of the items; the first that fits is preferred
	permutation             // all items, in any order, parted by space
	listRef                 // a value of a list, into a slot
	ruleRef                 // an expansion rule
)

// expr is a parsed template. An optional part is an alternative whose last
// item is an empty sequence.
type expr struct {
	kind  kind
	text  string // literal, or the name of a list or rule
	bare  string // a literal less its apostrophes: what's is also typed whats
	slot  string // of a listRef
	items []*expr
}

// parser reads one template.
type parser struct {
	in    string
	pos   int
	depth int
}

// parseTemplate reads a template: (a|b) [optional] {list} {list:slot} <rule>
// (a;b) and a backslash before a character that shall lose its meaning.
// An alternative may also stand at the top, outside brackets.
func parseTemplate(text string) (*expr, error) {
	if len(text) > maxTemplate {
		return nil, fmt.Errorf("a template has at most %d bytes", maxTemplate)
	}
	p := &parser{in: strings.TrimSpace(text)}
	e, err := p.group()
	if err != nil {
		return nil, err
	}
	if p.pos < len(p.in) {
		return nil, p.errorf("unexpected %q", p.in[p.pos])
	}
	return e, nil
}

func (p *parser) errorf(format string, args ...any) error {
	return fmt.Errorf("character %d: %s", p.pos+1, fmt.Sprintf(format, args...))
}

// group reads items up to a closing bracket or the end.
func (p *parser) group() (*expr, error) {
	if p.depth++; p.depth > maxDepth {
		return nil, p.errorf("more than %d brackets within each other", maxDepth)
	}
	defer func() { p.depth-- }()
	branches := []*expr{{kind: sequence}}
	var separator byte
	for p.pos < len(p.in) {
		switch c := p.in[p.pos]; c {
		case ')', ']', '}', '>':
			return join(branches, separator)
		case '|', ';':
			if separator != 0 && separator != c {
				return nil, p.errorf("one group holds both | and ;")
			}
			separator = c
			p.pos++
			branches = append(branches, &expr{kind: sequence})
		default:
			last := branches[len(branches)-1]
			items, err := p.item()
			if err != nil {
				return nil, err
			}
			last.items = append(last.items, items...)
		}
	}
	return join(branches, separator)
}

// join makes one expression of a group's branches.
func join(branches []*expr, separator byte) (*expr, error) {
	if separator == 0 {
		return branches[0], nil
	}
	for _, b := range branches {
		trim(b)
	}
	if separator == '|' {
		return &expr{kind: alternative, items: branches}, nil
	}
	if len(branches) > maxPermutation {
		return nil, fmt.Errorf("at most %d parts can be in free order", maxPermutation)
	}
	return &expr{kind: permutation, items: branches}, nil
}

// trim removes the space that people write around | and ;. Only a branch
// with nothing else in it keeps one, as in [([ ]%)].
func trim(b *expr) {
	if len(b.items) > 1 && b.items[len(b.items)-1].kind == space {
		b.items = b.items[:len(b.items)-1]
	}
}

// item reads one bracketed part, reference, space or run of text.
func (p *parser) item() ([]*expr, error) {
	switch c := p.in[p.pos]; c {
	case '(', '[':
		p.pos++
		inner, err := p.group()
		if err != nil {
			return nil, err
		}
		if err := p.expect(map[byte]byte{'(': ')', '[': ']'}[c]); err != nil {
			return nil, err
		}
		if c == '[' {
			inner = optional(inner)
		}
		return []*expr{inner}, nil
	case '{', '<':
		ref, err := p.reference(c)
		return []*expr{ref}, err
	case ' ', '\t', '\n', '\r':
		for p.pos < len(p.in) && strings.IndexByte(" \t\n\r", p.in[p.pos]) >= 0 {
			p.pos++
		}
		return []*expr{{kind: space}}, nil
	}
	return literals(p.text()), nil
}

func (p *parser) expect(c byte) error {
	if p.pos >= len(p.in) || p.in[p.pos] != c {
		return p.errorf("%q is missing", c)
	}
	p.pos++
	return nil
}

// optional adds the empty branch to e.
func optional(e *expr) *expr {
	if e.kind != alternative {
		e = &expr{kind: alternative, items: []*expr{e}}
	}
	e.items = append(e.items, &expr{kind: sequence})
	return e
}

// reference reads {list}, {list:slot} or <rule>.
func (p *parser) reference(open byte) (*expr, error) {
	closing := map[byte]byte{'{': '}', '<': '>'}[open]
	end := strings.IndexByte(p.in[p.pos:], closing)
	if end < 0 {
		return nil, p.errorf("%q is missing", closing)
	}
	name := strings.TrimSpace(p.in[p.pos+1 : p.pos+end])
	if open == '<' {
		if !isName(name) {
			return nil, p.errorf("%q is no name of a rule", name)
		}
		p.pos += end + 1
		return &expr{kind: ruleRef, text: name}, nil
	}
	name, slot, named := strings.Cut(name, ":")
	name, slot = strings.TrimSpace(name), strings.TrimSpace(slot)
	if !named {
		slot = name
	}
	if !isName(name) || !isName(slot) {
		return nil, p.errorf("%q is no name of a list and slot", p.in[p.pos+1:p.pos+end])
	}
	p.pos += end + 1
	return &expr{kind: listRef, text: name, slot: slot}, nil
}

// isName reports whether s can name a rule, a list or a slot.
func isName(s string) bool {
	for _, r := range s {
		if !isWord(r) && r != '_' && r != '-' && r != '.' {
			return false
		}
	}
	return s != ""
}

// text reads a run of unbracketed text, escapes resolved.
func (p *parser) text() string {
	var b strings.Builder
	for p.pos < len(p.in) {
		c := p.in[p.pos]
		if c == '\\' && p.pos+1 < len(p.in) {
			b.WriteByte(p.in[p.pos+1])
			p.pos += 2
			continue
		}
		if strings.IndexByte("()[]{}<>|; \t\n\r", c) >= 0 {
			break
		}
		b.WriteByte(c)
		p.pos++
	}
	return b.String()
}

// literals folds text as spoken text is folded, which may part it into words.
func literals(text string) []*expr {
	var items []*expr
	for i, word := range strings.Fields(foldLiteral(text)) {
		if i > 0 {
			items = append(items, &expr{kind: space})
		}
		bare := strings.ReplaceAll(word, "'", "")
		items = append(items, &expr{kind: literal, text: word, bare: bare})
	}
	return items
}
